"""Rules of third parties: a real distribution with an entry point, two that clash, broken ones."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from analyzer import RuleError, RuleSet, TensorSpec, analyze, plugins
from analyzer.plugins import GROUP, installed_rules

PACKAGE = Path(__file__).parents[1] / "plugin_package"


def by_hand(site: Path, name: str, entry: str, **modules: str) -> Path:
    """What an installer leaves behind: modules, and a dist-info with an entry point."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {entry}\n")
    for module, code in modules.items():
        (site / f"{module}.py").write_text(code)
    return site


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A directory into which tests/plugin_package is installed, without a network."""
    work = tmp_path_factory.mktemp("plugin")
    source, site = work / "source", work / "site"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__"))
    if importlib.util.find_spec("hatchling") and importlib.util.find_spec("pip"):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
        subprocess.run([*pip, "--target", site, source], check=True, capture_output=True, text=True)
    else:  # the build backend is no dependency of ours
        by_hand(site, "plugin-sample", "plugin_sample.rules:RULES")
        shutil.copytree(source / "plugin_sample", site / "plugin_sample")
    return site


PROGRAM = """
import json
import torch
from torch import nn
from analyzer import analyze
from plugin_sample import Gate, Swirl

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.swirl, self.gate = nn.Linear(7, 5), Swirl(11), Gate(55)

    def forward(self, x):
        return self.gate(self.swirl(self.fc(x)))

analysis = analyze(Net().eval(), (3, 7))
print(json.dumps({
    "ops": [node.op for node in analysis.graph], "shape": analysis.outputs.shape, "func": analysis.counts.func,
    "mul": analysis.counts.mul, "macs": analysis.total("macs"), "remarks": list(map(str, analysis.diagnostics)),
    "statuses": sorted({node.status for node in analysis.graph}), "why": analysis.why("swirl.swirl"),
}))
"""


def test_an_installed_distribution_answers_for_its_operator_and_its_layer(site, fresh_python):
    found = json.loads(fresh_python(PROGRAM, PYTHONPATH=str(site)))
    assert found["ops"] == ["input", "linear", "swirl", "gate", "output"]
    assert found["shape"] == [3, 55]
    assert (found["macs"], found["func"], found["mul"]) == (105, 165, 165)
    assert found["statuses"] == ["ruled"]
    assert found["remarks"] == []
    assert "a function an element" in found["why"]


def test_without_it_nobody_knows_the_operator(site, fresh_python):
    bare = site.parent / "bare"  # the same code, not installed
    shutil.copytree(site / "plugin_sample", bare / "plugin_sample")
    program = """
from analyzer import MissingRuleError, analyze
from plugin_sample import Swirl
try:
    analyze(Swirl(11), (3, 7))
except MissingRuleError as error:
    print(error)
"""
    assert "plugin_sample.swirl" in fresh_python(program, PYTHONPATH=str(bare))


# --- in this process: distributions on the path, and nothing remembered ---

RULES = "import torch\nfrom analyzer import Counts, RuleSet, TensorSpec\nRULES = RuleSet()\n"
RELU = RULES + 'RULES.elementwise("{name}", torch.relu, "relu", func={cost})\n'


@pytest.fixture
def site_packages(tmp_path, monkeypatch):
    """An empty folder on the path; rules are read anew, before and after."""
    monkeypatch.syspath_prepend(tmp_path)
    installed_rules.cache_clear()
    yield tmp_path
    installed_rules.cache_clear()
    for file in tmp_path.glob("*.py"):
        sys.modules.pop(file.stem, None)


def test_a_distribution_takes_the_place_of_the_built_in_rules(site_packages):
    by_hand(site_packages, "mine", "mine_rules:RULES", mine_rules=RELU.format(name="my_relu", cost=3))
    assert analyze(torch.relu, TensorSpec((3, 7))).by_op("all")["my_relu"] == 63


def test_two_distributions_that_clash(site_packages):
    by_hand(site_packages, "one", "rules_one:RULES", rules_one=RELU.format(name="one_relu", cost=1))
    by_hand(site_packages, "two", "rules_two:RULES", rules_two=RELU.format(name="two_relu", cost=2))
    for _ in range(2):  # the second time says the same
        with pytest.raises(RuleError, match=r"two rules for.*'one_relu' and 'two_relu'") as caught:
            analyze(torch.relu, TensorSpec((3, 7)))
        assert "entry point 'two' (rules_two:RULES)" in str(caught.value), "who brings the second one"


def test_two_distributions_that_do_not_clash(site_packages):
    by_hand(site_packages, "one", "rules_one:RULES", rules_one=RELU.format(name="one_relu", cost=1))
    by_hand(site_packages, "two", "rules_two:RULES", rules_two=RULES + 'RULES.elementwise("t", torch.tanh, func=2)\n')
    analysis = analyze(lambda x: x.relu() + torch.tanh(x), TensorSpec((3, 7)))
    assert analysis.by_op("all") == {"t": 42, "one_relu": 21, "add": 21, "input": 0, "output": 0}


MISSPELT = RULES + (
    "@RULES.op(torch.relu)\ndef relu(input: TensorSpec) -> TensorSpec:\n    return input\n"
    "@relu.cost\ndef _(inputs):\n    return Counts()\n"
)
BROKEN = {
    "no module": ("nowhere:RULES", "", "ModuleNotFoundError"),
    "no attribute": ("broken_rules:RULEZ", RULES, "AttributeError"),
    "no rule set": ("broken_rules:RULES", "RULES = {}", "is a dict, not a RuleSet"),
    "a syntax error": ("broken_rules:RULES", "RULES = (", "SyntaxError"),
    "an import that is missing": ("broken_rules:RULES", "import not_installed_anywhere", "not_installed_anywhere"),
    "a misspelt argument": ("broken_rules:RULES", MISSPELT, "asks for 'inputs'"),
    "a method that does not exist": (
        "broken_rules:RULES",
        RULES + 'RULES.elementwise("x", "relux")',
        "no method 'relux'",
    ),
}


@pytest.mark.parametrize(("entry", "code", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_distribution_is_one_clear_error(entry, code, words, site_packages):
    by_hand(site_packages, "broken", entry, broken_rules=code)
    with pytest.raises(RuleError) as caught:
        analyze(nn.Linear(7, 5), (3, 7))
    assert words in str(caught.value)
    assert f"entry point 'broken' ({entry})" in str(caught.value)


def test_the_built_in_rules_come_in_by_the_same_door():
    rules = installed_rules()
    assert isinstance(rules, RuleSet)
    assert len(rules) > 500
    assert installed_rules() is rules


def test_no_rules_at_all_is_a_sentence_that_says_what_to_do(site_packages, monkeypatch):
    monkeypatch.setattr(plugins, "entry_points", lambda group: [])
    with pytest.raises(RuleError, match="no rules are installed") as caught:
        analyze(nn.Linear(7, 5), (3, 7))
    assert "pip install" in str(caught.value)


def test_a_foreign_package_called_rules_is_named_by_its_path(tmp_path, fresh_python):
    """There is one on PyPI."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "__init__.py").write_text("")
    program = (
        "from analyzer.plugins import installed_rules\ntry: installed_rules()\nexcept Exception as error: print(error)"
    )
    assert str(tmp_path / "rules" / "__init__.py") in fresh_python(program, PYTHONPATH=str(tmp_path))
