"""What libraries ask of data though it has no part in what a model costs, and the answers that are taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analyzer.ruleset import RuleSet

__all__ = ["RULES"]

RULES = RuleSet()

# Whether a mask could be left out. The products are the same either way; the mask is kept.
RULES.answer("torch/nn/modules/transformer.py:_detect_is_causal_mask", False)
RULES.answer("transformers/masking_utils.py:_ignore_causal_mask_sdpa", False)
RULES.answer("transformers/masking_utils.py:_ignore_bidirectional_mask_sdpa", False)

# Whether to warn.
RULES.answer("transformers/modeling_utils.py:warn_if_padding_and_no_attention_mask", False)

# Whether all is well, or to raise.
RULES.answer("torch/__init__.py:_check_tensor_all_with", True)
RULES.answer("torch/__init__.py:_check_with", True)

# Whether a factorization failed, and a larger diagonal is tried.
RULES.answer("linear_operator/utils/cholesky.py:_psd_safe_cholesky", False)

# Whether two sets of as many points are one: their distances then have zeros on the diagonal.
RULES.answer("gpytorch/kernels/kernel.py:covar_dist", True)


def _image(local: Callable[[str], Any]) -> int:
    """The longer side of the image: no box is larger."""
    return int(max(max(shape) for shape in local("image_shapes")))


def _canvas(local: Callable[[str], Any]) -> int:
    height, width = int(local("im_h")), int(local("im_w"))
    return max(height, width)


# How large a box is that a detector found, when its mask or its keypoints are drawn into the image.
RULES.answer("torchvision/models/detection/roi_heads.py:paste_mask_in_image", _canvas)
RULES.answer("torchvision/models/detection/roi_heads.py:heatmaps_to_keypoints", _image)
