"""Sizes that stay open: names for dimensions, formulas of them, and the conditions under which they hold."""
