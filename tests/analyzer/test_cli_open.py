"""``-o model.html`` and ``--open``: the page is written, and handed to a browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from urllib.parse import urlparse

import pytest
from typer.testing import CliRunner

from analyzer import cli

NET = "from torch import nn\ndef net():\n    return nn.Linear(7, 5)\n"


@pytest.fixture
def opened(monkeypatch):
    """The addresses that a browser was asked to show."""
    addresses = []
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address) or True)
    return addresses


@pytest.fixture
def flopgraph(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    return lambda *args: CliRunner().invoke(cli.app, ["net.py:net", "--input", "3x7", *args], prog_name="flopgraph")


def test_a_page_is_written_by_its_suffix(flopgraph, opened, tmp_path):
    assert flopgraph("-o", "net.html").exit_code == 0
    assert (tmp_path / "net.html").read_text().startswith("<!doctype html>")
    assert opened == []


def test_a_page_is_opened(flopgraph, opened, tmp_path):
    done = flopgraph("-o", "net.html", "--open")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "opened net.html\n")
    assert opened == [(tmp_path / "net.html").as_uri()]


def test_a_page_that_is_only_opened_is_a_temporary_file(flopgraph, opened):
    done = flopgraph("--open")
    assert done.exit_code == 0, done.stderr
    file = Path(urlparse(opened[0]).path)
    assert file.name == "net.py_net.html"
    assert file.read_text().startswith("<!doctype html>")
    file.unlink()
    file.parent.rmdir()


@pytest.mark.parametrize("args", [("-o", "net.csv"), ("--format", "json"), ("-o", "net.html", "--format", "md")])
def test_only_pages_are_opened(args, flopgraph, opened):
    done = flopgraph(*args, "--open")
    assert done.exit_code == 2
    assert done.stderr.startswith("InputError: --open shows an HTML page, not ")
    assert opened == []


def test_where_there_is_no_browser_the_file_is_named(flopgraph, monkeypatch):
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    done = flopgraph("-o", "net.html", "--open")
    assert (done.exit_code, done.stderr) == (0, "no browser found to open net.html\n")
