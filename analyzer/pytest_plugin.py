"""The fixture ``cost_check``: a test fails where a model costs more than when its costs were last recorded.

    def test_costs(cost_check):
        cost_check(analyze(Net().eval(), (1, 3, 64, 64)), max_params="26M")

``pytest --update-costs`` records, in ``costs.json`` beside the test.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from analyzer.analysis import Analysis
    from analyzer.limits import Check

__all__ = ["CostCheck", "cost_check", "pytest_addoption"]

FILE = "costs.json"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-costs``."""
    group = parser.getgroup("flopgraph")
    group.addoption("--update-costs", action="store_true", help=f"record what models cost in {FILE} beside the tests")


class CostCheck:
    """Compares the costs of models with those that were recorded for one test.

    Args:
        path: the test's file.
        test: its name.
        update: whether costs are recorded now.
    """

    def __init__(self, path: Path, test: str, *, update: bool) -> None:
        self.file = path.with_name(FILE)
        self.key = f"{path.name}::{test}"
        self.update = update
        self.seen: set[str] = set()

    def __call__(self, analysis: Analysis, *, name: str = "", tolerance: str | float = 0, **limits: Any) -> Check:
        """Fail the test where the model costs more than was recorded, or more than a limit.

        Args:
            analysis: the model.
            name: tells several models in one test apart.
            tolerance: by how much it may cost more: ``"1%"`` or 0.01.
            limits: as for `analyzer.check`: ``max_macs="4.2G"``.
        """
        from analyzer.baseline import Baseline, entry
        from analyzer.errors import InputError
        from analyzer.limits import check

        key = f"{self.key} {name}".rstrip()
        if key in self.seen:
            raise InputError(f"{key} is checked twice: give each model a name", hint='cost_check(analysis, name="...")')
        self.seen.add(key)
        if self.update:
            Baseline(self.file).write(key, entry(analysis))
        try:
            kept = Baseline.read(self.file).entry(key)
        except InputError as error:
            pytest.fail(f"{error}\n  try     pytest --update-costs", pytrace=False)
        found = check(analysis, baseline=kept, tolerance=tolerance, **limits)
        if not found.passed:
            pytest.fail("\n".join(f"{found.name}: {finding}" for finding in found.broken), pytrace=False)
        return found


@pytest.fixture
def cost_check(request: pytest.FixtureRequest) -> CostCheck:
    """Fail where a model costs more than was recorded: ``cost_check(analysis, max_macs="4.2G")``."""
    test = request.node.nodeid.partition("::")[2]
    return CostCheck(request.path, test, update=request.config.getoption("update_costs"))
