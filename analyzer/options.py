"""The command line's arguments and options, each with its help."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"flopgraph {metadata.version('flopgraph')}")
        raise typer.Exit


Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="torchvision:NAME, timm:NAME, transformers:TYPE or CLASS, diffusers:CLASS, a local config.json, "
        "package.module:Class or path/to/file.py:function.",
        show_default=False,
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="[NAME=]SHAPE[:DTYPE]",
        help="One tensor: 1x3x224x224, mask=2x128:bool by its name, grid=[[1,28,28]] with its numbers, or "
        "mask=null; Bx3xHxW has names for sizes that stay open. May be repeated. What models of known packages usually "
        "take is filled in.",
        show_default=False,
    ),
]
Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A value of the configuration: num_hidden_layers=80, vision_config.hidden_size=64. May be repeated.",
        show_default=False,
    ),
]
Head = Annotated[
    str | None,
    typer.Option(
        metavar="HEAD",
        help="What stands on a model of transformers: causal-lm, masked-lm, image-classification, ..., none.",
        show_default=False,
    ),
]
Batch = Annotated[int | None, typer.Option(min=1, metavar="N", help="Size of the batch.", show_default=False)]
Seq = Annotated[int | None, typer.Option(min=1, metavar="N", help="Tokens of a text.", show_default=False)]
ImageSize = Annotated[
    str | None, typer.Option(metavar="HxW", help="Size of an image: 480x640, or 336.", show_default=False)
]
Dtype = Annotated[
    str | None,
    typer.Option(metavar="DTYPE", help="Of parameters and inputs, such as bfloat16.", show_default=False),
]
Assume = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PLACE=VALUE",
        help="What only data know: model.py:41=True, or a number. May be repeated.",
        show_default=False,
    ),
]
OnUnknown = Annotated[
    str,
    typer.Option(metavar="raise|bound", help="Where nobody knows a shape: stop, or go on with a lower bound."),
]
Trust = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run the Python files that a local config.json names.")
]
Kwargs = Annotated[
    str, typer.Option(metavar="JSON", help="Keyword arguments of the model's constructor.", show_default=False)
]
ConventionName = Annotated[
    str, typer.Option(metavar="NAME", help="What counts as cost: flops, macs, all, flop_counter.")
]
By = Annotated[str, typer.Option(metavar="module|op|node", help="What a row of a table, csv or md is.")]
Depth = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="Levels of modules: 2 in a table, what one can read in a picture, else all.",
        show_default=False,
    ),
]
Train = Annotated[bool, typer.Option("--train", help="Analyze the model in training mode.")]
Format = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="table, json, csv, md; html; svg, png, pdf, dot, mermaid; graphml, gexf, nodelink, netron, "
        "model_explorer, model_explorer_data; when left out, the suffix of FILE, else table.",
        show_default=False,
    ),
]
ShortFormat = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="table, json, csv or md; when left out, the suffix of FILE, else table.",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.", show_default=False)
]
Plot = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Draw cost per stage, and live memory over time: a .png, .svg or .pdf.",
        show_default=False,
    ),
]
Open = Annotated[bool, typer.Option("--open", help="Write an HTML page and open it in the browser.")]
Version = Annotated[bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)]


RuleName = Annotated[
    str | None,
    typer.Argument(
        metavar="OPERATION",
        help="Explain one: torch.nn.functional.conv2d, nn.Conv2d, or a bare conv2d.",
        show_default=False,
    ),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")]
