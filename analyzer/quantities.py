"""Numbers as people write limits: ``26M``, ``4.2G``, ``10MB``, ``1%``."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from analyzer.errors import InputError

__all__ = ["parse_quantity", "parse_tolerance"]

PREFIXES = {"": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
DIGITS = r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9][0-9_]*"  # a comma parts thousands: 26,5 is not 265
NUMBER = re.compile(rf"((?:{DIGITS})(?:\.[0-9]+)?(?:e\+?[0-9]{{1,2}})?)\s*([kKMGTPE]?)(i?)(B?)")


def parse_quantity(value: str | int | float, name: str, *, bytes: bool = False) -> int:
    """A limit as a whole number, rounded down.

    Args:
        value: a number, or one with a prefix: k M G T P E are powers of 1000, Ki Mi Gi of 1024 (of bytes alone).
        name: what it is given as, for the message.
        bytes: whether it counts bytes; a B may follow then.

    >>> parse_quantity("26M", "max_params"), parse_quantity("4.2G", "max_macs"), parse_quantity(4.2e9, "max_macs")
    (26000000, 4200000000, 4200000000)
    >>> parse_quantity("10 MB", "max_peak", bytes=True), parse_quantity("10MiB", "max_peak", bytes=True)
    (10000000, 10485760)

    Raises:
        InputError: it is none.
    """
    example = "10MB or 10MiB" if bytes else "4200000000 or 4.2G"
    problem = InputError(f"{name} takes a number such as {example}, not {value!r}")
    text = f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
    match = NUMBER.fullmatch(text.strip())
    if match is None or isinstance(value, bool):
        raise problem
    number, prefix, binary, byte = match.groups()
    if (byte and not bytes) or (binary and not (byte and prefix)):
        if byte and not bytes:
            said = f"{number}{prefix}" if prefix else f"{number}G is a thousand millions"
            problem.hint = f"a count has no B: {said}"
        raise problem
    power = PREFIXES["k" if prefix == "K" else prefix]
    return int(Decimal(re.sub("[_,]", "", number)) * (1024 if binary else 1000) ** power)


def parse_tolerance(value: str | float | Fraction, name: str = "tolerance") -> Fraction:
    """A share, exactly: text says per cent, a number is the share itself.

    >>> parse_tolerance("1%"), parse_tolerance("0.5 %"), parse_tolerance(0.25)
    (Fraction(1, 100), Fraction(1, 200), Fraction(1, 4))

    Raises:
        InputError: it is none.
    """
    if isinstance(value, str):
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*%", value.strip())
        if match is None:
            raise InputError(f"{name} takes per cent such as 1%, not {value!r}")
        return Fraction(match[1]) / 100
    if isinstance(value, bool) or not 0 <= value < float("inf"):
        raise InputError(f"{name} takes a share of 0 or more such as 0.01, not {value!r}")
    return Fraction(str(value)) if isinstance(value, float) else Fraction(value)
