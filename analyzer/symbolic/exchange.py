"""A formula where flopgraph is not: a Python function that needs nothing, and JSON."""

from __future__ import annotations

import json
import keyword
from collections.abc import Callable
from typing import Any

from analyzer.errors import InputError, Source
from analyzer.symbolic.domain import Condition, Domain, Name
from analyzer.symbolic.source import compiled

__all__ = ["as_function", "as_json", "from_json"]

FORMAT = "flopgraph formula 1"


def as_function(formula: Any, name: str) -> str:
    """Source of a function of the names.

    >>> from analyzer import TensorSpec, analyze
    >>> total = analyze(lambda x: x @ x.mT, TensorSpec(("S", 7)), hints={"S": 11}).total("macs")
    >>> print(as_function(total, "scores"))
    def scores(S):
        \"\"\"7·S², exact.\"\"\"
        if not S >= 1:
            raise ValueError("the formula holds where S is at least 1")
        return 7*S**2
    """
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise InputError(f"a function's name is an identifier, not {name!r}")
    text, below = formula.code
    domain: Domain = formula.domain
    checks = [(_range(known), str(known)) for known in domain.names]
    checks += [(condition.code, condition.text) for condition in domain.conditions]
    codes = (text, *(code for code, _ in checks))
    functions = [one for one in ("ceil", "floor", "sqrt") if any(f"{one}(" in code for code in codes)]
    lines = [f"from math import {', '.join(functions)}", "", ""] if functions else []
    if any("ceil_log2(" in code for code in codes):
        lines += ["def ceil_log2(n):", "    return max(n - 1, 0).bit_length()", "", ""]
    arguments = ", ".join(known.name for known in domain.names)
    lines += [f"def {name}({arguments}):", f'    """{formula}, exact."""']
    for code, said in checks:
        lines += [f"    if not {_closed(code)}:", f'        raise ValueError("the formula holds where {said}")']
    if below == 1:
        lines.append(f"    return {text}")
    else:
        lines += [f"    total = {text}", f"    return total // {below} if total % {below} == 0 else total / {below}"]
    return "\n".join(lines)


def _range(name: Name) -> str:
    return f"{name.name} >= {name.least}" if name.most is None else f"{name.least} <= {name.name} <= {name.most}"


def _closed(code: str) -> str:
    return f"({code})" if " & " in code or " | " in code else code


def as_json(formula: Any) -> str:
    """The formula, its names and its conditions."""
    text, below = formula.code
    domain: Domain = formula.domain
    return json.dumps(
        {
            "format": FORMAT,
            "text": str(formula),
            "python": text,
            "divided_by": below,
            "value": int(formula),
            "names": [
                {"name": name.name, "hint": name.hint, "least": name.least, "most": name.most} for name in domain.names
            ],
            "conditions": [
                {
                    "text": one.text,
                    "python": one.code,
                    "source": one.source and [one.source.file, one.source.line, one.source.text],
                }
                for one in domain.conditions
            ],
        },
        ensure_ascii=False,
        indent=2,
    )


def from_json(text: str, make: Callable[..., Any]) -> Any:
    """The formula that `as_json` wrote.

    Raises:
        InputError: it is none.
    """
    try:
        data = json.loads(text)
        names = tuple(Name(str(one["name"]), int(one["hint"]), int(one["least"]), one["most"]) for one in data["names"])
        conditions = [
            Condition(str(one["text"]), str(one["python"]), Source(*one["source"]) if one["source"] else None)
            for one in data["conditions"]
        ]
        domain, code = Domain(names, conditions), (str(data["python"]), int(data["divided_by"]))
        known = {name.name for name in names}
        if data["format"] != FORMAT:
            raise InputError(f"this is {data['format']!r:.80}, not {FORMAT!r}")
        for one in (code[0], *(condition.code for condition in conditions)):
            compiled(one)
        compiled(code[0])(dict.fromkeys(known, 1))
        return make(int(data["value"]), None, domain, code)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, NameError) as error:
        raise InputError(f"this is no formula that to_json wrote: {type(error).__name__}: {error}") from None
