"""What thop and its descendant print: how each class of layers is counted, and which is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import nn

from analyzer.compat.thop.custom import Custom

__all__ = ["announce", "in_red"]


def announce(
    model: nn.Module,
    custom: Custom,
    hook_of: Callable[[nn.Module], str],
    missing: str = "",
    skip: Callable[[nn.Module], bool] = lambda module: False,
) -> None:
    """Print how each class of modules is counted, the first time that one comes up, children before their parents.

    Args:
        model: the model.
        custom: the user's functions.
        hook_of: the tool's name for how it counts a module; empty where it does not.
        missing: what to print of a class that it does not count; nothing when left out.
        skip: which modules are passed over.
    """
    seen: set[type] = set()
    for module in _children_first(model):
        cls = type(module)
        if cls in seen or skip(module):
            continue
        seen.add(cls)
        rule = custom.rule(module)
        if rule is not None:
            print(f"[INFO] Customize rule {getattr(rule, '__qualname__', rule)}() {cls}.")
        elif hook_of(module):
            print(f"[INFO] Register {hook_of(module)}() for {cls}.")
        elif missing:
            in_red(f"[WARN] Cannot find rule for {cls}. {missing}")


def _children_first(model: nn.Module) -> Iterator[nn.Module]:
    seen: set[nn.Module] = set()

    def below(module: nn.Module) -> Iterator[nn.Module]:
        seen.add(module)
        for child in module.children():
            if child not in seen:
                yield from below(child)
        yield module

    return below(model)


def in_red(text: str) -> None:
    """Print a line in red."""
    print(f"\033[91m{text}\n\033[00m", end="")
