"""A formula of sympy as text for people: ``9,408·B·⌈H/2⌉``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["in_words", "sum_in_words", "to_latex"]

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_RELATIONS = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥", "<": "<", ">": ">"}


def in_words(expr: Any) -> str:
    """A formula, or a relation, as one writes it.

    >>> from analyzer.symbolic.rounding import FloorDiv, symbol
    >>> H = symbol("H")
    >>> in_words(9408 * FloorDiv(H + 1, 2) ** 2), in_words(FloorDiv(H - 7, 8)), in_words(H - 32 * FloorDiv(H, 32))
    ('9,408·⌈H/2⌉²', '⌊(H − 7)/8⌋', 'H mod 32')
    """
    if expr.is_Relational:
        left, right = _sides(expr)
        return f"{in_words(left)} {_RELATIONS[expr.rel_op]} {in_words(right)}"
    if type(expr).__name__ in ("And", "Or"):
        return f" {type(expr).__name__.lower()} ".join(sorted(map(in_words, expr.args)))
    if expr.is_Add:
        return _remainder(expr) or sum_in_words(_ordered(expr.args))
    if expr.is_Mul:
        return _product(*expr.as_coeff_Mul())
    if expr.is_Pow and expr.exp.is_Integer and expr.exp > 0:
        return f"{_atom(expr.base)}{str(int(expr.exp)).translate(_SUPERSCRIPTS)}"
    if expr.is_Integer:
        return f"{int(expr):,}".replace("-", "−")
    return _named(expr)


def _sides(relation: Any) -> tuple[Any, Any]:
    """Both sides, with the number behind a remainder on the right, and what is taken away."""
    from analyzer.symbolic.rounding import remainder

    left, right = relation.lhs, relation.rhs
    found = remainder(left)
    if found:
        return left - found[2], right - found[2]
    for term in left.args if left.is_Add and right.is_Integer else ():
        if term.as_coeff_Mul()[0] < 0:
            left, right = left - term, right - term
    return left, right


def _named(expr: Any) -> str:
    name = type(expr).__name__
    if name == "FloorDiv":
        top, bottom = expr.args
        return _rounded(top, bottom, in_words, "⌊{}/{}⌋", "⌈{}/{}⌉", _atom)
    if name == "CeilLog2":
        return f"⌈log2({in_words(expr.args[0])})⌉"
    if name in ("Max", "Min"):
        return f"{name.lower()}({', '.join(in_words(part) for part in _ordered(expr.args))})"
    if name == "Round":
        return f"round({in_words(expr.args[0])})"
    if name in ("floor", "ceiling"):
        left, right = "⌊⌋" if name == "floor" else "⌈⌉"
        return f"{left}{in_words(expr.args[0])}{right}"
    return str(expr).replace("*", "·")


def sum_in_words(terms: Iterable[Any]) -> str:
    """Terms with their signs between them, in this order."""
    text = ""
    for term in terms:
        word = in_words(term)
        text += word if not text else f" − {word[1:]}" if word.startswith("−") else f" + {word}"
    return text or "0"


def _remainder(expr: Any) -> str:
    """``x mod n`` for x − n·⌊x/n⌋, alone or with a number behind it."""
    from analyzer.symbolic.rounding import remainder

    found = remainder(expr)
    if found is None:
        return ""
    number, by, left = found
    text = f"{_atom(number)} mod {f'{by:,}' if isinstance(by, int) else _atom(by)}"
    return f"({text}){' − ' if left < 0 else ' + '}{abs(left):,}" if left else text


def _product(number: Any, rest: Any) -> str:
    factors = [_atom(factor) for factor in _ordered(rest.args if rest.is_Mul else (rest,))]
    if number == 1:
        return "·".join(factors)
    if number == -1:
        return f"−{'·'.join(factors)}"
    if number.is_Integer:
        return "·".join([in_words(number), *factors])
    if number.is_Float:
        return "·".join([repr(float(number)), *factors])
    return f"{_product(number * number.q, rest)}/{number.q:,}"


def _ordered(parts: Iterable[Any]) -> list[Any]:
    return sorted(parts, key=lambda part: (part.is_number, not part.is_Symbol, part.sort_key()))


def _atom(expr: Any) -> str:
    text = in_words(expr)
    return f"({text})" if expr.is_Add or " mod " in text else text


def _rounded(top: Any, bottom: Any, words: Callable[[Any], str], down: str, up: str, atom: Callable[[Any], str]) -> str:
    """Rounded up where this leaves a smaller number in the ratio: ``⌈H/2⌉`` for ⌊(H + 1)/2⌋."""
    constant, rest = top.as_coeff_Add()
    if bottom.is_Integer and 2 * constant >= bottom:
        return up.format(atom(rest + constant - bottom + 1), words(bottom))
    return down.format(atom(top), atom(bottom))


def to_latex(expr: Any) -> str:
    r"""A formula, or a relation, in LaTeX's mathematics.

    >>> from analyzer.symbolic.rounding import FloorDiv, symbol
    >>> B, H = symbol("B"), symbol("H_in")
    >>> print(to_latex(9408 * B * FloorDiv(H + 1, 2) ** 2))
    9408 B \left\lceil \frac{H_{in}}{2} \right\rceil^{2}
    """
    import sympy
    from sympy.printing.latex import LatexPrinter

    class Printer(LatexPrinter):  # type: ignore[misc]
        def _print_FloorDiv(self, expr: Any, exp: str | None = None) -> str:  # noqa: N802
            down, up = (rf"\left\l{name} {{}} \right\r{name}" for name in ("floor", "ceil"))
            down, up = (text.replace("{}", r"\frac{{{}}}{{{}}}") for text in (down, up))
            top, bottom = expr.args
            text = _rounded(top, bottom, self._print, down, up, self._print)
            return f"{text}^{{{exp}}}" if exp else text

    printer = Printer({"order": "none", "mul_symbol": None})
    return str(printer.doprint(expr if expr.is_Relational else sympy.sympify(expr)))
