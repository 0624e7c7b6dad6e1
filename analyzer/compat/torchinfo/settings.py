"""What may be asked of a summary: its columns, rows, mode, how much is printed."""

from __future__ import annotations

from enum import IntEnum, StrEnum, unique

__all__ = ["ColumnSettings", "Mode", "RowSettings", "Units", "Verbosity"]


@unique
class Mode(StrEnum):
    """In which mode the modules are called. ``SAME``, as they stand, is ours."""

    TRAIN = "train"
    EVAL = "eval"
    SAME = "same"


@unique
class RowSettings(StrEnum):
    """What a row may show, and how."""

    DEPTH = "depth"
    VAR_NAMES = "var_names"
    ASCII_ONLY = "ascii_only"
    HIDE_RECURSIVE_LAYERS = "hide_recursive_layers"


@unique
class ColumnSettings(StrEnum):
    """The columns that there are."""

    KERNEL_SIZE = "kernel_size"
    INPUT_SIZE = "input_size"
    OUTPUT_SIZE = "output_size"
    NUM_PARAMS = "num_params"
    PARAMS_PERCENT = "params_percent"
    MULT_ADDS = "mult_adds"
    TRAINABLE = "trainable"


@unique
class Units(StrEnum):
    """Thousands that a total is written in; ``AUTO`` takes what fits."""

    AUTO = "auto"
    MEGABYTES = "M"
    GIGABYTES = "G"
    TERABYTES = "T"
    NONE = ""


@unique
class Verbosity(IntEnum):
    """How much is printed: nothing, the summary, and each layer's weights with it."""

    QUIET, DEFAULT, VERBOSE = 0, 1, 2
