"""The fixture ``cost_check``, in test runs of their own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from torch import nn

from analyzer import analyze, check

pytest_plugins = ["pytester"]

TEST = """
from torch import nn
from analyzer import analyze

def test_costs(cost_check):
    {first}
    cost_check(analyze(nn.Linear(7, {width}).eval(), (3, 7)){more})
"""


@pytest.fixture(scope="module")
def loaded():
    """All that an analysis imports is there: what a run in this process imports itself is forgotten after it."""
    check(analyze(nn.Linear(7, 5).eval(), (3, 7)), max_macs=105)


@pytest.fixture
def run(loaded, pytester):
    """Run one test of a ``Linear(7, width)`` on 3 rows."""

    def run(*arguments, width=5, more="", first="pass"):
        pytester.makepyfile(test_it=TEST.format(width=width, more=more, first=first))
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", *arguments)

    return run


def test_costs_are_recorded_beside_the_test_and_compared(run, pytester):
    run("--update-costs").assert_outcomes(passed=1)
    document = json.loads((pytester.path / "costs.json").read_text())
    assert list(document["models"]) == ["test_it.py::test_costs"]
    assert document["models"]["test_it.py::test_costs"]["macs"] == 105
    run().assert_outcomes(passed=1)
    done = run(width=6)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["Linear: 126 MACs is 21 (+20.0 %) over the baseline's 105"])
    done.stdout.no_fnmatch_line("*Traceback*")
    run(width=6, more=", tolerance='20%'").assert_outcomes(passed=1)
    run(width=4).assert_outcomes(passed=1)


def test_nothing_recorded_fails_and_says_what_to_do(run, pytester):
    done = run()
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["there is no baseline *costs.json yet", "*try*pytest --update-costs"])
    assert not (pytester.path / "costs.json").exists()
    run("--update-costs", more=", name='other'").assert_outcomes(passed=1)
    run().stdout.fnmatch_lines(
        ["*costs.json has nothing on test_it.py::test_costs; there is test_it.py::test_costs other"]
    )


def test_limits_hold_while_recording(run):
    done = run("--update-costs", more=", max_macs=100")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["Linear: 105 MACs is 5 over max_macs 100"])


def test_two_models_in_a_test_need_names(run, pytester):
    twice = "cost_check(analyze(nn.Linear(7, 3).eval(), (3, 7)){})"
    done = run("--update-costs", first=twice.format(""))
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*is checked twice: give each model a name*"])
    run("--update-costs", first=twice.format(", name='small'")).assert_outcomes(passed=1)
    models = json.loads((pytester.path / "costs.json").read_text())["models"]
    assert list(models) == ["test_it.py::test_costs", "test_it.py::test_costs small"]


def test_a_broken_file_fails(run, pytester):
    (pytester.path / "costs.json").write_text("<<<<<<< ours")
    for options in ((), ("--update-costs",)):
        done = run(*options)
        done.assert_outcomes(failed=1)
        done.stdout.fnmatch_lines(["*costs.json is no JSON: *"])
    assert (pytester.path / "costs.json").read_text() == "<<<<<<< ours"


def test_several_processes_record_into_one_file(pytester):
    pytest.importorskip("xdist")
    pytester.makepyfile("""
        import pytest
        from analyzer import analyze
        from torch import nn

        @pytest.mark.parametrize("width", range(1, 13))
        def test_it(cost_check, width):
            cost_check(analyze(nn.Linear(7, width).eval(), (3, 7)))
    """)
    pytester.runpytest_subprocess("-n", "2", "--update-costs").assert_outcomes(passed=12)
    models = json.loads((pytester.path / "costs.json").read_text())["models"]
    assert sorted(kept["macs"] for kept in models.values()) == [21 * width for width in range(1, 13)]


def test_the_plugin_costs_a_test_run_nothing():
    program = "import analyzer.pytest_plugin, sys; print(*{'torch', 'networkx', 'typer'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "\n"
