"""Numbers of numpy's in a model's calls are Python's own."""

import numpy as np
import pytest
import torch

from analyzer import TensorSpec, analyze

CALLS = {
    "a factor": lambda x: x * np.int64(3),
    "a factor in front": lambda x: np.int64(3) * x,
    "a divisor": lambda x: x / np.float32(2),
    "a truth": lambda x: x * np.bool_(True),
    "whole numbers by a fraction": lambda x: x.to(torch.int64) * np.float32(2),
    "bounds": lambda x: torch.clamp(x, np.float32(0), np.float32(1)),
    "a size": lambda x: x.view(np.int64(7), -1),
    "an index": lambda x: x[np.int64(1)],
    "a dimension": lambda x: x.transpose(np.int32(0), np.int32(1)).sum(np.int64(1)),
    "a fill": lambda x: x + torch.full((7,), np.float32(2)) + torch.arange(np.int64(7)),
    "a comparison": lambda x: (x == np.int64(1)) | (x != np.bool_(True)),
    "padding": lambda x: torch.nn.functional.pad(x, (np.int64(1), np.int64(2))),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_calls(call):
    answer, real = analyze(call, (TensorSpec((3, 7)),)).outputs, call(torch.ones(3, 7))
    assert (answer.shape, answer.dtype) == (tuple(real.shape), real.dtype)
