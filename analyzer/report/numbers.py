"""How numbers and shapes are written for people. Data files hold the exact whole numbers instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import groupby

from analyzer.bounds import is_bound
from analyzer.spec import TensorSpec

__all__ = [
    "bar",
    "exactly",
    "growth",
    "human",
    "plural",
    "printable",
    "shape",
    "shapes",
    "share",
    "sign",
    "signed",
    "words",
]

PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y", "R", "Q")
EIGHTHS = " ▏▎▍▌▋▊▉█"


def sign(number: int, missing: bool = False) -> str:
    """What stands in front of a number: ``≤`` where it is an upper bound, ``≥`` where something is missing in it.

    ``≈`` where both are so, and nothing where it is exact.

    >>> from analyzer.bounds import AtMost
    >>> sign(AtMost(5)), sign(5, missing=True), sign(AtMost(5), missing=True), sign(5)
    ('≤', '≥', '≈', '')
    """
    if is_bound(number):
        return "≈" if missing else "≤"
    return "≥" if missing else ""


def exactly(number: int, missing: bool = False) -> str:
    """All digits of a number, with its sign.

    >>> from analyzer.bounds import AtMost
    >>> exactly(4_089_184_256), exactly(AtMost(1600)), exactly(5, missing=True)
    ('4,089,184,256', '≤1,600', '≥5')
    """
    return f"{sign(number, missing)}{int(number):,}"


def human(number: int, unit: str = "", *, missing: bool = False) -> str:
    """Three digits and an SI prefix, rounded to nearest from the exact whole number, of any size; with its sign.

    >>> human(999), human(4_089_184_256), human(999_999), human(102_228_128, "B"), human(2**70)
    ('999', '4.09 G', '1.00 M', '102 MB', '1.18 Z')
    >>> from analyzer.bounds import AtMost
    >>> human(AtMost(1600)), human(0, missing=True)
    ('≤1.60 k', '≥0')
    """
    front, size = ("−", -int(number)) if number < 0 else (sign(number, missing), int(number))
    if size < 1000:
        return f"{front}{size} {unit}".rstrip()
    rounded = Decimal(f"{Decimal(size):.2e}")
    thousands = rounded.adjusted() // 3
    if thousands >= len(PREFIXES):
        return f"{front}{Decimal(size):.2e} {unit}".rstrip()
    scaled = rounded.scaleb(-3 * thousands)
    digits = scaled.quantize(Decimal(1).scaleb(scaled.adjusted() - 2), ROUND_HALF_EVEN)
    return f"{front}{digits} {PREFIXES[thousands]}{unit}"


def share(part: int, whole: int) -> str:
    """Per cent of the whole with one digit behind the point; what is there is never shown as nothing.

    >>> share(1, 3), share(1, 10**9), share(0, 7), share(0, 0)
    ('33.3 %', '<0.1 %', '0 %', '')
    """
    if not whole:
        return ""
    if not part:
        return "0 %"
    part, whole = int(part), int(whole)
    thousandths = (2000 * part + whole) // (2 * whole)
    return f"{thousandths // 10}.{thousandths % 10} %" if thousandths else "<0.1 %"


def signed(amount: int, text: str) -> str:
    """A number that was written without regard to its sign, with one: ``+`` for more, ``−`` for less.

    >>> signed(1_300, human(1_300)), signed(-5, human(-5)), signed(0, human(0))
    ('+1.30 k', '−5', '0')
    """
    return f"+{text}" if amount > 0 else text.replace("-", "−", 1)


def growth(old: int, new: int) -> str:
    """Per cent by which a number grew; nothing where it did not change or was nothing.

    >>> growth(1_000, 2_787), growth(4, 3), growth(10**9, 10**9 + 1), growth(0, 5), growth(5, 5)
    ('+178.7 %', '−25.0 %', '+<0.1 %', '', '')
    """
    if not old or old == new:
        return ""
    size = share(abs(int(new) - int(old)), int(old))
    return f"{'+' if new > old else '−'}{size}"


def bar(part: int, whole: int, width: int) -> str:
    """A bar of the share, in eighths of a character.

    >>> bar(1, 2, 5), bar(0, 2, 5)
    ('██▌', '')
    """
    eighths = 8 * width * int(part) // int(whole) if whole else 0
    return (EIGHTHS[8] * (eighths // 8) + EIGHTHS[eighths % 8]).strip()


def plural(number: int, noun: str) -> str:
    """The number with its noun.

    >>> plural(1, "call"), plural(2_000, "call")
    ('1 call', '2,000 calls')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def words(items: Sequence[str], most: int = 3) -> str:
    """The first few of a list, and how many more there are.

    >>> words(["a", "b"]), words(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    head = ", ".join(items[:most])
    return head if len(items) <= most else f"{head} and {len(items) - most} more"


def printable(text: str) -> str:
    r"""Text without characters that a terminal obeys or that XML cannot hold: they are written as escapes.

    >>> print(printable("a\x1b[31mb"))
    a\x1b[31mb
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shape(spec: TensorSpec) -> str:
    """Sizes as the command line takes them; those that are upper bounds with their sign.

    >>> from analyzer.bounds import AtMost
    >>> shape(TensorSpec((1, 3, 224, 224))), shape(TensorSpec(())), shape(TensorSpec((AtMost(6), 2)))
    ('1x3x224x224', 'scalar', '≤6x2')
    """
    return "x".join(str(size) for size in spec.shape) or "scalar"


def shapes(specs: Iterable[TensorSpec], *, dtype: bool = False) -> str:
    """The shapes of several tensors, the first few of many, with their dtypes where asked for.

    >>> shapes([TensorSpec((2, 3)), TensorSpec((5,))]), shapes([TensorSpec((2, 3))], dtype=True)
    ('2x3, 5', '2x3 float32')
    >>> shapes([TensorSpec((2, 3))] * 12)
    '12 × 2x3'
    """
    texts = [f"{shape(spec)} {spec.dtype_name}" if dtype else shape(spec) for spec in specs]
    runs = [(text, len(list(run))) for text, run in groupby(texts)]
    return words([item for text, times in runs for item in ([text] * times if times < 3 else [f"{times} × {text}"])])
