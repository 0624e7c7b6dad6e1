"""Conventions: what a tool or a paper calls the cost of a node. Pure functions of one `Node`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from analyzer.bounds import is_bound
from analyzer.counts import Counts
from analyzer.errors import InputError
from analyzer.node import Node

__all__ = ["CONVENTIONS", "Convention", "convention"]

Weights = Mapping[str, int]
KINDS = ("mac", "dot", "add", "mul", "div", "cmp", "func")

# A complex product is 4 multiplications and 2 additions, a complex sum 2 additions, so a complex dot product of
# length K is 6K + 2(K - 1) = 8K - 2 real operations. A complex quotient by the textbook formula
# (a + bi)(c - di) / (c² + d²) is 6 multiplications, 3 additions and 2 divisions. The rest stays one each.
COMPLEX_PARTS: Weights = {"mac": 4, "dot": 2, "add": 2, "mul": 6, "div": 11, "cmp": 1, "func": 1}


@dataclass(frozen=True, slots=True)
class Convention:
    """A name for weights on `Counts`, with a small table of operations that are counted otherwise.

    Attributes:
        name: how it is asked for, ``analysis.total(name)``.
        source: where the convention is defined.
        weights: what one operation of each kind counts.
        folds: whether a folded BatchNorm costs nothing.
        parts: whether complex arithmetic is counted in its real parts.
        overrides: operations counted by a function of the node instead.

    >>> convention("macs").weigh(Counts(mac=105, dot=15, add=15))
    105
    >>> convention("flops").weigh(Counts(mac=105, dot=15, add=15))
    210
    """

    name: str
    source: str
    weights: Weights
    folds: bool = False
    parts: bool = True
    overrides: Mapping[str, Callable[[Node], int]] = field(default_factory=dict)

    def weigh(self, counts: Counts, *, complex: bool = False) -> int:
        """The weighted sum of ``counts``, of complex numbers where said."""
        return sum(weight * getattr(counts, kind) for kind, weight in self._weights(complex).items())

    def __call__(self, node: Node) -> int:
        """What this node costs."""
        if node.op in self.overrides:
            return self.overrides[node.op](node)
        if self.folds and node.status == "folded":
            return 0
        counts = node.counts
        if not counts:
            return 0
        return self.weigh(counts, complex=is_complex(node))

    def over(self, nodes: Iterable[Node]) -> list[int]:
        """What each of many nodes costs. Equal layers share their counts, and each is weighed once.

        >>> convention("macs").over([])
        []
        """
        known: dict[tuple[int, bool], int] = {}
        costs = []
        for node in nodes:
            if node.op in self.overrides or (self.folds and node.status == "folded"):
                costs.append(self(node))
                continue
            key = (id(node.counts), self.parts and is_complex(node))
            cost = known.get(key)
            if cost is None:
                cost = known[key] = self.weigh(node.counts, complex=key[1]) if node.counts else 0
            costs.append(cost)
        return costs

    def _weights(self, complex: bool) -> Weights:
        if not (complex and self.parts):
            return self.weights
        return {kind: weight * COMPLEX_PARTS[kind] for kind, weight in self.weights.items()}

    def explain(self, node: Node, counts: Counts | None = None) -> str:
        """The formula with its values in it, as text.

        Args:
            node: the node.
            counts: its counts as formulas (see `analyzer.formula`); the plain numbers when left out.
        """
        total = f"{self(node):,}"
        if node.op in self.overrides:
            return f"{total}   ({self.name} counts {node.op} by a rule of its own; see {self.source})"
        if self.folds and node.status == "folded":
            return "0   (folded into the convolution in front, evaluation mode)"
        counts = node.counts if counts is None else counts
        terms = _terms(counts, self._weights(is_complex(node)))
        if not terms:
            return "0   (nothing that this convention counts)"
        return f"{' + '.join(terms)} = {total}".replace("+ −", "− ")


_FFTS = frozenset(
    f"{kind}{dims}" for kind in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft") for dims in ("", "2", "n")
)
# Their rules count additions and multiplications of real parts already, as the field does for a Fourier transform.
IN_PARTS = _FFTS | {"stft", "istft"}


_COMPLEX = frozenset({torch.complex32, torch.complex64, torch.complex128})


def is_complex(node: Node) -> bool:
    """Whether the node's counts are of complex numbers."""
    if node.op in IN_PARTS:
        return False
    if any(spec.dtype in _COMPLEX for spec in node.outputs):
        return True
    return any(edge.spec.dtype in _COMPLEX for edge in node.inputs)


def _terms(counts: Counts, weights: Weights) -> list[str]:
    """``weight·count`` for every kind; products and their sums are drawn together as (2·K − 1)·outputs."""
    terms = []
    mac, dot = weights.get("mac", 0), weights.get("dot", 0)
    length = _common_length(counts)
    if length is not None and mac and dot:
        terms.append(f"({mac}·{_atom(length)} − {-dot})·{_atom(counts.dot)}")
        mac = dot = 0
    rest: dict[str, Any] = {"mac": mac, "dot": dot} | {k: weights.get(k, 0) for k in KINDS[2:]}
    for kind, weight in rest.items():
        value = getattr(counts, kind)
        if weight and value:
            factor = "" if weight == 1 else "−" if weight == -1 else f"{weight}·"
            terms.append(f"{factor}{_atom(value)} {kind}")
    return terms


def _common_length(counts: Counts) -> Any:
    """The length K of the dot products where one factor of their products is it; None where they differ in length."""
    for length in getattr(counts.mac, "factors", ()):
        if counts.dot and int(length) * int(counts.dot) == int(counts.mac):
            return length
    return None


def _atom(value: Any) -> str:
    text = f"{value:,}" if type(value) is int or is_bound(value) else str(value)
    return f"({text})" if " + " in text or " − " in text else text


FLOPS: dict[str, int] = {"mac": 2, "dot": -1, "add": 1, "mul": 1, "div": 1}

# Matrix products that FlopCounterMode has no formula for, so it prints 0 (torch/utils/flop_counter.py, flop_registry).
_UNSEEN = frozenset({
    "mv", "dot", "vdot", "vecdot", "addmv", "addbmm", "addr", "int_mm", "bilinear", "grouped_mm", "scaled_grouped_mm",
    "affine_grid", "embedding_bag", "deform_conv2d", "matrix_exp", "pinv",
})  # fmt: skip


def _seen_by_flop_counter(node: Node) -> int:
    """Products with a vector on the right become mv and dot in torch, which FlopCounterMode has no formula for."""
    right = node.arguments.get("other", node.arguments.get("tensor2"))
    return 0 if right is not None and right.ndim == 1 else 2 * node.counts.mac


_ALL = (
    Convention("macs", "multiply-accumulates; a complex one counts one, as in torch", {"mac": 1}, parts=False),
    Convention(
        "flops",
        "2·mac − dot + add + mul + div; an evaluation BatchNorm behind its convolution is folded",
        FLOPS,
        folds=True,
    ),
    Convention(
        "all",
        "2·mac − dot + add + mul + div + cmp + func, nothing folded",
        FLOPS | {"cmp": 1, "func": 1},
    ),
    Convention(
        "flop_counter",
        "torch.utils.flop_counter.FlopCounterMode of torch 2.14, on meta, no_grad, evaluation",
        {"mac": 2},
        parts=False,
        overrides=dict.fromkeys(_UNSEEN, lambda node: 0) | dict.fromkeys(("matmul", "inner"), _seen_by_flop_counter),
    ),
)
CONVENTIONS: Mapping[str, Convention] = {convention.name: convention for convention in _ALL}


def convention(name: str | Convention) -> Convention:
    """The convention of that name.

    Raises:
        InputError: there is none; the sentence lists those that exist.
    """
    if isinstance(name, Convention):
        return name
    try:
        return CONVENTIONS[name]
    except (KeyError, TypeError):
        raise InputError(f"no convention {name!r}; there are {', '.join(CONVENTIONS)}") from None
