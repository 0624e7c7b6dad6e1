"""Numbers as calflops and DeepSpeed write them: ``"1.43 GFLOPS"``."""

from __future__ import annotations

__all__ = [
    "bytes_to_string",
    "duration_to_string",
    "flops_to_string",
    "macs_to_string",
    "number_to_string",
    "params_to_string",
]

_SCALES = {"T": 1e12, "G": 1e9, "M": 1e6, "K": 1e3, "": 1.0, "m": 1e-3, "u": 1e-6}


def number_to_string(num: float, units: str | None = None, precision: int = 2) -> str:
    """A number in the largest unit that it fills, or in the one that is asked for.

    Args:
        num: the number.
        units: ``"T"``, ``"G"``, ``"M"``, ``"K"``, ``"m"`` or ``"u"``; by size when left out.
        precision: digits behind the point. No more than six digits are written in all.

    >>> number_to_string(1429740000), number_to_string(7, "K", 3), number_to_string(0)
    ('1.43 G', '0.007 K', '0 ')
    """
    if units is None:
        units = next((unit for unit, scale in _SCALES.items() if num >= scale), "u") if num else ""
    return f"{round(num / _SCALES.get(units, 1.0), precision):g} {units}"


def flops_to_string(flops: float, units: str | None = None, precision: int = 2) -> str:
    """Operations, and operations a second as well.

    >>> flops_to_string(1429740000, precision=4)
    '1.4297 GFLOPS'
    """
    return f"{number_to_string(flops, units, precision)}FLOPS"


def macs_to_string(macs: float, units: str | None = None, precision: int = 2) -> str:
    """Multiply-accumulates.

    >>> macs_to_string(714188480)
    '714.19 MMACs'
    """
    return f"{number_to_string(macs, units, precision)}MACs"


def params_to_string(params_num: float, units: str | None = None, precision: int = 2) -> str:
    """Parameters, whose billions are B.

    >>> params_to_string(61100840), params_to_string(6.74e9)
    ('61.1 M', '6.74 B')
    """
    units = units.replace("B", "G") if units else units
    return number_to_string(params_num, units, precision).replace("G", "B").strip()


def bytes_to_string(b: float, units: str | None = None, precision: int = 2) -> str:
    """Bytes, in thousands.

    >>> bytes_to_string(244403360)
    '244.4 MB'
    """
    return f"{number_to_string(b, units, precision)}B"


def duration_to_string(duration: float, units: str | None = None, precision: int = 2) -> str:
    """Seconds.

    >>> duration_to_string(0.0173)
    '17.3 ms'
    """
    return f"{number_to_string(duration, units, precision)}s"
