"""Shapes and costs of torch's operators: one file per family, joined here, written out. Importing does nothing else."""

from __future__ import annotations

from analyzer.ruleset import RuleSet

__all__ = ["RULES"]

RULES: RuleSet = RuleSet()
