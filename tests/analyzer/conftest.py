"""Analyses held against torch itself: the same model, the same inputs, really run."""

from __future__ import annotations

import copy
import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from analyzer import Analysis, TensorSpec, analyze


def _described(tree: Any) -> Any:
    """A tree with ``(shape, dtype)`` in place of tensors and specs, and the types of its containers."""
    if isinstance(tree, (torch.Tensor, TensorSpec)):
        return tuple(tree.shape), tree.dtype
    if isinstance(tree, (tuple, list)):
        return type(tree), [_described(item) for item in tree]
    if isinstance(tree, dict):
        return type(tree), {key: _described(item) for key, item in tree.items()}
    if dataclasses.is_dataclass(tree):
        return type(tree), {field.name: _described(getattr(tree, field.name)) for field in dataclasses.fields(tree)}
    return tree


@pytest.fixture(scope="session")
def described() -> Callable[[Any], Any]:
    return _described


@pytest.fixture(scope="session")
def like_torch() -> Callable[..., Analysis]:
    """``like_torch(model, *args, **kwargs)``: analyze, then run for real; structure, shapes, dtypes must agree."""

    def check(model: Any, *args: Any, **kwargs: Any) -> Analysis:
        analysis = analyze(model, args, kwargs)
        analysis.graph.verify()
        with torch.no_grad():
            real = model(*copy.deepcopy(args), **copy.deepcopy(kwargs))
        assert _described(analysis.outputs) == _described(real)
        return analysis

    return check


@pytest.fixture(scope="session")
def fresh_python(tmp_path_factory) -> Callable[..., str]:
    """Run a program in a process of its own, in an empty folder; what it printed."""
    folder = tmp_path_factory.mktemp("empty")

    def run(program: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def ops() -> Callable[[Analysis], list[str]]:
    """Names of the operations of an analysis, in order, without the graph's ends."""

    def names(analysis: Analysis) -> list[str]:
        return [node.op for node in analysis.graph if node.op not in ("input", "output", "constant")]

    return names


# Tests that show a defect of the analyzer, by its cause. Each is expected to fail, and strictly: whoever mends the
# cause deletes its entry. A name without parameters means all cases of a test, one cut at its first dash those cases.
DEFECTS: dict[str, tuple[str, ...]] = {
    "AbstractTensor._grad hides the C++ property Tensor._grad, so requires_grad_() of a new Parameter fails": (
        "test_metadata_are_plain_values[grad]", "test_outputs_are_torchs_own[nn.Parameter made in forward]",
        "test_modules_built_in_forward", "test_dtypes_are_torchs_own[multi_head]", "test_a_skeleton_inside_a_forward",
        "test_a_restless_model_is_as_before[success", "test_a_restless_model_is_as_before[swaps",
    ),
    "questions._ask: .item(), bool(t), equal of a constant run inside the dispatch net, which catches them": (
        "test_constants_have_values[arange_loop]", "test_constants_have_values[linspace_depths]",
        "test_constants_have_values[size_tensor]", "test_constants_have_values[branch]",
        "test_constants_have_values[written_constant]", "test_constants_have_values[repeated_asking]",
        "test_constants_have_values[as_index]", "test_constants_have_values[equal_constants]",
        "test_constants_have_values[formatted]", "test_registered_index_buffers",
        "test_a_counter_of_constants_stays_known_and_the_buffer_is_untouched",
    ),
    "sizes that constants decide (nonzero, unique, a mask) are bounds in place of the values that are known": (
        "test_constants_have_values[unique_constant]", "test_constants_have_values[nonzero_constant]",
        "test_constants_have_values[masked_constant]", "test_constants_have_values[numpy_constant]",
        "test_a_packed_sequence_costs_its_real_steps",
    ),
    "ModelState.add remembers only containers that hold something, so an empty one that forward fills stays filled": (
        "test_a_restless_model_is_as_before[error", "test_a_restless_model_is_as_before[own error",
        "test_a_restless_model_is_as_before[branch", "test_a_restless_model_is_as_before[interrupt",
        "test_a_restless_model_is_as_before[exit",
    ),
    "grad mode is not put back": ("test_grad_mode_and_default_dtype_are_as_before",),
    "fxgraph: a placeholder's name and target differ, so the second one is overwritten in the generated code": (
        "test_the_torch_fx_graph_gives_the_models_own_numbers[functional]",
        "test_keyword_inputs_are_placeholders_in_their_order",
    ),
    "fxgraph: results that nest, (out, (h, c)), are taken apart as if they were flat": (
        "test_the_torch_fx_graph_gives_the_models_own_numbers[nested results]",
    ),
    "fxgraph: a model that is a leaf itself is a call of the module ''": (
        "test_the_torch_fx_graph_gives_the_models_own_numbers[nothing but a layer]",
    ),
    "infer_lazy: _Pending is no UninitializedParameter, as initialize_parameters of convolutions and norms asserts": (
        "test_a_lazy_layer[LazyConv1d]", "test_a_lazy_layer[LazyConv2d]", "test_a_lazy_layer[LazyConv3d]",
        "test_a_lazy_layer[LazyConvTranspose2d]", "test_a_lazy_layer[LazyBatchNorm1d]",
        "test_a_lazy_layer[LazyBatchNorm2d]", "test_a_lazy_layer[LazyInstanceNorm2d]",
        "test_lazy_layers_in_a_model", "test_another_input_gives_another_inference",
    ),
    "infer_lazy: a lazy module's second call infers its shapes anew, whatever the first one gave": (
        "test_a_lazy_module_called_with_two_sizes_is_an_error",
    ),
    "a lazy parameter that was never given a shape counts one element": (
        "test_a_lazy_module_that_is_never_called_is_listed_without_a_shape",
    ),
    "alias_of: a call in place has storage of its own; an index tensor, a view; nothing to convert or drop, a copy": (
        "test_liveness[in_place]", "test_liveness[in_place_function]", "test_liveness[picks_rows]",
        "test_liveness[converts_to_the_same]", "test_liveness[drops_out]",
    ),
    "flop_counter counts a matrix times a vector, and addbmm, which FlopCounterMode does not see": (
        "test_flop_counter_prints_what_torch_prints[addbmm]",
        "test_flop_counter_prints_what_torch_prints[inner of vectors]",
        "test_flop_counter_prints_what_torch_prints[matmul of vectors]",
        "test_flop_counter_prints_what_torch_prints[matmul matrix vector]",
        "test_flop_counter_prints_what_torch_prints[matmul batch vector]",
    ),
    "source_of_error: where no frame is the user's it takes the outermost line in torch, not the innermost": (
        "test_an_error_where_all_code_is_torchs_names_the_innermost_line_there",
    ),
    "aten.stub: its body says input, whatever the operator's first tensor is called": (
        "test_an_operator_with_a_fake_is_inferred_and_a_rule_to_paste_is_given",
    ),
    "nn.Transformer asks whether a mask is causal (_detect_is_causal_mask), which changes no cost": (
        "test_transformer", "test_transformer_encoder_with_a_padding_mask",
    ),
    "autocast on the CPU: bilinear and gru are not on its list, tensordot turns into a product that is": (
        "test_dtypes_are_torchs_own[bilinear]", "test_dtypes_are_torchs_own[tensordot]", "test_recurrent_layers[gru]",
    ),
    "under vmap, a call in place on a new tensor swaps a tensor that C++ holds: 'Expected use_count'": (
        "test_vmap_over_a_product",
    ),
    "traffic: the weights' share of a gather is cut at all bytes read, the indices' among them": (
        "test_traffic[an embedding reads the rows it takes]",
    ),
    "skeleton: .item() of a large tensor is a RuntimeError of torch, not the analyzer's sentence": (
        "test_reading_a_large_tensor_is_one_clear_error",
    ),
}  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marks = {name: pytest.mark.xfail(strict=True, reason=reason) for reason, names in DEFECTS.items() for name in names}
    for item in items:
        for name in (item.name, getattr(item, "originalname", ""), item.name.partition("-")[0]):
            if name in marks:
                item.add_marker(marks[name])
