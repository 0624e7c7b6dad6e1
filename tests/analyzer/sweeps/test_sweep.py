"""Many models at once: what comes back whatever the models do, and what a file holds afterwards."""

from __future__ import annotations

import collections
import functools
import itertools
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest
import torch
from torch import nn

from analyzer import InputError, Job, Result, TensorSpec, analyze, sweep

SMALL = (3, 7)


def small(width=5):
    return nn.Linear(7, width)


def raises():
    raise ValueError("no luck")


def kills():
    os._exit(3)


def sleeps():
    time.sleep(300)


def hangs():
    collections.deque(itertools.repeat(0), maxlen=0)  # in C, and never asks whether there is a signal


def leaves():
    raise SystemExit("bye")


def swallows():
    try:
        time.sleep(300)
    except Exception:
        return small()


def ok(count, first=0):
    return [Job(f"ok{n}", functools.partial(small, n + 1), SMALL) for n in range(first, first + count)]


def by_name(results):
    return {result.name: result for result in results}


def macs(results):
    return {result.name: result.macs for result in results if result.ok}


def test_a_result_has_the_numbers_of_the_analysis():
    (result,) = sweep([Job("conv", functools.partial(nn.Conv2d, 3, 5, (7, 11)), (TensorSpec((2, 3, 13, 17)),))])
    analysis = analyze(nn.Conv2d(3, 5, (7, 11)).eval(), (2, 3, 13, 17))
    assert (result.params, result.macs) == (5 * 3 * 7 * 11 + 5, 2 * 5 * 7 * 7 * 3 * 7 * 11)
    assert (result.flops, result.all) == (analysis.total(), analysis.total("all"))
    assert (result.param_bytes, result.peak_bytes) == (4 * result.params, analysis.memory.peak)
    assert (result.inputs, result.bound, result.sign, result.error, result.ok) == ("2x3x13x17", "exact", "", "", True)
    assert result.seconds > 0


def test_a_model_is_a_name_a_function_a_module_or_the_jobs_own_name():
    jobs = [
        "torchvision:resnet18",
        Job("named", "torchvision:resnet18", options={"batch": 2, "image_size": (64, 96)}),
        Job("module", small(), SMALL),
        Job("keywords", small, kwargs={"input": TensorSpec(SMALL)}),
    ]
    pytest.importorskip("torchvision")
    results = by_name(sweep(jobs))
    assert results["torchvision:resnet18"].inputs == "1x3x224x224"
    assert results["named"].inputs == "2x3x64x96"
    assert results["module"].macs == results["keywords"].macs == 105


def test_a_model_is_analyzed_in_evaluation_unless_asked_otherwise():
    job = functools.partial(nn.BatchNorm1d, 7)
    results = by_name(sweep([Job("eval", job, SMALL), Job("train", job, SMALL, options={"training": True})]))
    assert results["eval"].flops == 2 * 21
    assert results["train"].flops > results["eval"].flops


@pytest.mark.parametrize(
    ("job", "error"),
    [
        (Job("a", raises, SMALL), "ModelError: raises raised ValueError: no luck; at "),
        (Job("a", leaves, SMALL), "SystemExit: bye"),
        (Job("a", small, (3, 11)), "ShapeError: linear: input has 11 features, weight takes 7;"),
        (Job("a", small), "InputError"),
        (
            Job("a", small, SMALL, options={"batch": 2}),
            "InputError: batch is for the inputs that a model",
        ),
        (Job("a", small, SMALL, options={"head": "causal-lm"}), "InputError: a "),
        (Job("a", small, SMALL, options={"speed": 2}), "TypeError"),
        (Job("a", "net"), "InputError: a model is written"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(job, error):
    (result,) = sweep([job])
    assert result.error.startswith(error)
    assert "\n" not in result.error
    assert (result.params, result.macs, result.peak_bytes, result.bound) == (None, None, None, "")


def test_processes_survive_what_raises_kills_sleeps_and_hangs():
    bad = [Job(each.__name__, each, SMALL) for each in (kills, sleeps, raises, hangs)]
    local = Job("local", lambda: small(), SMALL)
    jobs = [*ok(3), *bad, local, *ok(3, 3)]
    with ProcessPoolExecutor(2) as pool:
        results = by_name(sweep(jobs, pool, timeout=4, max_pending=4))
    assert set(results) == {job.name for job in jobs}
    assert macs(results.values()) == {f"ok{n}": 21 * (n + 1) for n in range(6)}
    assert results["kills"].error.startswith("Died: its process ended without an answer")
    assert results["sleeps"].error == results["hangs"].error == "Timeout: it took more than 4 s"
    assert "no luck" in results["raises"].error
    assert results["local"].error.startswith("it did not come back from its worker:")


def computes():
    return nn.Linear(7, int((torch.arange(300_000) - 299_995).max()) + 1)  # large enough for torch to share it out


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="processes that are forked")
def test_a_process_forked_from_one_that_computed_does_not_wait_for_threads_that_are_gone():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert torch.arange(300_000).add(1).max() == 300_000
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
            assert macs(sweep([Job("computes", computes, SMALL)], pool, timeout=60)) == {"computes": 105}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_threads_work_side_by_side():
    with ThreadPoolExecutor(4) as pool:
        results = sweep([*ok(40), Job("raises", raises, SMALL)], pool)
        assert macs(results) == {f"ok{n}": 21 * (n + 1) for n in range(40)}


@pytest.mark.parametrize("name", ["main", "other"])
def test_a_model_over_its_time_is_stopped_in_this_process_too(name):
    def run():
        start = time.monotonic()
        jobs = [Job("busy", lambda: [None for _ in itertools.count()], SMALL), *ok(1)]
        if name == "main":
            jobs += [Job("sleeps", sleeps, SMALL), Job("swallows", swallows, SMALL)]
        found.update(by_name(sweep(jobs, timeout=1)))
        assert time.monotonic() - start < 30

    found = {}
    if name == "main":
        run()
    else:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert found.pop("ok0").macs == 21
    assert {result.error for result in found.values()} == {"Timeout: it took more than 1 s"}
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


class Counting(Executor):
    """An executor with nothing but ``submit``, which answers the first job when the next one does not come."""

    def __init__(self):
        self.waiting, self.most = [], 0

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.waiting.append((future, fn, args))
        self.most = max(self.most, len(self.waiting))
        if len(self.waiting) == 3:
            for future_, fn_, args_ in self.waiting:
                future_.set_result(fn_(*args_))
            self.waiting = []
        return future


def test_few_jobs_are_submitted_at_once_and_no_more_are_asked_for():
    taken, pool = [], Counting()

    def endless():
        for job in (Job(f"job{n}", small, SMALL) for n in itertools.count()):
            taken.append(job)
            yield job

    results = list(itertools.islice(sweep(endless(), pool, max_pending=3), 10))
    assert len(results) == 10
    assert pool.most == 3
    assert len(taken) <= 13


@pytest.mark.parametrize(
    ("jobs", "options", "message"),
    [
        ([], {"timeout": 0}, "timeout is a number of seconds above 0"),
        ([], {"max_pending": 0}, "max_pending is at least 1"),
        ([], {"executor": 2}, "executor is a concurrent.futures.Executor"),
        ([], {"results": "zoo.txt"}, "a file that ends in .csv or .jsonl"),
        ([3], {}, "a sweep takes jobs"),
        ([Job("a", small, SMALL), Job("a", raises, SMALL)], {}, "two jobs are called 'a'"),
    ],
)
def test_a_wrong_call_is_an_error(jobs, options, message):
    with pytest.raises(InputError, match=message):
        list(sweep(jobs, **options))


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\ud800", 3])
def test_a_job_has_a_name(name):
    with pytest.raises(InputError, match="the name of a job is a line of text"):
        Job(name, small)


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["zoo.csv", "zoo.jsonl"])
def path(request, tmp_path):
    return tmp_path / request.param


def test_a_second_run_takes_what_is_there_and_does_the_rest(path):
    first = by_name(sweep([*ok(2), Job("raises", raises, SMALL)], results=path))
    before = path.read_bytes()
    again = by_name(sweep([Job("ok0", kills), Job("ok1", kills), Job("raises", kills), *ok(1, 2)], results=path))
    assert {name: again[name] for name in first} == first
    assert again["ok2"].macs == 63
    assert path.read_bytes().startswith(before)
    assert by_name(sweep([Job("raises", small, SMALL)], results=path, retry=True))["raises"].macs == 105
    assert by_name(sweep([Job("raises", kills)], results=path))["raises"].macs == 105


def test_a_line_that_was_cut_off_is_done_again(path):
    whole = by_name(sweep(ok(3), results=path))
    content = path.read_bytes()
    for cut in range(0, len(content), 5):
        path.write_bytes(content[:cut])
        results = by_name(sweep(ok(3), results=path))
        assert macs(results.values()) == macs(whole.values())
        assert path.read_bytes().count(b"\n") == content.count(b"\n")


def test_every_name_and_error_comes_back_from_the_file(path):
    def complains():
        raise ValueError('a "quoted", long\nstory; ≤ 5 \ud800')

    names = ['comma, "quote"', "ünï", "= 1 + 1"]
    jobs = [Job(name, complains, SMALL) for name in names]
    first = list(sweep(jobs, results=path))
    again = list(sweep([Job(name, kills) for name in names], results=path))
    assert [result.name for result in again] == names
    assert again == first


@pytest.mark.parametrize(
    "content", ["my notes", "my notes\n", "name,params\na,1\n", '{"name": 1, "weight": 2}\n', "\xff\n"]
)
def test_a_file_of_something_else_is_left_as_it_is(path, content):
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match="holds something else than results of a sweep in line 1"):
        list(sweep(ok(1), results=path))
    assert path.read_bytes() == content.encode("latin-1")


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(InputError, match="cannot be used for results: No such file or directory"):
        list(sweep(ok(1), results=tmp_path / "nowhere" / "zoo.csv"))


def test_an_interrupt_leaves_whole_lines(path):
    def interrupts():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(sweep([*ok(2), Job("ok2", interrupts, SMALL), *ok(1, 3)], results=path))
    assert path.read_bytes().endswith(b"\n")
    assert list(macs(sweep(ok(4), results=path)).values()) == [21, 42, 63, 84]


def test_a_sweep_that_is_left_alone_halfway_closes_its_file_and_cancels(path):
    with ProcessPoolExecutor(1) as pool:
        results = sweep(ok(50), pool, results=path, max_pending=2)
        assert next(results).ok
        results.close()
    assert path.read_bytes().count(b"\n") <= 3


def test_a_bound_has_its_sign():
    (result,) = sweep([Job("bound", lambda: lambda x: x[x > 0] * 2, (TensorSpec((3, 5)),))])
    assert (result.bound, result.sign, result.flops) == ("upper", "≤", 15)
    assert Result("x", bound="lower").sign + Result("x", bound="mixed").sign == "≥≈"
