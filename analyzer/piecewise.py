"""One formula for each way that a model's branches go: captured anew where no formula at hand holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from analyzer.analysis import Analysis
from analyzer.api import analyze
from analyzer.errors import InputError
from analyzer.symbolic.domain import Condition, Domain

__all__ = ["Piece", "Pieces", "piecewise"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A capture, and where its formulas hold.

    Attributes:
        analysis: the capture.
        domain: the names of its open sizes, and the conditions.
    """

    analysis: Analysis
    domain: Domain

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What holds for the sizes of this piece."""
        return tuple(self.domain.conditions)

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether its formulas hold for these sizes."""
        allowed = all(name.allows(sizes[name.name]) for name in self.domain.names)
        return allowed and all(condition.holds(sizes) for condition in self.conditions)


@dataclass(slots=True)
class Pieces:
    """The pieces that were captured so far; more are added where one is asked for.

    Attributes:
        capture: analyzes the model with these hints.
        pieces: what it gave.
    """

    capture: Callable[[Mapping[str, int]], Analysis] = field(repr=False)
    pieces: list[Piece] = field(default_factory=list)

    def __iter__(self) -> Iterator[Piece]:
        return iter(self.pieces)

    def __len__(self) -> int:
        return len(self.pieces)

    def add(self, hints: Mapping[str, int] | None = None) -> Piece:
        """Capture with these hints.

        Raises:
            InputError: no dimension is open.
            AnalyzerError: the model cannot be analyzed there.
        """
        analysis = self.capture(hints or {})
        if analysis.domain is None:
            raise InputError("no dimension is open", hint='TensorSpec(("B", 3, "H", "W"))')
        piece = Piece(analysis, analysis.domain)
        if piece.conditions not in [known.conditions for known in self.pieces]:
            self.pieces.append(piece)
        return piece

    def piece(self, **sizes: int) -> Piece:
        """The piece that holds for these sizes; it is captured where there is none yet.

        Raises:
            InputError: a name is missing or unknown.
            AnalyzerError: the model cannot be analyzed for these sizes.
        """
        missing = [name.name for name in self.pieces[0].domain.names if name.name not in sizes]
        if missing:  # a size that one piece pins is another one in the next
            raise InputError(f"say the size of {', '.join(missing)} too")
        self.pieces[0].domain.sizes(sizes)
        return next((piece for piece in self.pieces if piece.holds(sizes)), None) or self.add(sizes)

    def total(self, convention: Any = "flops", /) -> list[tuple[tuple[Condition, ...], Any]]:
        """(conditions, formula) of every piece."""
        return [(piece.conditions, piece.analysis.total(convention)) for piece in self.pieces]

    def at(self, convention: Any = "flops", /, **sizes: int) -> int:
        """The cost for these sizes, by the piece that holds there."""
        total = self.piece(**sizes).analysis.total(convention)
        return int(total.at(**sizes)) if hasattr(total, "at") else int(total)

    def __str__(self) -> str:
        lines = []
        for conditions, formula in self.total():
            where = ", ".join(map(str, conditions))
            lines.append(f"{formula:,} FLOPs" + (f"   where {where}" if where else ""))
        return "\n".join(lines)


def piecewise(
    model: Callable[..., Any],
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    hints: Iterable[Mapping[str, int]] = ({},),
    **options: Any,
) -> Pieces:
    """The cost of a model as a list of formulas, each with the conditions under which it holds.

    Args:
        model: as for `analyze`.
        args: positional inputs, with names for open sizes.
        kwargs: keyword inputs.
        hints: sizes, one dict a piece, by which branches are decided.
        options: as for `analyze`: ``assume``, ``training``, ...

    Raises:
        InputError: no dimension is open.
        AnalyzerError: the model cannot be analyzed with these hints.

    >>> import torch
    >>> from analyzer import TensorSpec
    >>> def forward(x, w):
    ...     return x @ w if x.shape[0] < 64 else x[:64] @ w
    >>> pieces = piecewise(forward, (TensorSpec(("N", 7)), TensorSpec((7, 5))), hints=[{"N": 11}])
    >>> pieces.at("macs", N=13), len(pieces)
    (455, 1)
    >>> pieces.at("macs", N=100), len(pieces)
    (2240, 2)
    >>> print(pieces)
    65·N FLOPs   where N ≤ 63
    4,160 FLOPs   where N ≥ 64
    """
    found = Pieces(lambda sizes: analyze(model, args, kwargs, hints=sizes, **options))
    for sizes in hints:
        found.add(sizes)
    if not found.pieces:
        raise InputError("hints is a list of at least one dict of sizes")
    return found
