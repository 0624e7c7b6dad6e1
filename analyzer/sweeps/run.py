"""sweep(): a bounded number of jobs in an executor, results as they come, and no job that takes the others with it."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from itertools import chain
from queue import SimpleQueue
from typing import Any

from analyzer.errors import InputError
from analyzer.sweeps.deadline import GRACE
from analyzer.sweeps.file import ResultsFile
from analyzer.sweeps.job import Job, Result, answer, import_packages, one_line, took_too_long

__all__ = ["sweep"]

DIED = "Died: its process ended without an answer, by a crash in native code or for want of memory"


def sweep(
    jobs: Iterable[Job | str],
    executor: Executor | None = None,
    *,
    timeout: float | None = None,
    results: str | os.PathLike[str] | None = None,
    retry: bool = False,
    max_pending: int | None = None,
) -> Iterator[Result]:
    """Analyze many models and yield what each costs, in the order in which the answers come.

    Args:
        jobs: `Job`s, or models as the command line takes them, such as ``"timm:resnet18"``. They are taken one by one
            as there is room, so there may be endlessly many.
        executor: any `concurrent.futures.Executor`: a pool of processes or threads, Dask's, Ray's or MPI's. Only its
            ``submit`` is used. None analyzes one model after the other in this process.
        timeout: seconds that a model may take. It is enforced where the model is analyzed: in a process always, in a
            thread with the next line of Python.
        results: a file, ``.csv`` or ``.jsonl``, to which every result is written when it comes. Jobs whose names are in
            it are not done again: their results are yielded from the file.
        retry: whether jobs that failed according to that file are done again.
        max_pending: how many jobs are in the executor at most; twice the number of processors when left out.

    Yields:
        One `Result` a job. A job that fails, takes too long or kills its process has a Result with an ``error``, and
        the others go on: where that breaks a pool of processes, another one takes its place.

    Raises:
        InputError: an option is wrong, two jobs have one name, or the file holds something else.

    >>> from torch import nn
    >>> from analyzer import Job, sweep
    >>> jobs = [Job("small", lambda: nn.Linear(7, 5), (3, 7)), Job("wrong", lambda: nn.Linear(2, 5), (3, 7))]
    >>> for result in sweep(jobs):
    ...     print(result.name, result.params, result.macs, result.error.partition(";")[0])
    small 40 105
    wrong None None ShapeError: linear: input has 7 features, weight takes 2
    """
    if executor is not None and not hasattr(executor, "submit"):
        raise InputError(f"executor is a concurrent.futures.Executor or None, not {executor!r:.80}")
    if timeout is not None and not timeout > 0:
        raise InputError(f"timeout is a number of seconds above 0 or None, not {timeout!r}")
    if max_pending is not None and max_pending < 1:
        raise InputError(f"max_pending is at least 1, not {max_pending!r}")
    most = 1 if executor is None else max_pending or 2 * (os.cpu_count() or 1)
    return _sweep(jobs, _Pool(executor or _Here(), timeout, most), results, retry)


def _sweep(
    jobs: Iterable[Job | str], pool: _Pool, results: str | os.PathLike[str] | None, retry: bool
) -> Iterator[Result]:
    file = None if results is None else ResultsFile(results, retry=retry)
    recorded = {} if file is None else file.recorded
    found: deque[Result] = deque()

    def to_do() -> Iterator[Job]:
        for job in _with_own_names(jobs):
            if job.name in recorded:
                found.append(recorded[job.name])
            else:
                yield job

    try:
        for result in pool.run(to_do()):
            if file is not None:
                file.append(result)
            while found:
                yield found.popleft()
            yield result
        yield from found
    finally:
        if file is not None:
            file.close()


def _with_own_names(jobs: Iterable[Job | str]) -> Iterator[Job]:
    names = set()
    for item in jobs:
        job = Job(item) if isinstance(item, str) else item
        if not isinstance(job, Job):
            raise InputError(f"a sweep takes jobs: Job(name, model, ...) or a model's name, not {job!r:.80}")
        if job.name in names:
            raise InputError(
                f"two jobs are called {job.name!r}, and results go by the name", hint="give them two names"
            )
        names.add(job.name)
        yield job


class _Here(Executor):
    """This process as an executor: what is submitted is done at once."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class _Pool:
    """An executor with a bounded number of jobs in it, and another one where it breaks."""

    def __init__(self, executor: Executor, timeout: float | None, most: int) -> None:
        self.executor, self.timeout, self.most = executor, timeout, most
        self.own: Executor | None = None
        self.pending: dict[Future[Result], Job] = {}
        self.done: SimpleQueue[Future[Result]] = SimpleQueue()

    def run(self, jobs: Iterator[Job]) -> Iterator[Result]:
        """The results of all jobs."""
        try:
            while True:
                jobs = self._fill(jobs)
                if not self.pending:
                    return
                result, suspects = self._next()
                if result is not None:
                    yield result
                else:
                    yield from self._without_the_killer(suspects)
        finally:
            for future in self.pending:
                future.cancel()
            if self.own is not None:
                self.own.shutdown(wait=not self.pending, cancel_futures=True)

    def _fill(self, jobs: Iterator[Job]) -> Iterator[Job]:
        """Submit jobs while there is room; the jobs that are left."""
        while len(self.pending) < self.most and (job := next(jobs, None)) is not None:
            try:
                future = self.executor.submit(answer, job, self.timeout)
            except BrokenExecutor:  # a process died since
                jobs = chain([job], jobs)
                if self.pending:
                    break  # first see to the jobs that were in it
                self._replace()
                continue
            self.pending[future] = job
            future.add_done_callback(self.done.put)
        return jobs

    def _next(self) -> tuple[Result | None, list[Job]]:
        """The next result; or none, and the jobs that were in a pool when it broke."""
        future = self.done.get()
        job = self.pending.pop(future)
        if isinstance(future.exception(), BrokenExecutor):
            return None, [job]
        return _result_of(future, job), []

    def _without_the_killer(self, suspects: list[Job]) -> Iterator[Result]:
        """Do the jobs again that were in the pool when a process of it died: one of them killed it, nobody knows which.

        They run one after the other in a process apart, so that who dies then is named, and no other job is hurt.
        """
        while self.pending:  # a broken pool ends all of them at once; some were done before
            result, others = self._next()
            suspects += others
            if result is not None:
                yield result
        apart: Executor | None = None
        try:
            for job in suspects:
                apart = apart or _another(self.executor, 1)
                result, alive = _answer_apart(apart, job, self.timeout)
                if not alive:
                    apart = None
                yield result
        finally:
            if apart is not None:
                apart.shutdown(wait=False, cancel_futures=True)
        self._replace()

    def _replace(self) -> None:
        self.executor = self.own = _another(self.executor)


def _another(executor: Executor, workers: int | None = None) -> Executor:
    """A pool of processes like the one that broke, as far as that says how it was made (no public attribute does)."""
    return ProcessPoolExecutor(
        workers or getattr(executor, "_max_workers", None),
        mp_context=getattr(executor, "_mp_context", None),
        initializer=getattr(executor, "_initializer", None),
        initargs=getattr(executor, "_initargs", ()),
    )


def _answer_apart(executor: Executor, job: Job, timeout: float | None) -> tuple[Result, bool]:
    """The result of a job that is alone in its executor, and whether the process is still there."""
    start = time.perf_counter()
    try:
        executor.submit(import_packages, job).exception()
        start = time.perf_counter()
        future = executor.submit(answer, job, timeout)
        if not isinstance(future.exception(), BrokenExecutor):
            return _result_of(future, job), True
    except BrokenExecutor:
        pass
    seconds = time.perf_counter() - start
    ended = timeout is not None and seconds >= timeout + GRACE  # see `deadline`
    return Result(job.name, seconds=round(seconds, 4), error=took_too_long(timeout) if ended else DIED), False


def _result_of(future: Future[Result], job: Job) -> Result:
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, Exception):  # an interrupt is no answer
        raise error
    return Result(job.name, error=f"it did not come back from its worker: {one_line(error)}")
