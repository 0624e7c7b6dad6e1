"""What happens in an operation, before any convention names it: arithmetic (`Counts`) and memory (`Traffic`)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Counts", "Traffic"]


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each kind of scalar operation is carried out.

    Attributes:
        mac: products that the same call sums (a multiply-accumulate each).
        dot: how many sums those products fall into, so ``2 * mac - dot`` is their multiplications and additions:
            a dot product of length K is K multiplications and K - 1 additions.
        add: other additions and subtractions.
        mul: other multiplications.
        div: divisions.
        cmp: comparisons: min, max, abs, sign, clamp and relu-like selections among them.
        func: functions: exp, sqrt, erf, sin, ...

    >>> Counts.dots(outputs=15, length=7) + Counts(add=15)
    Counts(mac=105, dot=15, add=15, mul=0, div=0, cmp=0, func=0)
    """

    mac: int = 0
    dot: int = 0
    add: int = 0
    mul: int = 0
    div: int = 0
    cmp: int = 0
    func: int = 0

    @classmethod
    def dots(cls, outputs: int, length: int) -> Counts:
        """``outputs`` dot products of ``length`` products each. Sums of nothing are nothing.

        >>> Counts.dots(3, 0)
        Counts(mac=0, dot=0, add=0, mul=0, div=0, cmp=0, func=0)
        """
        if length == 0:
            return cls()
        return cls(mac=outputs * length, dot=outputs)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.mac + other.mac,
            self.dot + other.dot,
            self.add + other.add,
            self.mul + other.mul,
            self.div + other.div,
            self.cmp + other.cmp,
            self.func + other.func,
        )

    def __mul__(self, times: int) -> Counts:
        """The same work ``times`` over.

        >>> (Counts(add=2) * 3).add
        6
        """
        return Counts(
            self.mac * times,
            self.dot * times,
            self.add * times,
            self.mul * times,
            self.div * times,
            self.cmp * times,
            self.func * times,
        )

    __rmul__ = __mul__

    def __bool__(self) -> bool:
        return bool(self.mac or self.dot or self.add or self.mul or self.div or self.cmp or self.func)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that one call moves, each tensor once: what it reads, what it writes, and the weights among what it reads.

    >>> Traffic(read=12, written=4) + Traffic(read=1, weights=1)
    Traffic(read=13, written=4, weights=1)
    """

    read: int = 0
    written: int = 0
    weights: int = 0

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(self.read + other.read, self.written + other.written, self.weights + other.weights)

    def __bool__(self) -> bool:
        return bool(self.read or self.written)
