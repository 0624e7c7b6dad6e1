"""What can go wrong, and what is worth saying: one family of exceptions and one kind of remark.

A rule says *what* is wrong (``raise ShapeError("input has 4 channels, weight takes 3")``). One place in the core,
`AnalyzerError.locate`, adds *where*: the module path, the operation, the tensors and the line of the user's own file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "AnalyzerError",
    "DataDependentError",
    "Diagnostic",
    "InputError",
    "LimitError",
    "MissingRuleError",
    "ModelError",
    "RuleError",
    "ShapeError",
    "Source",
]


@dataclass(frozen=True, slots=True)
class Source:
    """A line of the user's own code.

    >>> print(Source("model.py", 41, "x = self.conv1(x)"))
    model.py:41   x = self.conv1(x)
    """

    file: str
    line: int
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}   {self.text}".rstrip()

    @property
    def place(self) -> str:
        """The line as ``assume=`` takes it: ``"model.py:41"``."""
        return f"{self.file.rpartition('/')[2]}:{self.line}"


class AnalyzerError(Exception):
    """Base of every error that flopgraph raises on purpose.

    Attributes:
        message: what is wrong, one sentence, values last.
        where: the module path and the operation, such as ``"layer1.0.conv1 (conv2d)"``; empty when not in a model.
        details: ``(label, text)`` rows: the tensors that took part and where they came from.
        source: the line of the user's code that asked, or None.
        hint: what to do about it, or an empty string.
        data_dependent: True when the answer depends on the values in a tensor, which a static analysis does not have.

    >>> error = ShapeError("input has 4 channels, weight takes 3", hint="make the input 3 channels wide")
    >>> print(error.locate("stem (conv2d)", (("input", "(1, 4, 8, 8) float32"),), Source("m.py", 7, "self.stem(x)")))
    stem (conv2d): input has 4 channels, weight takes 3
      input   (1, 4, 8, 8) float32
      at      m.py:7   self.stem(x)
      try     make the input 3 channels wide
    """

    data_dependent: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = ""
        self.details: tuple[tuple[str, str], ...] = ()
        self.source: Source | None = None
        self.hint = hint

    def locate(
        self, where: str, details: tuple[tuple[str, str], ...] = (), source: Source | None = None
    ) -> AnalyzerError:
        """Add where it happened; the first place that knows wins. Returns the error itself."""
        self.where = self.where or where
        self.details = self.details or details
        self.source = self.source or source
        return self

    def __str__(self) -> str:
        rows = list(self.details)
        if self.source is not None:
            rows.append(("at", str(self.source)))
        if self.hint:
            rows.append(("try", self.hint))
        width = max([6, *(len(label) for label, _ in rows)])
        head = f"{self.where}: {self.message}" if self.where else self.message
        return "\n".join([head, *(f"  {label:<{width}}  {text}" for label, text in rows)])

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.message,), self.__dict__)


class ShapeError(AnalyzerError, RuntimeError, IndexError, ValueError):
    """The arguments of an operation do not fit together; torch would reject them too.

    It is all that torch raises then, so that a model which tries one way and falls back on another does so here.

    >>> try:
    ...     raise ShapeError("dim must be from -2 to 1, got 5")
    ... except IndexError:
    ...     print("the other way")
    the other way
    """


class DataDependentError(AnalyzerError):
    """The model asks for a value that only real data has (a branch on a tensor, ``.item()``, a data-dependent size).

    Attributes:
        argument: the argument of the operation that would say a size which data decide; empty where none does.
    """

    data_dependent: ClassVar[bool] = True

    def __init__(self, message: str, *, hint: str = "", argument: str = "") -> None:
        super().__init__(message, hint=hint)
        self.argument = argument


class MissingRuleError(AnalyzerError):
    """Nobody knows the shape of what this operation returns: no rule, and torch has no shape function for it."""


class InputError(AnalyzerError):
    """The call to the analyzer itself is wrong: inputs that forward does not take, a malformed spec, a wrong option."""


class LimitError(AnalyzerError):
    """A model costs more than it may; a line a limit that is broken."""


class ModelError(AnalyzerError):
    """The model's own code raised; the original exception is the ``__cause__``."""


class RuleError(AnalyzerError):
    """A rule, or the way rule sets are joined, is wrong: clashing targets, misspelt argument names, a broken plugin."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One remark about the analysis: a bound, an assumption, a fold, a missing rule, an unused parameter.

    Attributes:
        code: stable, for programs, such as ``"training-mode"`` or ``"inferred-shape"``.
        node: id of the node it is about, or an empty string for the whole analysis.
        message: what there is to know, for people.
        hint: what can be done about it, or an empty string.

    >>> print(Diagnostic("training-mode", "", "the model stands in training mode", "call model.eval()"))
    training-mode: the model stands in training mode (call model.eval())
    """

    code: str
    node: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f" {self.node}:" if self.node else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.code}:{place} {self.message}{hint}"
