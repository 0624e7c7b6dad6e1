"""``flopgraph diff``: two models side by side."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer import options as the
from analyzer.cli_model import analyze_loaded, format_of, load, tell_notes, write

if TYPE_CHECKING:
    from analyzer.analysis import Analysis
    from analyzer.zoo import Loaded

__all__ = ["register"]

HELP = """Two models side by side: which modules and calls came, went, or changed in name, shape or cost.

Each is written as for flopgraph MODEL, or is an analysis that was saved as JSON. The options hold for both.

\b
Examples:
  flopgraph diff torchvision:resnet50 torchvision:wide_resnet50_2
  flopgraph diff torchvision:vgg11 torchvision:vgg11_bn --depth 3
  flopgraph diff torchvision:resnet50 torchvision:wide_resnet50_2 -o wider.html
  flopgraph diff before.json net.py:Net --input 1x3x64x64 --format md
"""

Old = Annotated[str, typer.Argument(metavar="A", help="The old model.", show_default=False)]
Format = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="table, json, csv, md or html, a page; when left out, the suffix of FILE, else table.",
        show_default=False,
    ),
]
New = Annotated[str, typer.Argument(metavar="B", help="The new model.", show_default=False)]


def register(
    app: typer.Typer,
    errors_as_text: Callable[[], AbstractContextManager[None]],
    progress: Callable[[str], AbstractContextManager[None]],
) -> None:
    """Add the command to the command line, which says how it tells of errors and of time."""

    @app.command("diff", help=HELP, no_args_is_help=True)
    def diff_models(
        a: Old,
        b: New,
        inputs: the.Inputs = None,
        kwargs: the.Kwargs = "{}",
        set: the.Setting = None,
        head: the.Head = None,
        batch: the.Batch = None,
        seq: the.Seq = None,
        image_size: the.ImageSize = None,
        dtype: the.Dtype = None,
        train: the.Train = False,
        assume: the.Assume = None,
        on_unknown: the.OnUnknown = "raise",
        trust_remote_code: the.Trust = False,
        convention: the.ConventionName = "flops",
        depth: the.Depth = None,
        format: Format = None,
        output: the.Output = None,
    ) -> None:
        """Compare two models."""
        with errors_as_text():
            with progress(f"analyzing {a} and {b}"), contextlib.redirect_stdout(sys.stderr):
                from analyzer import difference
                from analyzer.conventions import convention as checked

                written = format_of(format, output)
                difference.check(written)
                weigh = checked(convention)
                options = {"head": head, "batch": batch, "seq": seq, "trust_remote_code": trust_remote_code}
                notes: list[Loaded] = []

                def side(model: str) -> Analysis | dict[str, Any]:
                    if (saved := _saved(model)) is not None:
                        return saved
                    loaded = load(model, kwargs, set or [], image_size, dtype, options)
                    notes.append(loaded)
                    return analyze_loaded(model, loaded, inputs or [], assume or [], train, on_unknown)

                found = difference.diff(side(a), side(b), weigh, names=(a, b))
            for loaded in notes:
                tell_notes(loaded)
            depth = 2 if depth is None and written in ("table", "md") else depth
            if written == "table" and output is None:
                found.table(depth).print(sys.stdout)
            else:
                write(found.export(written, depth), output)


def _saved(model: str) -> dict[str, Any] | None:
    """The document of an analysis, where the file of that name is one; a model's config.json is none."""
    from analyzer.difference import is_document, read_document

    path = Path(model)
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    value = read_document(path)
    return value if is_document(value) else None
