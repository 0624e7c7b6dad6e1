"""Arguments of another kind than a rule expects: torch's parser is strict about some and lets others pass."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

INTS = torch.int64

# Of a sequence torch asks only the first whether it is a bool; behind it True is 1.
FLAGS_AMONG_NUMBERS = {
    "permute": lambda x: x.permute(2, True, 0),
    "permute, first": lambda x: x.permute((True, 2, 0)),
    "view": lambda x: x.view(24, True),
    "view, first": lambda x: x.view(True, 24),
    "zeros": lambda x: x.new_zeros((2, True)),
    "sum": lambda x: x.sum((0, True)),
    "pad": lambda x: F.pad(x, (0, True)),
    "pad, first": lambda x: F.pad(x, (True, 0)),
    "split": lambda x: x.split((1, True)),
    "unflatten, first": lambda x: x.unflatten(0, (True, 2)),
    "conv2d": lambda x: F.conv2d(x, x.new_zeros(2, 2, 1, 1), padding=(1, True)),
    "max_pool2d": lambda x: F.max_pool2d(x, (1, True)),
    "max_pool2d, alone": lambda x: F.max_pool2d(x, True),
    "tensordot": lambda x: torch.tensordot(x, x, ((0, True), (0, True))),
    "interpolate, a factor": lambda x: F.interpolate(x, scale_factor=True),
}


@pytest.mark.parametrize("name", FLAGS_AMONG_NUMBERS)
def test_a_flag_among_numbers(name, agree):
    agree(name, FLAGS_AMONG_NUMBERS[name], torch.zeros(2, 3, 4))


OTHER_KINDS = {
    "a number as normalized_shape": (lambda x: F.layer_norm(x, 4), (2, 4)),
    "a number as normalized_shape, rms": (lambda x: F.rms_norm(x, 4), (2, 4)),
    "a nested normalized_shape": (lambda x: F.layer_norm(x, ((4,),)), (2, 4)),
    "no eps": (lambda x: F.layer_norm(x, (4,), eps=None), (2, 4)),
    "a flag as num_groups": (lambda x: F.group_norm(x, True), (2, 4)),
    "no p": (lambda x: F.dropout(x, None), (2, 4)),
    "a complex p": (lambda x: F.dropout2d(x, 1j), (2, 4, 4)),
    "a number as training": (lambda x: F.dropout(x, training=1), (2, 4)),
    "a number as align_corners": (lambda x: F.interpolate(x, 3, mode="linear", align_corners=0), (1, 2, 4)),
    "a number as align_corners of a grid": (
        lambda x: F.grid_sample(x, x.new_zeros(1, 2, 2, 2), align_corners=1),
        (1, 2, 4, 4),
    ),
    "a fraction as padding_idx": (lambda x: F.embedding(x.long(), x, padding_idx=0.5), (2, 4)),
    "no limit": (lambda x: F.hardtanh(x, None, 1.0), (2, 4)),
    "no order": (lambda x: torch.cdist(x, x, None), (2, 4)),
    "no delta": (lambda x: F.huber_loss(x, x, delta=None), (2, 4)),
    "no margin": (lambda x: F.margin_ranking_loss(x, x, x, margin=None), (2, 4)),
    "a number as log_target": (lambda x: F.kl_div(x, x, log_target=1), (2, 4)),
    "a fraction as ignore_index": (lambda x: F.nll_loss(x, torch.zeros(2, dtype=INTS), ignore_index=1.5), (2, 4)),
    "a device of nobody": (lambda x: torch.zeros_like(x, device="nonsense"), (2, 4)),
    "no tensor to split": (lambda x: torch.split(None, 2), (2, 4)),
    "no tensor to norm": (lambda x: torch.norm(None), (2, 4)),
    "no tensor of values": (lambda x: torch.unique(None), (2, 4)),
    "no dtype": (lambda x: torch.triu_indices(2, 3, dtype=None), ()),
}


@pytest.mark.parametrize("name", OTHER_KINDS)
def test_an_argument_of_another_kind(name, agree):
    function, shape = OTHER_KINDS[name]
    agree(name, function, torch.zeros(shape))
