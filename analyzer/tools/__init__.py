"""The tools that people compare with: what each counts, as functions of a captured graph. None need be installed."""

from __future__ import annotations

from collections.abc import Mapping

from analyzer.errors import InputError
from analyzer.tools import (
    calflops,
    deepspeed,
    flop_counter,
    fvcore,
    ptflops,
    ptflops_aten,
    thop,
    torchinfo,
    ultralytics_thop,
)
from analyzer.tools.tool import Entry, Reading, Tool

__all__ = ["TOOLS", "Entry", "Reading", "Tool", "tool"]

TOOLS: Mapping[str, Tool] = {
    each.name: each
    for each in (
        thop.THOP,
        ultralytics_thop.ULTRALYTICS_THOP,
        ptflops.PYTORCH,
        ptflops_aten.ATEN,
        fvcore.FVCORE,
        torchinfo.TORCHINFO,
        calflops.CALFLOPS,
        calflops.CALFLOPS_MACS,
        deepspeed.DEEPSPEED,
        deepspeed.DEEPSPEED_MACS,
        flop_counter.META,
        flop_counter.CPU,
    )
}


def tool(name: str) -> Tool:
    """The tool of that name.

    Raises:
        InputError: there is none; the sentence lists those that exist.
    """
    try:
        return TOOLS[name]
    except (KeyError, TypeError):
        raise InputError(f"no tool {name!r} is known; there are {', '.join(TOOLS)}") from None
