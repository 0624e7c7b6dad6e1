"""ultralytics-thop: thop's descendant, which knows derived classes and functional products as well.

Differences in what it means to count: average pooling is its windows' additions too, resizing to the nearest is
nothing, a LogSoftmax is one more a row and a Softmin one more an element.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from analyzer.conventions import Convention
from analyzer.graph import Graph
from analyzer.node import ModuleInfo, Node
from analyzer.tools.thop_formulas import RESIZING, RIGHT, resizing, rows, softmaxed
from analyzer.tools.tool import Formula, Reading, Tool, all_params

__all__ = ["HOOKS", "ULTRALYTICS_THOP", "counted", "hook_of"]

_SOURCE = "ultralytics-thop 2.2.3: profile.py, rnn_hooks.py, vision/basic_hooks.py"

_CLASSES = {
    "zero_ops": "_ConstantPadNd _ReflectionPadNd _ReplicationPadNd _CircularPadNd _DropoutNd ReLU ReLU6 LeakyReLU "
    "MaxPool1d MaxPool2d MaxPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d FractionalMaxPool2d "
    "FractionalMaxPool3d _MaxUnpoolNd Sequential ModuleList ModuleDict ParameterList ParameterDict Identity Flatten "
    "Unflatten Unfold PixelShuffle PixelUnshuffle ChannelShuffle",
    "count_convNd": "Conv1d Conv2d Conv3d",
    "count_convtNd": "ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "count_normalization": "_NormBase LayerNorm GroupNorm RMSNorm",
    "count_prelu": "PReLU",
    "count_softmax": "Softmax LogSoftmax Softmin Softmax2d",
    "count_avgpool": "AvgPool1d AvgPool2d AvgPool3d",
    "count_adap_avgpool": "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d",
    "count_linear": "Linear",
    "count_bilinear": "Bilinear",
    "count_upsample": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
    "count_multihead_attention": "MultiheadAttention",
    "count_embedding": "Embedding",
    "count_rnn_cell": "RNNCell",
    "count_gru_cell": "GRUCell",
    "count_lstm_cell": "LSTMCell",
    "count_rnn": "RNN",
    "count_gru": "GRU",
    "count_lstm": "LSTM",
}
# Class of torch.nn -> ultralytics-thop's name for how it, and what derives from it, is counted.
HOOKS: Mapping[str, str] = {f"torch.nn.{name}": hook for hook, names in _CLASSES.items() for name in names.split()}


def _log_softmax(node: Node) -> int:
    return softmaxed(node) + rows(node.arguments["input"].shape, node.arguments.get("dim"))[0]


def _softmin(node: Node) -> int:
    return softmaxed(node) + node.outputs[0].numel


def _windows(node: Node) -> int:
    """The elements of all windows of average pooling, those of the padding if they count, and a division an output."""
    given, output = node.arguments, node.outputs[0].shape
    dims = int(node.op.removeprefix("avg_pool").removesuffix("d"))
    kernel = _each(given["kernel_size"], dims)
    stride = _each(given["stride"], dims) if given["stride"] else kernel
    padding = _each(given["padding"], dims)
    total = math.prod(output[:-dims])
    for axis in range(dims):
        size, windows = given["input"].shape[axis - dims], output[axis - dims]
        first, last = (-padding[axis], size + padding[axis]) if given["count_include_pad"] else (0, size)
        begins = [window * stride[axis] - padding[axis] for window in range(windows)]
        total *= sum([max(min(begin + kernel[axis], last) - max(begin, first), 0) for begin in begins])
    return total + math.prod(output)


def _each(value: int | Sequence[int], dims: int) -> tuple[int, ...]:
    """One number for every dimension, or the numbers that there are."""
    numbers = tuple(value) if isinstance(value, Sequence) else (value,)
    return numbers * dims if len(numbers) == 1 else numbers


# What it means to count, by operation, where it is not the products alone.
_BY_OP: Mapping[str, Formula] = {
    **RIGHT,
    **dict.fromkeys("avg_pool1d avg_pool2d avg_pool3d".split(), _windows),
    "log_softmax": _log_softmax,
    "softmin": _softmin,
    "interpolate": resizing({**RESIZING, "nearest": 0}),
}
_RIGHT = Convention("ultralytics_thop", _SOURCE, {"mac": 1}, parts=False, overrides=_BY_OP)


# Name of a hook -> the operations that make up what it counts.
_OPS = {
    "count_convNd": "conv1d conv2d conv3d",
    "count_convtNd": "conv_transpose1d conv_transpose2d conv_transpose3d",
    "count_normalization": "batch_norm instance_norm layer_norm group_norm rms_norm",
    "count_prelu": "prelu",
    "count_softmax": "softmax log_softmax softmin",
    "count_avgpool": "avg_pool1d avg_pool2d avg_pool3d",
    "count_adap_avgpool": "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d",
    "count_linear": "linear",
    "count_bilinear": "bilinear",
    "count_multihead_attention": "linear bmm baddbmm softmax scaled_dot_product_attention",
    "count_upsample": "interpolate",
    **{f"count_{op}": op for op in "rnn gru lstm rnn_cell gru_cell lstm_cell".split()},
}
_HOOK_OPS = {hook: frozenset(ops.split()) for hook, ops in _OPS.items()}
# Functions whose products are counted where no hook is at work.
_FUNCTIONS = frozenset({
    "torch.matmul", "torch.Tensor.matmul", "torch.Tensor.__matmul__", "operator.matmul", "torch.bmm",
    "torch.Tensor.bmm", "torch.einsum", "torch.nn.functional.linear",
    "torch.nn.functional.scaled_dot_product_attention",
})  # fmt: skip


def _in_layer(node: Node, hook: str) -> int:
    if node.op not in _HOOK_OPS.get(hook, ()) or node.arguments.get("mode") == "area":
        return 0
    return _RIGHT(node)


def _in_function(node: Node) -> int:
    """Of einsum, products of two operands, summed or not; of any other number of operands none."""
    inside = node.op == "linear" and node.kind == "call_module"  # the function that a layer without a hook calls
    if node.target not in _FUNCTIONS and not inside:
        return 0
    if node.op == "einsum":
        return node.counts.mac + node.counts.mul if len(node.arguments["operands"]) == 2 else 0
    return node.counts.mac


def hook_of(info: ModuleInfo) -> str:
    """The name of how a module is counted: as the nearest of its classes that is; empty where none is."""
    return next((HOOKS[name] for name in info.classes if name in HOOKS), "")


def counted(graph: Graph, custom: Mapping[str, str] | None = None, *, functions: bool = True) -> list[int]:
    """What ultralytics-thop counts for every node: in layers, and outside of those as functions.

    Args:
        graph: the graph.
        custom: path of a module that others count -> a name for how; empty where they do not count it either. Layers
            inside are counted all the same, functions only where the name is empty.
        functions: whether functions are counted at all.
    """
    hooks = {path: hook_of(info) for path, info in graph.modules.items()} | dict(custom or {})
    at_work = {path: hook for path, hook in hooks.items() if hook not in ("", "zero_ops")}
    counts = []
    for node in graph:
        hook = next((at_work[path] for path in reversed(node.stack) if path in at_work), "")
        counts.append(_in_layer(node, hook) if hook else _in_function(node) if functions else 0)
    return counts


def _read(graph: Graph) -> Reading:
    counts = counted(graph)
    causes = {
        index: "the softmax of attention counted"
        for index, (count, node) in enumerate(zip(counts, graph, strict=True))
        if node.op == "scaled_dot_product_attention" and count > node.counts.mac
    }
    return Reading(tuple(counts), all_params(graph), causes)


ULTRALYTICS_THOP = Tool("ultralytics_thop", "2.2.3", _SOURCE, "macs", "MACs", _RIGHT, _read)
