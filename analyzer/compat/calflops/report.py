"""The report of calflops: totals, with a backward pass too, then the model with every module's share."""

from __future__ import annotations

from torch import nn

from analyzer.compat.numbers import flops_to_string, macs_to_string, params_to_string
from analyzer.compat.profiles import Profile, annotated

__all__ = ["report"]

_HEAD = "\n------------------------------------- Calculate Flops Results -------------------------------------"
_DETAILS = "\n-------------------------------- Detailed Calculated FLOPs Results --------------------------------"


def report(profile: Profile, factor: float, units: str | None, precision: int, detailed: bool) -> str:
    """The text, without a newline at its end.

    Args:
        profile: what every module costs.
        factor: how many times a forward pass the backward pass costs.
        units: of the totals; by size for None.
        precision: digits behind the point.
        detailed: whether the modules are listed.
    """
    flops, macs, params = profile.total
    rows = [
        ("Total Training Params: ", params_to_string(params)),
        ("fwd MACs: ", macs_to_string(macs, units, precision)),
        ("fwd FLOPs: ", flops_to_string(flops, units, precision)),
        ("fwd+bwd MACs: ", macs_to_string(macs * (1 + factor), units, precision)),
        ("fwd+bwd FLOPs: ", flops_to_string(flops * (1 + factor), units, precision)),
    ]
    notations = (
        "Notations:\nParams are the parameters in training, MACs multiply-accumulates, FLOPs operations (FLOPS),"
        f"\nfwd a forward pass, bwd a backward pass, which is taken for {factor:.2f} times a forward pass.\n"
    )
    lines = [_HEAD, notations, *(f"{name:<70}  {value:<8}" for name, value in rows)]
    if detailed:
        explained = (
            "Behind the name of each module: its params, MACs and FLOPs, each with its share of the model's. What a\n"
            "module calculates in functions of its own is in its numbers, and in those of no module below it.\n"
        )
        lines += [_DETAILS, explained, annotated(profile.model, lambda module: _shares(profile, module, precision))]
    return "\n".join([*lines, "-" * 99])


def _shares(profile: Profile, module: nn.Module, precision: int) -> str:
    costs, total = profile.of(module), profile.total
    shown = [
        (params_to_string(costs.params), costs.params, total.params, "Params"),
        (macs_to_string(costs.macs), costs.macs, total.macs, "MACs"),
        (flops_to_string(costs.flops), costs.flops, total.flops, "FLOPs"),
    ]
    shares = [(text, round(100 * part / whole, precision) if whole else 0, name) for text, part, whole, name in shown]
    return ", ".join(f"{text} = {share:g}% {name}" for text, share, name in shares)
