"""Numbers as ptflops writes them: ``"4.13 GMac"``, ``"25.56 M"``."""

from __future__ import annotations

__all__ = ["flops_to_string", "params_to_string"]


def flops_to_string(flops: float, units: str | None = None, precision: int = 2) -> str:
    """Multiply-accumulates in the largest unit that they fill, or in the one that is asked for.

    Args:
        flops: multiply-accumulates.
        units: ``"GMac"``, ``"MMac"`` or ``"KMac"``; any other text gives the bare number, None chooses by size.
        precision: digits behind the point.

    >>> flops_to_string(4133742592), flops_to_string(705), flops_to_string(4133742592, "MMac", 1)
    ('4.13 GMac', '705 Mac', '4133.7 MMac')
    """
    scales = {"GMac": 10**9, "MMac": 10**6, "KMac": 10**3}
    if units is None:
        units = next((unit for unit, scale in scales.items() if flops // scale > 0), "Mac")
    return f"{round(flops / scales[units], precision)} {units}" if units in scales else f"{flops} Mac"


def params_to_string(params_num: float, units: str | None = None, precision: int = 2) -> str:
    """Parameters in millions or thousands, or in the unit that is asked for.

    Args:
        params_num: how many.
        units: ``"M"``, ``"K"`` or ``"B"``; any other text gives the bare number, None chooses by size.
        precision: digits behind the point.

    >>> params_to_string(25557032), params_to_string(1792), params_to_string(64), params_to_string(6.74e9, "B", 1)
    ('25.56 M', '1.79 k', '64', '6.7 B')
    """
    scales = {"B": 10**9, "M": 10**6, "K": 10**3, "k": 10**3}
    if units is None:
        units = next((unit for unit in ("M", "k") if params_num // scales[unit] > 0), "")
    elif units == "k":  # ptflops itself writes it and does not take it
        units = ""
    return f"{round(params_num / scales[units], precision)} {units}" if units in scales else str(params_num)
