"""``fvcore.nn.print_model_statistics``: parameters, flops and activations, as a table or in the model's text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from torch import nn

from analyzer.compat.arguments import require
from analyzer.compat.fvcore.activation_count import ActivationCountAnalysis
from analyzer.compat.fvcore.flop_count import FlopCountAnalysis
from analyzer.compat.fvcore.jit_analysis import JitModelAnalysis
from analyzer.compat.fvcore.parameter_count import parameter_count
from analyzer.compat.fvcore.pipes import pipe_table

__all__ = ["flop_count_str", "flop_count_table"]

# Path of a module, or name of a parameter -> statistic -> value.
Numbers = dict[str, dict[str, int]]
Texts = dict[str, dict[str, str]]

_MISSING = (
    "N/A: nothing is known of a module that was not called as such; what it counts is in the total of the one around "
    "it.\n"
)


def flop_count_str(flops: FlopCountAnalysis, activations: ActivationCountAnalysis | None = None) -> str:
    """The model as Python prints it, with the parameters and flops of every module that has any.

    Args:
        flops: the flops.
        activations: the activations, printed too if given.

    >>> import torch
    >>> print(flop_count_str(FlopCountAnalysis(nn.Sequential(nn.Linear(7, 5), nn.ReLU()), torch.zeros(3, 7))))
    Sequential(
      #params: 40, #flops: 0.1K
      (0): Linear(
        in_features=7, out_features=5, bias=True
        #params: 40, #flops: 0.1K
      )
      (1): ReLU()
    )
    """
    counted = _quieted({"#flops": flops, "#acts": activations})
    columns: dict[str, dict[str, int]] = {"#params": dict(parameter_count(flops._model))}
    columns |= {name: dict(analysis.by_module()) for name, analysis in counted.items()}
    for path, _ in flops._model.named_modules():
        for column in columns.values():
            column.setdefault(path, 0)
    uncalled = set().union(*(analysis.uncalled_modules() for analysis in counted.values()))
    texts = _texts(_without_zeros(_by_name(columns), uncalled or {""}, by_children=False), 2)
    for name, analysis in counted.items():
        for path in analysis.uncalled_modules():
            texts.setdefault(path, {})[name] = "N/A"
    return (_MISSING if uncalled else "") + _repr(flops._model, "", texts)


def flop_count_table(
    flops: FlopCountAnalysis,
    max_depth: int = 3,
    activations: ActivationCountAnalysis | None = None,
    show_param_shapes: bool = True,
) -> str:
    """Parameters and flops of every module as a table. A module that is all of the one around it shares its row.

    Args:
        flops: the flops.
        max_depth: levels of modules below the model.
        activations: the activations, a column more if given.
        show_param_shapes: whether parameters have rows of their own, with their shapes.

    >>> import torch
    >>> print(flop_count_table(FlopCountAnalysis(nn.Sequential(nn.Linear(7, 5), nn.ReLU()), torch.zeros(3, 7))))
    | module   | #parameters or shape   | #flops   |
    |:---------|:-----------------------|:---------|
    | 0        | 40                     | 0.105K   |
    |  weight  |  (5, 7)                |          |
    |  bias    |  (5,)                  |          |
    """
    first = "#parameters" + (" or shape" if show_param_shapes else "")
    counted = _quieted({"#flops": flops, "#activations": activations})
    columns: dict[str, Mapping[str, int]] = {first: parameter_count(flops._model)}
    columns |= {name: analysis.by_module() for name, analysis in counted.items()}
    texts = _texts(_without_zeros(_by_name(columns), {""}, by_children=True), 3)
    for name, analysis in counted.items():
        for path in analysis.uncalled_modules() & texts.keys():
            texts[path][name] = ""
    for name, parameter in flops._model.named_parameters():
        if name in texts and show_param_shapes:
            texts[name][first] = str(tuple(parameter.shape))
        elif not show_param_shapes:
            texts.pop(name, None)
    return pipe_table(list(_rows(texts, max_depth, list(columns))), ["module", *columns])


def _quieted(analyses: Mapping[str, JitModelAnalysis | None]) -> dict[str, JitModelAnalysis]:
    """Those that are given, and do not log any more.

    Raises:
        InputError: the first is not given, or something else is.
    """
    for (name, analysis), optional in zip(analyses.items(), ((), (type(None),)), strict=True):
        kind = "FlopCountAnalysis" if name == "#flops" else "ActivationCountAnalysis"
        require(name.lstrip("#"), analysis, (JitModelAnalysis, *optional), f"a {kind}")
    given = {name: analysis for name, analysis in analyses.items() if analysis is not None}
    for analysis in given.values():
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    return given


def _by_name(columns: Mapping[str, Mapping[str, int]]) -> Numbers:
    rows: Numbers = {}
    for column, values in columns.items():
        for name, value in values.items():
            rows.setdefault(name, {})[column] = value
    return rows


def _children(name: str, names: Collection[str]) -> list[str]:
    prefix = f"{name}." if name else ""
    depth = prefix.count(".")
    return [each for each in names if each and each.count(".") == depth and each.startswith(prefix)]


def _without_zeros(rows: Numbers, kept: Collection[str], *, by_children: bool) -> Numbers:
    """Rows in which something is not zero, those that are to be kept, and, if said, those around any of them."""
    found: Numbers = {}

    def visit(name: str) -> None:
        children = _children(name, rows)
        for child in children:
            visit(child)
        around = by_children and any(child in found for child in children)
        if name in kept or around or any(rows[name].values()):
            found[name] = rows[name]

    visit("")
    return found


def _texts(rows: Numbers, digits: int) -> Texts:
    return {name: {column: _short(value, digits) for column, value in values.items()} for name, values in rows.items()}


def _short(value: float, digits: int) -> str:
    """With a unit from a tenth of it on: 0.44K, 4.089G."""
    for unit, size in (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if abs(value) > size / 10:
            return f"{value / size:.{digits}f}".rstrip("0").rstrip(".") + unit
    return str(value)


def _repr(module: nn.Module, path: str, texts: Texts) -> str:
    """What ``repr(module)`` is, with the module's statistics behind its own settings."""
    own = [*filter(None, module.extra_repr().split("\n"))]
    if texts.get(path):
        own.append(", ".join(f"{name}: {text}" for name, text in texts[path].items()))
    children = [
        f"({name}): " + _repr(child, f"{path}.{name}" if path else name, texts).replace("\n", "\n  ")
        for name, child in module._modules.items()
        if child is not None
    ]
    if len(own) == 1 and not children:
        return f"{module._get_name()}({own[0]})"
    inside = "".join(f"\n  {line}" for line in (*own, *children))
    return f"{module._get_name()}({inside}\n)" if inside else f"{module._get_name()}()"


def _rows(texts: Texts, max_depth: int, columns: list[str]) -> Iterator[list[str]]:
    root = _merged("", texts)
    shared = len(root) + 1 if root else 0

    def row(name: str, depth: int) -> list[str]:
        values = texts[name]
        return [" " * depth + text for text in (name[shared:] or name or "model",)] + [
            " " * depth + values[column] if column in values else "" for column in columns
        ]

    def below(name: str, depth: int) -> Iterator[list[str]]:
        if depth > max_depth:
            return
        for child in _children(name, list(texts)):
            last = _merged(child, texts)
            yield row(last, depth)
            yield from below(last, depth + 1)

    yield row(root, 0)
    yield from below(root, 1)


def _merged(name: str, texts: Texts) -> str:
    """The innermost of the modules that are each all of the one around them; it takes what was known of those."""
    while True:
        children = _children(name, texts)
        if len(children) != 1:
            return name
        outer, inner = texts[name], texts[children[0]]
        if outer.keys() != inner.keys() or any(
            inner[key] != text for key, text in outer.items() if text and inner[key]
        ):
            return name
        texts[children[0]] = {key: text or inner[key] for key, text in outer.items()}
        name = children[0]
