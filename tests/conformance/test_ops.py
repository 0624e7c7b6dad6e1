"""Shape rules against torch itself, over a fast sample of torch's own sample inputs for its operators and modules.

torch carries sample calls for its operators (``op_db``), samples that it must reject, and samples for its modules
(``module_db``). Each answer is held against what torch returns on the CPU. The whole corpora take minutes; here every
operator of a spread of families is called with its first few samples.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_leaves

from analyzer import AnalyzerError, analyze

pytest.importorskip("expecttest")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.common_modules import module_db

EVERY = 9  # one operator in so many, from each end of the alphabet alike
DTYPES = (torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.complex64)
SAMPLES = 4

# Their output depends on data: a bound, or an error that says so, is right as well.
BY_VALUE = frozenset(
    """
    __getitem__ allclose argwhere bincount corrcoef cov equal item linalg.lstsq masked_select narrow
    nn.functional.one_hot nonzero nonzero_static repeat_interleave tensor_split unique unique_consecutive
    """.split()
)
OPERATORS = [op for op in op_db[::EVERY] if op.name not in BY_VALUE]
REJECTING = [op for op in op_db if op.error_inputs_func is not None and op.name not in BY_VALUE][::EVERY]


def described(tree: Any) -> list[tuple[tuple[int, ...], torch.dtype]]:
    leaves = tree_leaves(tree)
    return [(tuple(leaf.shape), leaf.dtype) for leaf in leaves if hasattr(leaf, "shape") and hasattr(leaf, "dtype")]


def names(ops: list[Any]) -> list[str]:
    return [f"{op.name}{op.variant_test_name and '-'}{op.variant_test_name}" for op in ops]


@pytest.mark.parametrize("op", OPERATORS, ids=names(OPERATORS))
def test_outputs_of_an_operator_are_torchs(op):
    for dtype in op.supported_dtypes("cpu").intersection(DTYPES):
        for _, sample in zip(range(SAMPLES), op.sample_inputs("cpu", dtype, requires_grad=False), strict=False):
            args = (sample.input, *sample.args)
            try:
                real = described(op(*copy.deepcopy(args), **copy.deepcopy(sample.kwargs)))
            except (RuntimeError, NotImplementedError, AssertionError):
                continue  # torch itself does not take it here
            assert described(analyze(op, args, sample.kwargs).outputs) == real, (dtype, sample)


@pytest.mark.parametrize("op", REJECTING, ids=names(REJECTING))
def test_what_torch_rejects_is_rejected(op):
    for error in op.error_inputs("cpu"):
        sample = error.sample_input
        try:
            op(sample.input, *sample.args, **sample.kwargs)
        except Exception:
            with pytest.raises(AnalyzerError):
                analyze(op, (sample.input, *sample.args), sample.kwargs)


@pytest.mark.parametrize("info", module_db[::5], ids=[info.name for info in module_db[::5]])
def test_outputs_of_a_module_are_torchs(info):
    for training in (False, True):
        samples = info.module_inputs_func(
            info, device="cpu", dtype=torch.float32, requires_grad=False, training=training
        )
        for sample in samples[:SAMPLES]:
            call = sample.forward_input
            if call is None:
                continue
            module = info.module_cls(*sample.constructor_input.args, **sample.constructor_input.kwargs).train(training)
            real = described(copy.deepcopy(module)(*copy.deepcopy(call.args), **copy.deepcopy(call.kwargs)))
            assert described(analyze(module, tuple(call.args), call.kwargs).outputs) == real
