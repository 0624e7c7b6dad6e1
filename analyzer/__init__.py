"""flopgraph: what a PyTorch model costs, and where, before a single weight exists.

    from analyzer import analyze
    print(analyze(model, (1, 3, 224, 224)))

The names below are loaded when they are first used: importing this package imports neither torch nor networkx.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what type checkers see; Python finds the same names by `_HOMES` below
    from analyzer.analysis import Analysis as Analysis
    from analyzer.api import analyze as analyze
    from analyzer.baseline import Baseline as Baseline
    from analyzer.conventions import CONVENTIONS as CONVENTIONS, Convention as Convention
    from analyzer.counts import Counts as Counts, Traffic as Traffic
    from analyzer.difference import Difference as Difference, diff as diff
    from analyzer.errors import (
        AnalyzerError as AnalyzerError,
        DataDependentError as DataDependentError,
        Diagnostic as Diagnostic,
        InputError as InputError,
        LimitError as LimitError,
        MissingRuleError as MissingRuleError,
        ModelError as ModelError,
        RuleError as RuleError,
        ShapeError as ShapeError,
    )
    from analyzer.generation import Generation as Generation, generation as generation
    from analyzer.graph import Graph as Graph
    from analyzer.limits import Check as Check, check as check
    from analyzer.node import Edge as Edge, Node as Node, Parameter as Parameter
    from analyzer.piecewise import Pieces as Pieces, piecewise as piecewise
    from analyzer.promotion import broadcast_shapes as broadcast_shapes, result_dtype as result_dtype
    from analyzer.rule import Bound as Bound, Rule as Rule
    from analyzer.ruleset import RuleSet as RuleSet
    from analyzer.skeleton import skeleton as skeleton
    from analyzer.spec import Known as Known, TensorSpec as TensorSpec
    from analyzer.sweeps import Job as Job, Result as Result, sweep as sweep
    from analyzer.symbolic.domain import Condition as Condition, ConditionError as ConditionError
    from analyzer.symbolic.expression import Expression as Expression
    from analyzer.symbolic.search import crossing as crossing, largest as largest
    from analyzer.zoo import Loaded as Loaded, load as load

_HOMES = {
    "analysis": ("Analysis",),
    "api": ("analyze",),
    "baseline": ("Baseline",),
    "conventions": ("CONVENTIONS", "Convention"),
    "counts": ("Counts", "Traffic"),
    "difference": ("Difference", "diff"),
    "errors": (
        "AnalyzerError", "DataDependentError", "Diagnostic", "InputError", "LimitError", "MissingRuleError",
        "ModelError", "RuleError", "ShapeError",
    ),
    "generation": ("Generation", "generation"),
    "graph": ("Graph",),
    "limits": ("Check", "check"),
    "node": ("Edge", "Node", "Parameter"),
    "piecewise": ("Pieces", "piecewise"),
    "promotion": ("broadcast_shapes", "result_dtype"),
    "rule": ("Bound", "Rule"),
    "ruleset": ("RuleSet",),
    "skeleton": ("skeleton",),
    "spec": ("Known", "TensorSpec"),
    "zoo": ("Loaded", "load"),
    "symbolic.domain": ("Condition", "ConditionError"),
    "symbolic.expression": ("Expression",),
    "symbolic.search": ("crossing", "largest"),
    "sweeps": ("Job", "Result", "sweep"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


class _Package(ModuleType):
    """A function may have the name of the submodule it is in: importing the submodule must not put it in its place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _HOME_OF or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
