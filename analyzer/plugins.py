"""The one door rules come in by: the entry-point group ``analyzer.rules``. The built-in rules come in by it too."""

from __future__ import annotations

import importlib.util
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from analyzer.errors import RuleError
from analyzer.ruleset import RuleSet

__all__ = ["GROUP", "installed_rules"]

GROUP = "analyzer.rules"


@cache
def installed_rules() -> RuleSet:
    """Every installed package's rules, joined; once a process. ``installed_rules.cache_clear()`` reads them anew.

    The project's own rules come first, and another package's rule for the same target takes their place. Two other
    packages' rules for one target clash.

    Raises:
        RuleError: no rules are installed, an entry point cannot be loaded or is no `RuleSet`, or two packages clash.
    """
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    ours = [entry for entry in found if entry.value == "rules:RULES"]
    if not ours:
        hint = "pip install -e . in the project's folder, or pip install flopgraph"
        raise RuleError("no rules are installed", hint=hint)
    theirs = RuleSet()
    for entry in found:
        if entry.value != "rules:RULES":
            try:
                theirs = theirs | _load(entry)
            except RuleError as error:
                message = f"entry point {entry.name!r} ({entry.value}): {error.message}"
                raise RuleError(message, hint=error.hint) from None
    return _load(ours[0]).override(theirs)


def _load(entry: EntryPoint) -> RuleSet:
    try:
        rules = entry.load()
    except Exception as error:
        where = ""
        if entry.value == "rules:RULES":
            # Another package on PyPI is called rules too: say which one Python finds.
            spec = importlib.util.find_spec("rules")
            where = f"; the package rules that Python finds is {spec.origin if spec else 'nowhere'}"
        raise RuleError(f"cannot load {entry.value}: {type(error).__name__}: {error}{where}") from error
    if not isinstance(rules, RuleSet):
        raise RuleError(f"{entry.value} is a {type(rules).__name__}, not a RuleSet")
    return rules
