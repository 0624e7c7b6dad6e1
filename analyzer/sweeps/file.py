"""The file that a sweep grows, one line a result: a sweep that was cut off goes on where it stood."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from analyzer.errors import InputError
from analyzer.sweeps.job import Result

__all__ = ["COLUMNS", "ResultsFile", "header_of", "line_of"]

COLUMNS = tuple(field.name for field in dataclasses.fields(Result))
NUMBERS = ("params", "macs", "flops", "all", "param_bytes", "peak_bytes")
SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def line_of(result: Result, format: str) -> str:
    """A result as a line of CSV or of JSON lines, its end included; what nobody knows is an empty cell or null.

    >>> print(line_of(Result("small", 40, 105, seconds=0.5, bound="exact"), "csv"), end="")
    small,40,105,,,,,,0.5,exact,
    """
    record = dataclasses.asdict(result)
    return _csv_line(record.values()) if format == "csv" else json.dumps(record, ensure_ascii=False) + "\n"


def header_of(format: str) -> str:
    """The first line of a file of that format."""
    return _csv_line(COLUMNS) if format == "csv" else ""


def _csv_line(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


class ResultsFile:
    """Results on disk, by name. Every line is written at once and by itself, so that an interrupt leaves whole lines.

    Args:
        path: a file that ends in ``.csv`` or ``.jsonl``; it need not exist.
        retry: whether results of models that failed are taken out of it.

    Raises:
        InputError: it cannot be read or written, or holds something else; then it is left as it is.
    """

    def __init__(self, path: str | os.PathLike[str], *, retry: bool = False) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() not in SUFFIXES:
            raise InputError(f"results are written to a file that ends in .csv or .jsonl, not to {str(path)!r}")
        self.format = SUFFIXES[self.path.suffix.lower()]
        try:
            whole = self._healed(self.path.read_bytes() if self.path.exists() else b"")
            self.recorded = {result.name: result for result in self._parsed(whole)}
            if retry:
                self.recorded = {name: result for name, result in self.recorded.items() if result.ok}
                whole = "".join(map(self._line, self.recorded.values())).encode("utf-8", "backslashreplace")
                whole = header_of(self.format).encode() + whole
            self._file = self._opened(whole or header_of(self.format).encode())
        except OSError as error:
            raise InputError(f"{self.path} cannot be used for results: {error.strerror}") from None

    def append(self, result: Result) -> None:
        """Write one result; it is on the way to the disk when this returns."""
        self._file.write(self._line(result).encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _line(self, result: Result) -> str:
        return line_of(result, self.format)

    def _healed(self, content: bytes) -> bytes:
        """The whole lines. What stands behind the last of them was being written when a process was killed."""
        whole, newline, rest = content.rpartition(b"\n")
        start = header_of("csv").encode() if self.format == "csv" else b'{"name": '
        if not whole and rest and not (rest.startswith(start) or start.startswith(rest)):
            raise self._foreign(1)
        return whole + newline

    def _parsed(self, content: bytes) -> list[Result]:
        try:
            lines = content.decode("utf-8").split("\n")[:-1]
        except UnicodeDecodeError:
            raise self._foreign(1) from None
        if self.format == "csv" and lines and lines[0] + "\n" != header_of("csv"):
            raise self._foreign(1)
        results = []
        for number, line in enumerate(lines, 1):
            if line and not (self.format == "csv" and number == 1):
                try:
                    results.append(_result(self._record(line)))
                except (ValueError, TypeError, csv.Error):
                    raise self._foreign(number) from None
        return results

    def _record(self, line: str) -> dict[str, Any]:
        if self.format == "jsonl":
            return dict(json.loads(line))
        return dict(zip(COLUMNS, next(csv.reader([line], strict=True)), strict=True))

    def _foreign(self, line: int) -> InputError:
        return InputError(
            f"{self.path} holds something else than results of a sweep in line {line}", hint="name another file"
        )

    def _opened(self, content: bytes) -> BinaryIO:
        """The file, holding this content, open at its end; replaced as a whole where it held anything else."""
        if not self.path.exists() or self.path.read_bytes() != content:
            fresh = self.path.with_name(self.path.name + ".new")
            fresh.write_bytes(content)
            os.replace(fresh, self.path)
        return open(self.path, "ab", buffering=0)


def _result(record: dict[str, Any]) -> Result:
    """A result from cells of text or from JSON's values."""
    numbers = {name: None if record[name] in ("", None) else int(record[name]) for name in NUMBERS if name in record}
    return Result(**record | numbers | {"seconds": float(record.get("seconds") or 0)})
