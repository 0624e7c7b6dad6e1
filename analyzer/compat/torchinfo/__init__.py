"""torchinfo's `summary`, without running the model: ``from analyzer.compat.torchinfo import summary``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from numbers import Integral, Real
from typing import Any, TypeVar

import torch
from torch import nn

from analyzer.compat.arguments import require
from analyzer.compat.calls import run
from analyzer.compat.torchinfo.inputs import Inputs, inputs_of
from analyzer.compat.torchinfo.layer import LayerInfo
from analyzer.compat.torchinfo.rows import Rows
from analyzer.compat.torchinfo.settings import ColumnSettings, Mode, RowSettings, Units, Verbosity
from analyzer.compat.torchinfo.statistics import FormattingOptions, ModelStatistics
from analyzer.errors import InputError
from analyzer.graph import Graph
from analyzer.spec import TensorSpec
from analyzer.tools.torchinfo import TORCHINFO

__all__ = [
    "ColumnSettings",
    "FormattingOptions",
    "LayerInfo",
    "Mode",
    "ModelStatistics",
    "RowSettings",
    "Units",
    "Verbosity",
    "summary",
]

Setting = TypeVar("Setting", bound=Enum)
_OF_A_CALL = (ColumnSettings.INPUT_SIZE, ColumnSettings.OUTPUT_SIZE, ColumnSettings.MULT_ADDS)
_TRAINING = {Mode.TRAIN: True, Mode.EVAL: False, Mode.SAME: None}


def summary(
    model: nn.Module,
    input_size: Sequence[Any] | None = None,
    input_data: Any = None,
    batch_dim: int | None = None,
    cache_forward_pass: bool | None = None,
    col_names: Iterable[str] | None = None,
    col_width: int = 25,
    depth: int = 3,
    device: torch.device | str | None = None,
    dtypes: Sequence[torch.dtype] | None = None,
    mode: str | None = None,
    row_settings: Iterable[str] | None = None,
    verbose: int | None = None,
    *,
    faithful: bool = False,
    **kwargs: Any,
) -> ModelStatistics:
    """Print and return a table of a model's layers: shapes, parameters, multiply-accumulates.

    Mult-adds are the multiply-accumulates of what a layer calls itself, functions such as attention among them. Those
    of the layers in it stand in their own rows, so that the column adds up to the total. A parameter that several
    layers share is in each one's row, and once in the total. The model is not run, moved or changed.

    Args:
        model: the model.
        input_size: a shape with its batch, or a list of shapes, one an input.
        input_data: the inputs instead: a tensor or `TensorSpec`, a list of them by position, a dict by name; an array
            of NumPy's is given to the model as it is. Without sizes and data, layers are listed as they are held.
        batch_dim: where a batch of 1 is put into each of ``input_size``.
        cache_forward_pass: has no effect, as nothing is run that would be worth keeping.
        col_names: the columns, of `ColumnSettings`; ``("output_size", "num_params")`` when left out.
        col_width: how wide each column is.
        depth: how deep the rows go that are shown.
        device: has no effect, as nothing is moved.
        dtypes: one for each of ``input_size``; float32 when left out.
        mode: ``"eval"`` when left out, ``"train"``, or ``"same"``: the modules as they stand.
        row_settings: what rows show, of `RowSettings`; ``("depth",)`` when left out.
        verbose: 0 prints nothing, 1 the table, 2 the parameters of each layer too. 0 in an interactive Python, else 1.
        faithful: show the numbers that torchinfo 1.8.0 itself shows, which are a part of the parameters times a part of
            the output's shape; parameters shared by several layers count several times.
        kwargs: what forward takes by name besides.

    Raises:
        AnalyzerError: as `analyze` does; `InputError` for a setting that does not exist.

    >>> result = summary(nn.Sequential(nn.Linear(7, 5), nn.ReLU()), (2, 3, 7), verbose=0)
    >>> result.total_mult_adds, result.total_params
    (210, 40)
    >>> summary(nn.Sequential(nn.Linear(7, 5), nn.ReLU()), (2, 3, 7), verbose=0, faithful=True).total_mult_adds
    80
    """
    inputs = inputs_of(input_size, input_data, batch_dim, dtypes, kwargs)
    columns = _columns(col_names, inputs is not None)
    rows = {RowSettings.DEPTH} if row_settings is None else set(_settings(RowSettings, row_settings, "row_settings"))
    training = _TRAINING[Mode.EVAL if mode is None else _settings(Mode, (mode,), "mode")[0]]
    _check(model, depth, col_width, device)
    if verbose is None:
        verbose = 0 if getattr(sys, "ps1", None) else 1
    if verbose not in (0, 1, 2):
        raise InputError(f"verbose is 0, 1 or 2, not {verbose!r}")
    layout = FormattingOptions(depth, verbose, columns, col_width, rows)
    result = _summary(model, inputs, kwargs, batch_dim, training, layout, faithful)
    if verbose > Verbosity.QUIET:
        print(result)
    return result


def _summary(
    model: nn.Module,
    inputs: Inputs | None,
    kwargs: dict[str, Any],
    batch_dim: int | None,
    training: bool | None,
    layout: FormattingOptions,
    faithful: bool,
) -> ModelStatistics:
    if inputs is None:
        listed = Rows(model, faithful=faithful, lazy={}).listed()
        return ModelStatistics(listed, [], 0, layout, None if faithful else 0)
    done = run(model, inputs.args, inputs.kwargs, training=training)
    rows = Rows(model, faithful=faithful, lazy=_shapes(model, done.analysis.graph))
    called = rows.called(done, batch_dim, TORCHINFO.right)
    total = None if faithful else done.analysis.total(TORCHINFO.right)
    return ModelStatistics(called, inputs.sizes, inputs.nbytes(kwargs, faithful=faithful), layout, total)


def _shapes(model: nn.Module, graph: Graph) -> Mapping[int, TensorSpec]:
    """The shapes that the first call gave to parameters of lazy layers."""
    named = model.named_parameters()
    return {id(p): graph.parameters[name].spec for name, p in named if name in graph.parameters}


def _columns(names: Iterable[str] | None, called: bool) -> tuple[ColumnSettings, ...]:
    if names is None:
        return (ColumnSettings.OUTPUT_SIZE, ColumnSettings.NUM_PARAMS) if called else (ColumnSettings.NUM_PARAMS,)
    columns = _settings(ColumnSettings, names, "col_names")
    unknown = [column.value for column in columns if column in _OF_A_CALL]
    if unknown and not called:
        raise InputError(f"without input_size or input_data nobody knows the columns {', '.join(unknown)}")
    return columns


def _settings(kind: type[Setting], names: Iterable[Any], argument: str) -> tuple[Setting, ...]:
    try:
        return tuple(map(kind, names))
    except (ValueError, TypeError) as error:
        known = ", ".join(each.value for each in kind)
        raise InputError(f"{argument}: {error}; there are {known}") from None


def _check(model: Any, depth: Any, col_width: Any, device: Any) -> None:
    if not isinstance(model, nn.Module):
        raise InputError(f"the model is an nn.Module, but this is a {type(model).__name__}")
    require("depth", depth, Real, "a number")
    require("col_width", col_width, Integral, "a whole number")
    if col_width <= 0:
        raise InputError(f"a column is 1 or more wide, but col_width is {col_width}")
    if device is not None:
        try:
            torch.device(device)
        except (RuntimeError, TypeError) as error:
            raise InputError(f"device: {error}") from None
