"""Which models a command line means: shell-style patterns over the names that a model package has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Protocol

from analyzer.errors import InputError
from analyzer.importing import import_named
from analyzer.zoo.build import offline
from analyzer.zoo.request import did_you_mean

__all__ = ["expand", "names"]


class _Lister(Protocol):
    def __call__(self, package: Any, /) -> Iterable[str]: ...


_LISTS: Mapping[str, _Lister] = {
    "torchvision": lambda package: package.models.list_models(),
    "timm": lambda package: package.list_models(),
    "transformers": lambda package: package.models.auto.configuration_auto.CONFIG_MAPPING_NAMES,
}


def names(source: str) -> list[str]:
    """All models of ``torchvision`` or ``timm``, all model types of ``transformers``, in the package's own order.

    Raises:
        InputError: there is no such list, or the package is not installed.

    >>> names("torchvision")[:2]
    ['alexnet', 'convnext_base']
    """
    if source not in _LISTS:
        raise InputError(f"there is no list of the models of {source!r}, but of {', '.join(_LISTS)}")
    with offline():
        return list(_LISTS[source](import_named(source)))


def expand(patterns: Iterable[str]) -> list[str]:
    """The models that patterns such as ``timm:vit_*`` stand for, each once; what is no pattern stands for itself.

    Raises:
        InputError: a pattern fits no model, or its source has no list of models.

    >>> expand(["torchvision:resnet[15]*", "torchvision:resnet50", "net.py:Net"])
    ['torchvision:resnet101', 'torchvision:resnet152', 'torchvision:resnet18', 'torchvision:resnet50', 'net.py:Net']
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        source, _, name = pattern.partition(":")
        if not re.search(r"[*?\[]", name):
            found[pattern] = None
            continue
        known = names(source)
        fitting = [item for item in known if fnmatchcase(item, name)]
        if not fitting:
            plain = re.sub(r"[*?\[\]]", "", name)
            raise InputError(f"no model of {source} fits {name!r}", hint=did_you_mean(plain, known))
        found |= dict.fromkeys(f"{source}:{item}" for item in fitting)
    return list(found)
