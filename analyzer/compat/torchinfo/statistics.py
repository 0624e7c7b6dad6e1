"""The summary: totals over its rows, and its text."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analyzer.bounds import is_bound
from analyzer.compat.torchinfo.layer import LayerInfo
from analyzer.compat.torchinfo.settings import ColumnSettings, RowSettings, Units, Verbosity

__all__ = ["FormattingOptions", "ModelStatistics"]

_TITLES = {
    ColumnSettings.KERNEL_SIZE: "Kernel Shape",
    ColumnSettings.INPUT_SIZE: "Input Shape",
    ColumnSettings.OUTPUT_SIZE: "Output Shape",
    ColumnSettings.NUM_PARAMS: "Param #",
    ColumnSettings.PARAMS_PERCENT: "Param %",
    ColumnSettings.MULT_ADDS: "Mult-Adds",
    ColumnSettings.TRAINABLE: "Trainable",
}
_FACTORS = {Units.TERABYTES: 1e12, Units.GIGABYTES: 1e9, Units.MEGABYTES: 1e6, Units.NONE: 1.0}


@dataclass
class FormattingOptions:
    """How the text is laid out; a summary's own is read anew whenever it is printed.

    Attributes:
        max_depth: rows deeper than this are not shown.
        verbose: whether each layer's parameters have rows.
        col_names: the columns.
        col_width: how wide each is.
        row_settings: what a row shows.
        params_units: what the totals of parameters are written in.
        macs_units: what the total of multiply-accumulates is written in.
        layer_name_width: how wide the first column is.
    """

    max_depth: int
    verbose: int
    col_names: Sequence[ColumnSettings]
    col_width: int
    row_settings: Collection[RowSettings]
    params_units: Units = Units.NONE
    macs_units: Units = Units.AUTO
    layer_name_width: int = 40
    ascii_only: bool = field(init=False)
    show_var_name: bool = field(init=False)
    show_depth: bool = field(init=False)
    hide_recursive_layers: bool = field(init=False)

    def __post_init__(self) -> None:
        self.ascii_only = RowSettings.ASCII_ONLY in self.row_settings
        self.show_var_name = RowSettings.VAR_NAMES in self.row_settings
        self.show_depth = RowSettings.DEPTH in self.row_settings
        self.hide_recursive_layers = RowSettings.HIDE_RECURSIVE_LAYERS in self.row_settings

    def set_layer_name_width(self, summary_list: Sequence[LayerInfo], align_val: int = 5) -> None:
        """Make the first column as wide as the longest name in it asks for."""
        names = [len(self._name(row)) + row.depth * align_val + 1 for row in summary_list]
        widest = max(names, default=0)
        if widest >= self.layer_name_width:
            self.layer_name_width = math.ceil(widest / align_val) * align_val

    def get_total_width(self) -> int:
        """How wide the table is."""
        return len(self.col_names) * self.col_width + self.layer_name_width

    def header_row(self) -> str:
        """The names of the columns."""
        name = " (var_name)" if self.show_var_name else ""
        depth = ":depth-idx" if self.show_depth else ""
        return self.format_row(f"Layer (type{name}{depth})", _TITLES)

    def format_row(self, layer_name: str, row_values: Mapping[ColumnSettings, str]) -> str:
        """One line."""
        cells = [f"{layer_name:<{self.layer_name_width}}"]
        cells += [f"{row_values.get(column, ''):<{self.col_width}}" for column in self.col_names]
        return " ".join(cells).rstrip() + "\n"

    def layers_to_str(self, summary_list: Sequence[LayerInfo], total_params: int) -> str:
        """The lines of all rows that are shown."""
        shown = [row for row in summary_list if row.depth <= self.max_depth]
        if self.hide_recursive_layers:
            shown = [row for row in shown if not row.is_recursive]
        return "".join(self._lines(row, total_params) for row in shown)

    def _lines(self, row: LayerInfo, total_params: int) -> str:
        last = row.depth == self.max_depth
        cells = {
            ColumnSettings.KERNEL_SIZE: _text(row.kernel_size),
            ColumnSettings.INPUT_SIZE: _text(row.input_size),
            ColumnSettings.OUTPUT_SIZE: _text(row.output_size),
            ColumnSettings.NUM_PARAMS: row.num_params_to_str(last),
            ColumnSettings.PARAMS_PERCENT: row.params_percent(total_params, last),
            ColumnSettings.MULT_ADDS: row.macs_to_str(last),
            ColumnSettings.TRAINABLE: row.trainable,
        }
        lines = self.format_row(self._branch(row.depth) + self._name(row), cells)
        if self.verbose == Verbosity.VERBOSE:
            inner = row.inner_layers.items()
            lines += "".join(self.format_row(self._branch(row.depth + 1) + name, its) for name, its in inner)
        return lines

    def _name(self, row: LayerInfo) -> str:
        return row.get_layer_name(self.show_var_name, self.show_depth)

    def _branch(self, depth: int) -> str:
        if not depth:
            return ""
        stem, first, inner = ("|    ", "+ ", "+ ") if self.ascii_only else ("│    ", "├─", "└─")
        return first if depth == 1 else stem * (depth - 1) + inner


class ModelStatistics:
    """What `summary` returns: print it, or read its totals and rows.

    Attributes:
        summary_list: the rows, each a `LayerInfo`.
        input_size: the shapes of the inputs.
        formatting: how the text is laid out.
        total_input: bytes of the inputs.
        total_mult_adds: multiply-accumulates of the whole model.
        total_params: elements of all parameters.
        trainable_params: those that require a gradient.
        total_param_bytes: bytes of all parameters.
        total_output_bytes: twice the bytes of what layers with parameters return, for their values and gradients. Only
            layers that hold no others count, and no functions do.
    """

    def __init__(
        self,
        summary_list: list[LayerInfo],
        input_size: Any,
        total_input_size: int,
        formatting: FormattingOptions,
        total_mult_adds: int | None = None,
    ) -> None:
        self.summary_list, self.input_size, self.formatting = summary_list, input_size, formatting
        self.total_input = total_input_size
        leaves = [row for row in summary_list if row.is_leaf_layer]
        self.total_output_bytes = sum(2 * row.output_bytes for row in leaves if row.num_params)
        self._faithful = total_mult_adds is None
        if total_mult_adds is None:
            self.total_mult_adds = sum(row.macs for row in leaves)
            self._add_up([row for row in summary_list if not row.is_recursive])
        else:
            model = summary_list[0]
            self.total_mult_adds = total_mult_adds
            self.total_params, self.trainable_params = model.num_params, model.trainable_params
            self.total_param_bytes = model.param_bytes
        formatting.set_layer_name_width(summary_list)

    def _add_up(self, rows: list[LayerInfo]) -> None:
        """The totals as torchinfo adds them up, row by row."""
        self.total_params = self.trainable_params = self.total_param_bytes = 0
        for row in rows:
            if row.is_leaf_layer:
                self.total_params += row.num_params
                self.trainable_params += row.trainable_params
                self.total_param_bytes += row.param_bytes
            else:
                self.total_params += max(row.leftover_params(), 0)
                self.trainable_params += max(row.leftover_trainable_params(), 0)

    def __repr__(self) -> str:
        layout = self.formatting
        divider = "=" * layout.get_total_width()
        lines = [
            divider,
            layout.header_row() + divider,
            layout.layers_to_str(self.summary_list, self.total_params) + divider,
            f"Total params{self._number(self.total_params, layout.params_units)}",
            f"Trainable params{self._number(self.trainable_params, layout.params_units)}",
            f"Non-trainable params{self._number(self.total_params - self.trainable_params, layout.params_units)}",
        ]
        if self.input_size:
            held = self.total_input + self.total_output_bytes + self.total_param_bytes
            lines += [
                f"Total mult-adds{self._number(self.total_mult_adds, layout.macs_units)}",
                divider,
                f"Input size (MB): {self.to_megabytes(self.total_input):0.2f}",
                f"Forward/backward pass size (MB): {self.to_megabytes(self.total_output_bytes):0.2f}",
                f"Params size (MB): {self.to_megabytes(self.total_param_bytes):0.2f}",
                f"Estimated Total Size (MB): {self.to_megabytes(held):0.2f}",
            ]
        return "\n".join([*lines, divider])

    def _number(self, num: int, units: Units) -> str:
        text = self.format_output_num(num, units)
        if not self._faithful:
            return text
        shown = self.to_readable(num, units)[0]
        return text.replace(f"({shown})", f"(Units.{shown.name})")  # its text since Python 3.11

    @staticmethod
    def float_to_megabytes(num: int) -> float:
        """So many float32 numbers in megabytes."""
        return num * 4 / 1e6

    @staticmethod
    def to_megabytes(num: int) -> float:
        """Bytes in megabytes."""
        return num / 1e6

    @staticmethod
    def to_readable(num: int, units: Units = Units.AUTO) -> tuple[Units, float]:
        """A number in these units, and which they are."""
        if units == Units.AUTO:
            units = Units.TERABYTES if num >= 1e12 else Units.GIGABYTES if num >= 1e9 else Units.MEGABYTES
        return units, num / _FACTORS[units]

    @staticmethod
    def format_output_num(num: int, units: Units) -> str:
        """A total as it stands behind its name, ``" (M): 1.23"``."""
        shown, value = ModelStatistics.to_readable(num, units)
        unit = "" if shown == Units.NONE else f" ({shown})"
        number = f"{int(value):,}" if value.is_integer() else f"{value:,.2f}"
        return f"{unit}: {'≤' if is_bound(num) else ''}{number}"


def _text(value: Any) -> str:
    return str(value) if value else "--"
