"""The README and the pages of docs/ keep their word: code runs, output is what is printed, figures are the tool's."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from analyzer import CONVENTIONS, Counts, analyze, cli
from analyzer.plugins import GROUP
from analyzer.report import FORMATS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FILE = re.compile(r"# (\S+\.py)\n")


def blocks_of(text: str) -> list[tuple[str, str]]:
    """Kind and text of every fenced block of a page."""
    return [(m[1], m[2]) for m in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


PAGES = {
    str(path.relative_to(ROOT)): blocks_of(path.read_text(encoding="utf-8"))
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
COMMANDS = [
    pytest.param(page, command, output.rstrip("\n"), id=f"{page}: {command}")
    for page, blocks in PAGES.items()
    for kind, text in blocks
    if kind == "console"
    for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
]


def of_any_version(text: str) -> str:
    """Text without the numbers of versions and the spaces at the ends of lines."""
    text = re.sub(r"\b(torch|torchvision|flopgraph) \d[\w.]*", r"\1", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def shown_as(shown: str) -> re.Pattern[str]:
    """What a block of the README stands for: a line ``...`` is any number of lines."""
    parts = re.split(r"^\.\.\.$", of_any_version(shown), flags=re.MULTILINE)
    return re.compile(".*".join(map(re.escape, parts)), re.DOTALL)


def assert_printed(actual: str, shown: str) -> None:
    """What was printed is what the README shows."""
    if not shown_as(shown).fullmatch(of_any_version(actual)):
        pytest.fail(f"the page shows\n{shown}\nand this is printed\n{actual}", pytrace=False)


@pytest.fixture
def folder(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with the files in it that the page shows; what is imported from them is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    for kind, text in PAGES[page]:
        if kind == "python" and (name := FILE.match(text)) and not (ROOT / name[1]).exists():
            (tmp_path / name[1]).write_text(text.removeprefix(name[0]))
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", PAGES)
def test_python_prints_what_stands_below_it(folder: Path, page: str) -> None:
    pytest.importorskip("torchvision")
    pytest.importorskip("transformers")
    names: dict[str, object] = {"__name__": "readme"}
    blocks = PAGES[page]
    for index, (kind, text) in enumerate(blocks):
        if kind == "python" and not FILE.match(text):
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(text, f"{page}, block {index}", "exec"), names)
            below, output = blocks[index + 1] if index + 1 < len(blocks) else ("", "")
            assert_printed(printed.getvalue(), output if below == "text" else "\n".join(re.findall("# → (.*)", text)))


@pytest.mark.parametrize(("page", "command", "output"), COMMANDS)
def test_commands_print_what_stands_below_them(folder: Path, page: str, command: str, output: str) -> None:
    pytest.importorskip("torchvision")
    from typer.testing import CliRunner

    program, *arguments = shlex.split(command)
    assert program == "flopgraph"
    assert_printed(CliRunner().invoke(cli.app, arguments, prog_name="flopgraph").output, output)


def test_rules_are_quoted_as_they_stand() -> None:
    quoted = [
        (name[1], text.removeprefix(name[0]))
        for blocks in PAGES.values()
        for kind, text in blocks
        if kind == "python" and (name := FILE.match(text)) and (ROOT / name[1]).exists()
    ]
    assert [name for name, _ in quoted] == ["rules/linear.py"]
    for name, text in quoted:
        assert shown_as(text).search((ROOT / name).read_text(encoding="utf-8"))


CONV = nn.Conv2d(3, 5, (7, 11), padding=(3, 5))
LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "`Conv2d(3, 5, (7, 11), padding=(3, 5), bias=False)`": (
        nn.Conv2d(3, 5, (7, 11), padding=(3, 5), bias=False),
        (2, 3, 13, 17),
    ),
    "the same with a bias": (CONV, (2, 3, 13, 17)),
    "the same and a `BatchNorm2d(5)` behind it": (nn.Sequential(CONV, nn.BatchNorm2d(5)), (2, 3, 13, 17)),
    "`Linear(7, 5, bias=False)`": (nn.Linear(7, 5, bias=False), (3, 7)),
    "`Linear(7, 5)`": (nn.Linear(7, 5), (3, 7)),
    "`Softmax(-1)`": (nn.Softmax(-1), (3, 7)),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_textbook_digits(layer: str) -> None:
    model, size = LAYERS[layer]
    analysis = analyze(model.eval(), size)
    cells = [layer, "x".join(map(str, size)), *(f"{analysis.total(name):,}" for name in CONVENTIONS)]
    assert f"| {' | '.join(cells)} |" in README


def test_tables_are_complete() -> None:
    for word in (*CONVENTIONS, *FORMATS, *Counts.__dataclass_fields__):
        assert re.search(rf"^\|.*(`| ){word}(`| ).*\|$", README, re.MULTILINE), f"{word} is in no table"


def test_resnet50_figures_are_the_analysis_own() -> None:
    models = pytest.importorskip("torchvision").models
    with torch.device("meta"):
        analysis = analyze(models.resnet50().eval(), (1, 3, 224, 224))
    assert (analysis.params, analysis.total("macs"), analysis.total("flops")) == (
        25_557_032,
        4_089_184_256,
        8_172_874_240,
    )
    for number in (analysis.params, analysis.total("macs"), analysis.total("flops"), analysis.memory.peak):
        assert f"{number:,}" in README or str(number) in README


def test_names_that_others_rely_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f'[project.entry-points."{GROUP}"]' in README
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text()
    for extra in project["optional-dependencies"]:
        assert re.search(rf"pip install .*\[.*\b{extra}\b.*\]", README), f"the extra {extra} is not told"
    assert len(README.splitlines()) < 530
