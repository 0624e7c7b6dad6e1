"""The gate: what passes, what does not and why, by pencil; what a baseline keeps; broken files and options."""

from __future__ import annotations

import json
import multiprocessing

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from analyzer import Baseline, InputError, LimitError, TensorSpec, analyze, check, cli
from analyzer.baseline import entry
from analyzer.measures import LIMITS
from analyzer.quantities import parse_quantity, parse_tolerance


class Net(nn.Module):
    def __init__(self, width=5):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(7, width), nn.ReLU())
        self.head = nn.Linear(width, 2)

    def forward(self, x):
        return self.head(self.body(x))


def net(width=5):
    """On 3 rows: 3 (7 + 2) width products, (8 + 2) width + 2 parameters."""
    return analyze(Net(width).eval(), (3, 7))


def unknown():
    """One call whose cost no rule knows, behind a layer of 105 products."""
    if not hasattr(torch.ops.limits_test, "odd"):
        torch.library.define("limits_test::odd", "(Tensor x) -> Tensor")
        torch.library.register_fake("limits_test::odd", lambda x: x.new_empty(x.shape))

    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(7, 5)

        def forward(self, x):
            return torch.ops.limits_test.odd(self.fc(x))

    analysis = analyze(Odd().eval(), (3, 7))
    assert analysis.is_lower_bound
    return analysis


@pytest.mark.parametrize(
    ("text", "number"),
    [("26M", 26_000_000), ("4.2G", 4_200_000_000), ("1.5k", 1500), ("1K", 1000), ("25,557,032", 25_557_032), ("0", 0),
     ("1_000", 1000), ("2e3", 2000), (7, 7), (4.2e9, 4_200_000_000), (" 3 T ", 3 * 10**12), ("0.1", 0)],
)  # fmt: skip
def test_counts(text, number):
    assert parse_quantity(text, "max_macs") == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("10MB", 10**7), ("10M", 10**7), ("10 MiB", 10 * 2**20), ("1.5KiB", 1536), ("512B", 512), ("512", 512)],
)
def test_bytes(text, number):
    assert parse_quantity(text, "max_peak", bytes=True) == number


@pytest.mark.parametrize(
    "text",
    ["", "x", "-1", "4..2G", "4.2g", "M", "1 2", "26,5M", "1,00,000", "7B", "10MB", "10Mi", "nan", True, None,
     float("inf"), -3],
)  # fmt: skip
def test_what_is_no_count(text):
    with pytest.raises(InputError, match=r"max_macs takes a number such as 4200000000 or 4\.2G, not "):
        parse_quantity(text, "max_macs")


def test_what_is_no_size_and_no_tolerance():
    for text in ("10Mi", "iB", "10 MB B"):
        with pytest.raises(InputError, match="max_peak takes a number such as 10MB or 10MiB, not "):
            parse_quantity(text, "max_peak", bytes=True)
    for value in ("1", "x%", "-1%", -0.1, True, float("nan")):
        with pytest.raises(InputError, match="tolerance takes "):
            parse_tolerance(value)


def test_each_limit_at_its_edge():
    # 52 parameters of 4 bytes; 135 products; ReLU apart, an output costs 2 K with its bias. The peak is the 84 bytes of
    # the input and the 60 of what the first layer makes; the largest is the input.
    edges = {"params": 52, "macs": 135, "flops": 270, "peak": 144, "activation": 84, "param_bytes": 208}
    assert set(edges) == {measure.name for measure in LIMITS.values()}
    for name, edge in edges.items():
        passed, failed = (check(net(), **{f"max_{name}": limit}) for limit in (edge, edge - 1))
        assert (passed.passed, failed.passed) == (True, False), name
        (finding,) = failed.broken
        assert f" is 1{' B' if LIMITS[f'max_{name}'].unit else ''} over max_{name} {edge - 1}" in str(finding)


def test_reasons_by_pencil():
    found = check(net(), max_macs="0.1k", max_params="1k", max_peak="143B", max_param_bytes=207, name="mine")
    assert str(found).splitlines() == [
        "mine: 52 params, within max_params 1k (5.2 %)",
        "mine: 135 MACs is 35 over max_macs 0.1k; dearest: body 105",
        "mine: 144 B peak is 1 B over max_peak 143B; at body.0",
        "mine: 208 B of parameters is 1 B over max_param_bytes 207 B; largest: body.0.weight 140 B",
    ]
    assert found.broken[0].told(option=True) == "135 MACs is 35 over --max-macs 0.1k; dearest: body 105"
    with pytest.raises(LimitError, match=r"^mine: 135 MACs is 35 over max_macs 0.1k; dearest: body 105\nmine: 144 B"):
        found.require()
    assert check(net(), max_macs="1G").require().passed


def test_numbers_that_look_alike_are_written_out():
    wide = analyze(nn.Linear(1000, 1000, bias=False).eval(), (1, 1000))
    assert str(check(wide, max_macs=999_999)) == "Linear: 1,000,000 MACs is 1 over max_macs 1.00 M"


def test_the_dearest_is_looked_for_where_there_is_a_choice():
    wrapped = analyze(nn.Sequential(nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 5))).eval(), (3, 7))
    assert "dearest: 0.0 105" in str(check(wrapped, max_macs=1))
    alone = analyze(nn.Sequential(nn.Sequential(nn.Linear(7, 5), nn.ReLU())).eval(), (3, 7))
    assert str(check(alone, max_macs=1)).endswith("dearest: 0.0 105")
    assert str(check(analyze(lambda x: x @ x, TensorSpec((3, 3))), max_macs=1)).endswith("26 over max_macs 1")


def test_an_upper_bound_counts_as_what_it_is_at_most():
    # 7 products of the nonzero ones, at most, summed up: 13 FLOPs
    bounded = analyze(lambda x: x[x > 0] @ x[x > 0], TensorSpec((7,)))
    assert check(bounded, max_flops=13).passed
    found = check(bounded, max_flops=12)
    assert not found.passed
    assert "≤13 FLOPs is 1 over max_flops 12; at most, by the largest size of " in str(found)


def test_a_lower_bound_passes_no_limit_silently():
    found = check(unknown(), max_macs="1G", max_params="1G")
    assert [finding.broken for finding in found.findings] == [False, True]
    assert "≥105 MACs may be over max_macs 1G: 1 call not counted, for want of a rule (" in str(found)
    allowed = check(unknown(), max_macs="1G", allow_missing=True)
    assert allowed.passed
    assert "≥105 MACs, within max_macs 1G" in str(allowed)
    assert "1 call not counted" in str(allowed)
    assert not check(unknown(), max_macs=104, allow_missing=True).passed


def test_guessed_shapes_leave_memory_open():
    if not hasattr(torch.ops.limits_test, "shapeless"):
        torch.library.define("limits_test::shapeless", "(Tensor x) -> Tensor")
    guessed = analyze(lambda x: torch.ops.limits_test.shapeless(x) + 1, TensorSpec((7,)), on_unknown="bound")
    assert [finding.broken for finding in check(guessed, max_peak="1MB", max_param_bytes=0).findings] == [True, False]
    assert check(guessed, max_peak="1MB", allow_missing=True).passed


def test_there_must_be_something_to_check():
    with pytest.raises(InputError, match="there is nothing to check: give one of max_params, max_macs"):
        check(net())
    with pytest.raises(InputError, match="max_macs takes a number"):
        check(net(), max_macs="lots")


# --- baselines -------------------------------------------------------------------------------------------------------


def test_as_before_passes():
    assert str(check(net(), baseline=entry(net()))) == "Net: 135 MACs, 52 params: all as in the baseline"


def test_more_than_before_says_where():
    found = check(net(6), baseline=entry(net(5)))
    lines = str(found).splitlines()
    assert lines[0] == "Net: 62 params is 10 (+19.2 %) over the baseline's 52; body.0 +8, head +2"
    assert lines[1] == "Net: 162 MACs is 27 (+20.0 %) over the baseline's 135; body.0 +21, head +6"
    assert len(found.broken) == 5  # the input, which is the largest activation, stays


def test_tolerance_is_of_the_number_before():
    # +19.2 % parameters and their bytes, +20 % products and FLOPs; the peak is 84 + 72 in place of 84 + 60: +8.3 %
    assert check(net(6), baseline=entry(net(5)), tolerance="20%").passed
    assert len(check(net(6), baseline=entry(net(5)), tolerance=0.1999).broken) == 2
    assert "which is tolerated" in str(check(net(6), baseline=entry(net(5)), tolerance="20%"))


def test_less_than_before_passes_and_is_told():
    found = check(net(4), baseline=entry(net(5)))
    assert found.passed
    assert "108 MACs is −20.0 % against the baseline's 135, which could be updated" in str(found)


def test_many_changed_modules_are_told_by_the_outermost():
    def deep(width):
        layers = [nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(3))) for _ in range(2)]
        return analyze(nn.Sequential(*layers).eval(), (1, width))

    assert "0 +39, 1 +39" in str(check(deep(7), baseline=entry(deep(6))))  # 3 (7·7 − 6·6)


def test_what_was_known_must_stay_known():
    now, then = unknown(), entry(unknown())
    assert check(now, baseline=then).passed
    found = check(now, baseline=then | {"bound": "exact"})
    assert "≥105 MACs cannot be held to the baseline's 105: 1 call not counted" in str(found)
    assert not found.passed
    assert check(now, baseline=then | {"bound": "exact"}, allow_missing=True).passed


def test_other_versions_are_named():
    then = entry(net(5)) | {"versions": {"torch": "1.0"}}
    assert "head +6, recorded with torch 1.0" in str(check(net(6), baseline=then))


def test_a_file_keeps_other_entries_as_they_are(tmp_path):
    path = tmp_path / "costs.json"
    Baseline.read(path, missing_ok=True).write("b", entry(net(5)))
    first = path.read_text()
    Baseline.read(path).write("a", entry(net(6)))
    Baseline.read(path).write("a", entry(net(7)))
    document = json.loads(path.read_text())
    assert list(document["models"]) == ["a", "b"]
    assert document["models"]["a"]["macs"] == 189
    assert document["models"]["b"] == json.loads(first)["models"]["b"]
    assert path.read_text().count("\n") == len(path.read_text().splitlines())
    assert list(tmp_path.iterdir()) == [path]


def _record(path, name):
    for number in range(20):
        Baseline(path).write(f"{name}{number}", entry(net(5)))


def test_processes_that_write_take_turns(tmp_path):
    path = tmp_path / "costs.json"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_record, args=(path, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert sorted(Baseline.read(path).entries) == sorted(f"{name}{number}" for name in "ab" for number in range(20))
    assert list(tmp_path.iterdir()) == [path]


BROKEN = {
    "{": "is no JSON",
    "[]": 'is no baseline: it has no "schema" and "models"',
    '{"models": {}}': "is no baseline",
    '{"schema": 9, "models": {}}': "has schema 9, and this version reads 1",
    '{"schema": 1, "models": {"gate.py:net": 3}}': "is broken: everything of 'gate.py:net'",
    '{"schema": 1, "models": {"gate.py:net": {"modules": {}, "params": 1.5}}}': "is broken: params of 'gate.py:net'",
    '{"schema": 1, "models": {"gate.py:net": {"modules": {"a": 1}, "params": 1, "macs": 1, "flops": 1, "peak": 1, '
    '"activation": 1, "param_bytes": 1}}}': "is broken: a: params of 'gate.py:net'",
    '{"schema": 1, "models": {"gate.py:net": {"modules": {}, "params": -1}}}': "is broken: params of 'gate.py:net'",
}


@pytest.mark.parametrize("text", BROKEN)
def test_broken_files_are_told(text, tmp_path):
    path = tmp_path / "costs.json"
    path.write_text(text)
    with pytest.raises(InputError, match=BROKEN[text]):
        Baseline.read(path)


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def flopgraph(tmp_path, monkeypatch):
    """Run ``flopgraph check`` in a folder with ``gate.py``."""
    (tmp_path / "gate.py").write_text("from torch import nn\ndef net(width=5):\n    return nn.Linear(7, width)\n")
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        command = ["check", "gate.py:net", "--input", "3x7", *arguments]
        return CliRunner().invoke(cli.app, command, prog_name="flopgraph")

    return run


def test_the_command_passes(flopgraph):
    done = flopgraph("--max-params", "40", "--max-macs", "0.2k", "--max-peak", "1kB")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "gate.py:net: 40 params, within --max-params 40 (100.0 %)",
        "gate.py:net: 105 MACs, within --max-macs 0.2k (52.5 %)",
        "gate.py:net: 144 B peak, within --max-peak 1kB (14.4 %)",
    ]


def test_the_command_fails(flopgraph):
    done = flopgraph("--max-params", "40", "--max-macs", "100")
    assert (done.exit_code, done.stderr) == (1, "")
    assert done.stdout.splitlines()[1] == "gate.py:net: 105 MACs is 5 over --max-macs 100"


def test_the_command_and_its_baseline(flopgraph, tmp_path):
    done = flopgraph("--baseline", "costs.json", "--update")
    assert (done.exit_code, done.stdout) == (0, "gate.py:net: written to costs.json\n")
    done = flopgraph("--baseline", "costs.json")
    assert (done.exit_code, done.stdout) == (0, "gate.py:net: 105 MACs, 40 params: all as in the baseline\n")
    wider = (tmp_path / "gate.py").read_text().replace("width=5", "width=6")
    (tmp_path / "gate.py").write_text(wider)
    done = flopgraph("--baseline", "costs.json", "--tolerance", "1%")
    assert done.exit_code == 1
    assert "gate.py:net: 126 MACs is 21 (+20.0 %) over the baseline's 105" in done.stdout
    assert flopgraph("--baseline", "costs.json", "--tolerance", "20%").exit_code == 0
    done = flopgraph("--baseline", "costs.json", "--update", "--max-macs", "100")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (1, "gate.py:net: 126 MACs is 26 over --max-macs 100")
    assert flopgraph("--baseline", "costs.json").exit_code == 0


def test_an_entry_is_of_a_model_and_its_options(flopgraph, tmp_path):
    flopgraph("--baseline", "costs.json", "--update")
    done = flopgraph("--baseline", "costs.json", "--kwargs", '{"width": 6}')
    assert done.exit_code == 2
    assert "costs.json has nothing on gate.py:net --input 3x7 --kwargs '{" in done.stderr
    assert "; there is gate.py:net --input 3x7\n" in done.stderr
    assert "try     --update" in done.stderr
    flopgraph("--baseline", "costs.json", "--update", "--kwargs", '{"width": 6}', "--train")
    keys = ["gate.py:net --input 3x7", "gate.py:net --input 3x7 --kwargs '{\"width\": 6}' --train"]
    assert list(Baseline.read(tmp_path / "costs.json").entries) == keys


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there is nothing to check"),
        (("--update",), "--update says no file"),
        (("--baseline", "costs.json"), "there is no baseline costs.json yet try --update"),
        (("--baseline", "."), ". cannot be read: Is a directory"),
        (("--baseline", "no/costs.json", "--update"), "no/costs.json cannot be written: No such file or directory"),
        (("--max-macs", "lots"), "--max-macs takes a number such as 4200000000 or 4.2G, not 'lots'"),
        (("--max-params", "7B"), "a count has no B: 7G is a thousand millions"),
        (("--max-params", "26MB"), "a count has no B: 26M"),
        (("--max-peak", "7 cups"), "--max-peak takes a number such as 10MB or 10MiB, not '7 cups'"),
        (("--max-macs", "1G", "--tolerance", "1"), "--tolerance takes per cent such as 1%, not '1'"),
        (("--max-mac", "1G"), "No such option: --max-mac"),
    ],
)
def test_a_wrong_command_is_2(flopgraph, arguments, message):
    done = flopgraph(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_broken_file_is_2_and_stays(flopgraph, tmp_path):
    for text in BROKEN:
        (tmp_path / "costs.json").write_text(text)
        for update in ((), ("--update",)):
            done = flopgraph("--baseline", "costs.json", *update)
            assert (done.exit_code, done.stdout) == (2, "")
            assert BROKEN[text] in done.stderr
            assert (tmp_path / "costs.json").read_text() == text


def test_a_failed_analysis_is_1(flopgraph):
    done = CliRunner().invoke(cli.app, ["check", "gate.py:net", "--input", "3x8", "--max-macs", "1G"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "ShapeError" in done.stderr
