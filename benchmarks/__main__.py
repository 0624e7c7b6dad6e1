"""``python -m benchmarks``: measure and print."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks import formulas, growth, huge, models, symbolic

Rows = list[dict[str, Any]]
Names = Sequence[str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sections that were asked for, each to its table."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    place: dict[str, Any] = {"torch": torch.__version__, "python": platform.python_version(), "cores": os.cpu_count()}
    place |= {"load": round(os.getloadavg()[0], 1), "rounds": options.rounds}
    console.print(", ".join(f"{name} {value}" for name, value in place.items()))
    results: dict[str, Any] = {"environment": place}
    for section in [options.section] if options.section else SECTIONS:
        measure, show = SECTIONS[section]
        rows: Rows = []
        for row in measure(options.only, options.rounds):
            rows.append(row)
            # A line and no spinner, whose thread would take its share of the time that is measured.
            print(f"{section}: {next(iter(row.values()))} measured", file=sys.stderr)
        if rows:
            results[section] = rows
            console.print(show(rows))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    known = [model.name for model in models.MODELS] + [str(depth) for depth in growth.DEPTHS]
    known += [*huge.MODELS, *(case.name for case in formulas.CASES)]
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("section", nargs="?", choices=SECTIONS, help="all of them when left out")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="measure N times, interleaved (9)")
    parser.add_argument("--only", action="append", choices=known, metavar="NAME", help="a model or a depth; repeatable")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


# --- sections: rows one by one, and the table of them ---------------------------------------------------------------


def _chosen(names: Names | None) -> list[models.Model]:
    return [model for model in models.MODELS if not names or model.name in names]


def _models(names: Names | None, rounds: int) -> Iterator[dict[str, Any]]:
    for model in _chosen(names):
        yield models.compare(model, rounds)


def _models_table(rows: Rows) -> Table:
    table = _table(
        "analyze() and others, ms: median, under no_grad, from the second call on, weights on meta",
        "model", "calls", "analyze", "fx trace", "forward on meta", "FlopCounterMode", "FlopCounterMode ÷ analyze",
        "goal", "fx ÷ analyze",
    )  # fmt: skip
    notes = []
    for row in rows:
        ratio, fx = row["counter"] / row["analyze"], row["fx"]
        met = "green" if ratio >= row["goal"] else "red"
        table.add_row(
            row["model"], f"{row['calls']:,}", *(_ms(row[name]) for name in ("analyze", "fx", "forward", "counter")),
            f"[{met}]{ratio:.1f}[/]", str(row["goal"]), "cannot" if fx is None else f"{fx / row['analyze']:.1f}",
        )  # fmt: skip
        if fx is None:
            notes.append(f"torch.fx cannot trace {row['model']}: {escape(row['fx_error'])}")
        if not row["same_count"]:
            notes.append(f"{row['model']}: total('flop_counter') is not what FlopCounterMode says")
    table.caption = "\n".join(notes) or None
    return table


def _views(names: Names | None, rounds: int) -> Iterator[dict[str, Any]]:
    for model in _chosen(names):
        yield models.views(model, rounds)


def _views_table(rows: Rows) -> Table:
    names = {"total": "total()", "by_module": "by_module()", "nx": "graph.nx", "fx": "graph.fx"}
    table = _table(
        "what a new Analysis is asked for, as a share of analyze()", "model", "calls", "analyze ms", *names.values()
    )
    for row in rows:
        shares = (f"{row[name] / row['analyze']:.1%}" for name in names)
        table.add_row(row["model"], f"{row['calls']:,}", _ms(row["analyze"]), *shares)
    return table


def _imports(names: Names | None, rounds: int) -> Rows:
    return [] if names else growth.import_costs(rounds)


def _imports_table(rows: Rows) -> Table:
    table = _table("after import torch, each in fresh processes", "statement", "ms", "of import torch")
    for row in rows:
        table.add_row(row["statement"], _ms(row["ms"]), f"{row['of_torch']:.1%}")
    return table


def _depth(names: Names | None, rounds: int) -> Iterator[dict[str, Any]]:
    for layers in growth.DEPTHS:
        if not names or str(layers) in names:
            yield growth.chain(layers, rounds)


def _depth_table(rows: Rows) -> Table:
    table = _table(
        "a chain of linear layers: memory of Python at most and when done, and of the process",
        "layers", "ms", "µs a layer", "peak MB", "peak kB a layer", "kept kB a layer", "process MB",
    )  # fmt: skip
    for row in rows:
        layers = row["layers"]
        table.add_row(
            f"{layers:,}", _ms(row["ms"]), f"{row['ms'] * 1e3 / layers:.1f}", f"{row['peak'] / 1e6:.2f}",
            f"{row['peak'] / 1e3 / layers:.2f}", f"{row['kept'] / 1e3 / layers:.2f}", f"{row['resident'] / 1e6:.1f}",
        )  # fmt: skip
    return table


def _huge(names: Names | None, rounds: int) -> Iterator[dict[str, Any]]:
    for name in huge.MODELS:
        if not names or name in names:
            yield huge.compare(name, rounds)


def _huge_table(rows: Rows) -> Table:
    table = _table(
        "from a configuration to the report, seconds: medians of fresh processes, bfloat16, 2,048 tokens",
        "model", "params", "active", "build", "first", "again", "report", "MB", "forward", "FCM", "no_grad", "÷ first",
        "÷ again", "sees",
    )  # fmt: skip
    table.caption = (
        "first, again: analyze(); MB: over import; forward: on meta; FCM: torch's FlopCounterMode over it, with\n"
        "gradients and without; ÷: FCM by analyze(); sees: the part of all multiply-accumulates that FCM counts"
    )
    for row in rows:
        counter = row["meta_counter"]
        table.add_row(
            row["model"], *(f"{row[name] / 1e9:.0f} G" for name in ("analyze_params", "analyze_active")),
            *(f"{row[f'analyze_{name}']:.2f}" for name in ("build", "first", "again", "report")),
            f"{row['analyze_memory'] / 1e6:.0f}",
            *(f"{row[f'meta_{name}']:.2f}" for name in ("forward", "counter", "counter_no_grad")),
            f"{counter / row['analyze_first']:.1f}", f"{counter / row['analyze_again']:.1f}",
            f"{row['meta_macs'] / row['analyze_macs']:.0%}",
        )  # fmt: skip
    return table


def _symbolic(names: Names | None, rounds: int) -> Iterator[dict[str, Any]]:
    for name in symbolic.OPEN:
        if not names or name in names:
            yield symbolic.compare(name, rounds)


def _symbolic_table(rows: Rows) -> Table:
    table = _table(
        "analyze() with open dimensions, ms: from the second call on, and the first; a million numbers of the formula",
        "model", "conditions", "plain sizes", "open", "open ÷ plain", "goal", "first", "a million",
    )  # fmt: skip
    for row in rows:
        ratio = row["open"] / row["plain"]
        met = "green" if ratio <= symbolic.GOAL else "red"
        table.add_row(
            row["model"], str(row["conditions"]), _ms(row["plain"]), _ms(row["open"]), f"[{met}]{ratio:.1f}[/]",
            str(symbolic.GOAL), _ms(row["first"]), _ms(row["million"]),
        )  # fmt: skip
    return table


def _formulas(names: Names | None, rounds: int) -> Iterator[dict[str, Any]]:
    for case in formulas.CASES:
        if not names or case.name in names:
            yield formulas.check(case)


def _formulas_table(rows: Rows) -> Table:
    table = _table(
        "formulas of one capture against fresh analyses at random sizes: macs, flops, all, bytes, outputs",
        "model", "names", "conditions", "hold at", "points", "equal", "pinned",
    )  # fmt: skip
    notes = []
    for row in rows:
        met = "green" if row["equal"] == row["points"] else "red"
        pinned = " ".join(f"{name}={size}" for name, (size, _) in row["pinned"].items())
        table.add_row(
            row["model"], " ".join(row["names"]), str(row["conditions"]), f"{row['holds']:.1%}", str(row["points"]),
            f"[{met}]{row['equal']}[/]", pinned,
        )  # fmt: skip
        notes += [escape(f"{row['model']} pins {name}: {line}") for name, (_, line) in row["pinned"].items()]
        notes += [escape(f"{row['model']}: {difference}") for difference in row["differs"]]
    table.caption = "\n".join(notes) or None
    return table


SECTIONS = {
    "models": (_models, _models_table),
    "imports": (_imports, _imports_table),
    "depth": (_depth, _depth_table),
    "views": (_views, _views_table),
    "huge": (_huge, _huge_table),
    "symbolic": (_symbolic, _symbolic_table),
    "formulas": (_formulas, _formulas_table),
}


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", caption_justify="left")
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    main()
