"""Where images and sounds stand in a text: each takes the place of as many tokens as the model makes of it."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.api import analyze
from analyzer.pytree import leaves
from analyzer.spec import KNOWN_LIMIT, TensorSpec
from analyzer.zoo.fillers import FILLERS

if TYPE_CHECKING:
    from analyzer.zoo.feed import Feed

__all__ = ["Placeholders", "placeholders"]


@dataclass(frozen=True, slots=True)
class Placeholders:
    """Tokens that stand for one modality.

    Attributes:
        token: the id that the model looks for.
        count: how many there are in each text; None where that is not known.
    """

    token: int
    count: int | None


def placeholders(feed: Feed, kind: str, name: str) -> Placeholders | None:
    """What stands for a modality in the text of a model, its number asked of the model itself.

    Args:
        feed: the model and its inputs.
        kind: ``"image"`` or ``"audio"``, as in ``image_token_id`` and ``get_image_features``.
        name: the modality's input, such as ``"pixel_values"``.
    """
    if not {name, "input_ids"} <= set(feed.parameters):
        return None
    token = feed.find(f"{kind}_token_id", f"{kind}_token_index")
    if not isinstance(token, int):
        return None
    return Placeholders(token, _count(feed, f"get_{kind}_features", name))


def _count(feed: Feed, method: str, name: str) -> int | None:
    """How many vectors of features there are for each text."""
    features = getattr(feed.model, method, None)
    if features is None:
        return None
    wanted = set(inspect.signature(features).parameters) & set(feed.candidates)
    try:
        kwargs = {item: FILLERS[item](feed) for item in wanted if item in FILLERS}
        found = analyze(lambda **inputs: features(**inputs), (), kwargs, training=False).outputs
    except Exception:  # whatever it is, the model cannot be fed so either, and its text alone can
        return None
    if hasattr(found, "pooler_output"):
        found = found.pooler_output
    specs = [spec for _, spec in leaves(found, (TensorSpec,))]
    width = feed.model.get_input_embeddings().weight.shape[-1]
    if not specs or any(spec.shape[-1:] != (width,) for spec in specs):
        return None  # features that the text cannot take
    total = sum(math.prod(spec.shape[:-1]) for spec in specs)
    return total // feed.batch if total % feed.batch == 0 and total + feed.batch * feed.seq <= KNOWN_LIMIT else None
