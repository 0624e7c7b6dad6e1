"""What is written on a command line, as values."""

from __future__ import annotations

import re

import pytest
import torch

from analyzer.errors import AnalyzerError, InputError
from analyzer.spec import Known, TensorSpec
from analyzer.zoo.call import written
from analyzer.zoo.parsing import parse_assumption, parse_dtype, parse_input, parse_setting, parse_size
from analyzer.zoo.settings import typed
from analyzer.zoo.spoken import spoken


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1x3x224x224", ("", TensorSpec((1, 3, 224, 224)))),
        ("5", ("", TensorSpec((5,)))),
        ("0x4:bool", ("", TensorSpec((0, 4), torch.bool))),
        ("t=scalar:torch.int64", ("t", TensorSpec((), torch.int64))),
        ("input_ids=2x128:long", ("input_ids", TensorSpec((2, 128), torch.int64))),
    ],
)
def test_inputs_are_parsed(text, wanted):
    assert parse_input(text) == wanted


@pytest.mark.parametrize("text", ["", "x", "1x", "1x-3", "1,3", "=1x3", "2x3:", "1x3:int65", "1x3:nn", "a b=3"])
def test_malformed_inputs_are_told(text):
    with pytest.raises(InputError):
        parse_input(text)


@pytest.mark.parametrize(
    ("text", "name", "values", "dtype"),
    [
        ("grid_thw=[[1,28,28]]", "grid_thw", [[1, 28, 28]], torch.int64),
        ("[0.5, 2]", "", [0.5, 2.0], torch.float32),
        ("mask=[1, 0]:bool", "mask", [True, False], torch.bool),
    ],
)
def test_numbers_are_an_input_with_values(text, name, values, dtype):
    found, known = parse_input(text)
    assert (found, known.tensor.tolist(), known.tensor.dtype) == (name, values, dtype)


@pytest.mark.parametrize(("text", "value"), [("null", None), ("true", True), ("false", False)])
def test_a_plain_value_is_passed_on(text, value):
    assert parse_input(f"use_cache={text}") == ("use_cache", value)
    assert written("use_cache", value) == f"use_cache={text}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x=[1,", "an input is written"),
        ("x=[1,]", "the numbers of an input are JSON, and 'x=[1,]' is none"),
        ("x=[[1],[2,3]]", "Known takes a tensor or numbers"),
        ("1x" + "9" * 31, "a size is at most 9,223,372,036,854,775,807, but"),
    ],
)
def test_wrong_numbers_are_told(text, message):
    with pytest.raises(InputError, match=re.escape(message)):
        parse_input(text)


def test_inputs_are_written_as_they_are_read():
    for text in ("ids=2x128:int64", "1x3x5x7", "t=scalar:int64", "grid=[[1,28,28]]"):
        name, value = parse_input(text)
        assert written(name, value) == text
    assert isinstance(parse_input("grid=[[1,28,28]]")[1], Known)


def test_sizes_dtypes_answers_and_settings():
    assert (parse_size("480x640"), parse_size("336")) == ((480, 640), (336, 336))
    assert parse_dtype("torch.bfloat16") is torch.bfloat16
    assert parse_assumption("a/model.py:41=[3, 5]") == ("a/model.py:41", [3, 5])
    assert parse_setting("vision_config.hidden_size=64") == ("vision_config.hidden_size", "64")
    for parse, text in (
        (parse_size, "0x5"),
        (parse_size, "a"),
        (parse_assumption, "m.py:4"),
        (parse_assumption, "m=x y"),
    ):
        with pytest.raises(InputError, match="is written"):
            parse(text)
    with pytest.raises(InputError, match=r"torch has no dtype 'bfloat61'\n  try +did you mean bfloat16"):
        parse_dtype("bfloat61")


@pytest.mark.parametrize(
    ("given", "old", "wanted"),
    [
        ("80", 32, 80),
        ("True", False, True),
        ("1", 0.5, 1.0),
        ("7", "silu", "7"),
        ("[2, 3]", (1, 1), (2, 3)),
        ("[2, 3]", 224, [2, 3]),
        ("null", 5, None),
        ("gelu", None, "gelu"),
        (80, 32, 80),
    ],
)
def test_a_setting_has_the_type_of_what_it_replaces(given, old, wanted):
    value = typed("name", given, old)
    assert (value, type(value)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("given", "old"), [("many", 32), ("0.5", 32), ("1", True), ("yes", True), ("5", [1]), (True, 3)]
)
def test_a_setting_of_another_type_is_told(given, old):
    with pytest.raises(InputError, match=r"layers is (a whole number|true or false|a list) such as"):
        typed("layers", given, old)


@pytest.mark.parametrize(
    ("hint", "wanted"),
    [
        ('say what it is with assume={"m.py:7": True}', "say what it is with --assume m.py:7=True"),
        (
            'say what it is with assume={"m.py:7": [...]}, or give grid with values, as Known(tensor)',
            "say what it is with --assume m.py:7=[...], or give its values: --input grid=[...]",
        ),
        (
            'analyze(model, kwargs={"x": TensorSpec((...)), "y": TensorSpec((...))})',
            "--input x=1x3x224x224 --input y=1x3x224x224",
        ),
        ('go on with on_unknown="bound"', "go on with --on-unknown bound"),
    ],
)
def test_hints_speak_of_options(hint, wanted):
    assert spoken(AnalyzerError("it failed", hint=hint)).hint == wanted
