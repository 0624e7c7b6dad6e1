"""Which class of transformers stands for a configuration and a head: transformers' own tables, asked by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from analyzer.errors import InputError
from analyzer.zoo.request import Request, did_you_mean

__all__ = ["class_for", "heads"]


def heads(package: Any) -> dict[str, Any]:
    """Head -> transformers' auto class for it: ``causal-lm`` -> ``AutoModelForCausalLM``."""
    auto = package.models.auto.modeling_auto
    found = {}
    for name in vars(auto):
        if name.startswith("AutoModelFor"):
            found[_dashed(name.removeprefix("AutoModelFor"))] = getattr(auto, name)
    return found


def _dashed(name: str) -> str:
    """The name of a head as it is written on a command line.

    >>> _dashed("CausalLM"), _dashed("Seq2SeqLM"), _dashed("CTC"), _dashed("AudioXVector")
    ('causal-lm', 'seq2seq-lm', 'ctc', 'audio-xvector')
    """
    words = [""]
    for before, letter in zip(f" {name}", name, strict=False):
        if letter.isupper() and (before.islower() or before.isdigit()) and len(words[-1]) > 1 and before != "2":
            words.append("")
        words[-1] += letter
    return "-".join(words).lower()


def class_for(package: Any, config: Any, request: Request) -> Any:
    """The class of the head that is asked for, else of the configuration's ``architectures``, else without a head.

    Raises:
        InputError: there is no such head, or no model with it.
    """
    kind = config.model_type
    if request.head is None or request.head.lower() == "none":
        named = (config.architectures or [None])[0] if request.head is None else None
        cls = getattr(package, named, None) if named else None
        return cls or _without_head(package, config, request)
    known = heads(package)
    wanted = {_plain(name): name for name in known}.get(_plain(request.head))
    if wanted is None:
        raise InputError(f"transformers has no head {request.head!r}", hint=did_you_mean(request.head, known))
    found = _names(known[wanted]._model_mapping, kind)
    if not found:
        own = [name for name in known if _names(known[name]._model_mapping, kind)]
        message = f"{kind} has no head {wanted}; it has {', '.join([*own, 'none'])}"
        raise InputError(message)
    return getattr(package, found[0])


def _plain(head: str) -> str:
    """A head without what people write in different ways: ``seq-classification``, ``CausalLM``."""
    plain = head.lower().replace("-", "").replace("_", "")
    return plain.replace("seqclassification", "sequenceclassification").replace("seqtoseq", "seq2seq")


def _names(mapping: Any, kind: str) -> list[str]:
    found = mapping._model_mapping.get(kind) or []
    return [found] if isinstance(found, str) else list(found)


def _without_head(package: Any, config: Any, request: Request) -> Any:
    """The bare model of a configuration; where transformers' tables have none, the one that its file defines."""
    auto = package.models.auto.modeling_auto
    for name in _names(auto.MODEL_MAPPING, config.model_type):
        if hasattr(package, name):
            return getattr(package, name)
    for cls in heads(package).values():
        for name in _names(cls._model_mapping, config.model_type):
            if hasattr(package, name):
                return getattr(package, name)
    found = _defined(package, type(config))
    whole = [cls for name, cls in found.items() if name.endswith("Model")] or list(found.values())
    if not whole:
        message = f"transformers has no model of its own for {config.model_type}: it is a part of other models"
        raise InputError(message)
    return whole[-1]


def _defined(package: Any, config_class: Any) -> Mapping[str, Any]:
    """The models for a configuration in the file beside it, the smaller ones first."""
    place = config_class.__module__.replace(".configuration_", ".modeling_")
    try:
        module = importlib.import_module(place)
    except ImportError:
        return {}
    return {
        name: cls
        for name, cls in vars(module).items()
        if isinstance(cls, type)
        and issubclass(cls, package.PreTrainedModel)
        and cls.__module__ == place
        and getattr(cls, "config_class", None) is config_class
        and not name.endswith("PreTrainedModel")
    }
