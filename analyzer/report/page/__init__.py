"""The analysis as one HTML file to look at: it needs no network, loads nothing, and opens from disk.

The data and the layout engine are in the file, gzipped. A strict Content-Security-Policy lets only the page's own
scripts and styles run, told by their hashes, and forbids any request.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import jinja2  # comes with torch

from analyzer.conventions import Convention
from analyzer.report.page.data import page_data

if TYPE_CHECKING:
    from analyzer.analysis import Analysis

__all__ = ["to_html"]

SCRIPTS = (
    "numbers", "model", "engine", "layout", "state", "camera", "glyphs", "graph", "tree", "icicle", "details", "search",
    "picture", "keys", "main",
)  # fmt: skip
"""The page's scripts, in the order in which they are joined: each uses what stands before it."""

# elkjs decides by `module` and `document` whether it is in a worker; in a page it would need a bundler without this.
ENGINE_HEAD, ENGINE_TAIL = "self.elk={exports:{}};(function(module,exports){", "\n})(self.elk,self.elk.exports);"


def to_html(
    analysis: Analysis, weigh: Convention, changes: Mapping[str, str] | None = None, before: Analysis | None = None
) -> str:
    """The page.

    Args:
        analysis: the analysis.
        weigh: the convention that is shown first.
        changes: marks for modules and nodes, see `analyzer.report.page.data.page_data`.
        before: another analysis, whose costs stand beside those of what changed.
    """
    data = json.dumps(page_data(analysis, weigh, changes, before), separators=(",", ":"))
    style, script, engine = _style(), _script(), _engine()
    template = jinja2.Environment(autoescape=True).from_string(_read("page.html"))
    return template.render(
        name=analysis.graph.name,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hashes=f"{_hash(script)} {_hash(engine)}",
        data=_packed(data),
        engine=_packed_engine(),
    )


def _read(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


@cache
def _style() -> str:
    return "\n".join(_read(f"styles/{name}.css") for name in ("page", "graph", "print"))


@cache
def _script() -> str:
    parts = "\n".join(_read(f"scripts/{name}.js") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}\n}})();'


@cache
def _engine() -> str:
    return f"{ENGINE_HEAD}{_read('vendor/elk-worker.min.js')}{ENGINE_TAIL}"


@cache
def _packed_engine() -> str:
    return _packed(_engine())


def _packed(text: str) -> str:
    """Gzipped and in base64, whose letters mean nothing in HTML; equal text gives equal letters."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _hash(text: str) -> str:
    """A source of a Content-Security-Policy that allows this one text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
