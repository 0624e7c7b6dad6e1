"""A limit on the time that a block of Python may take, wherever it runs.

Nothing stops a thread from outside, so there are three ways, each for where it works: a signal in the main thread
(it interrupts ``time.sleep`` and other waiting), an exception set for any other thread (it arrives with the next line
of Python), and, in a worker process, the process's end for code that never comes back to Python.
"""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["GRACE", "OutOfTime", "time_limit"]

GRACE = 2.0
"""Seconds after the limit at which a worker process is ended that has not stopped by itself."""

AGAIN = 0.25  # seconds until the next try, where a block could not be interrupted
CLEANUP = 5.0  # seconds that a thread may take to unwind before it is interrupted again


class OutOfTime(BaseException):
    """The block took too long. No `Exception`, so that the code in the block does not take it for one of its own."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise `OutOfTime` in the block once it has run for so many seconds; None is no limit.

    >>> import time
    >>> try:
    ...     with time_limit(0.01):
    ...         time.sleep(60)
    ... except OutOfTime:
    ...     print("stopped")
    stopped
    """
    if seconds is None:
        yield
        return
    in_main = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    with _end_of_process(seconds + GRACE), _alarm(seconds) if in_main else _exception_in_thread(seconds):
        yield


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    running = True

    def stop(number: int, frame: FrameType | None) -> None:
        unwinding = isinstance(sys.exc_info()[1], OutOfTime)  # what cleans up may take its time
        if running and not unwinding and not _is_importing(frame):
            raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    try:
        try:
            # Again and again: an exception that is raised while a destructor runs is swallowed.
            signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
            yield
        finally:
            running = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _exception_in_thread(seconds: float) -> Iterator[None]:
    number = threading.get_ident()
    thread, raise_in = ctypes.c_ulong(number), ctypes.pythonapi.PyThreadState_SetAsyncExc
    done, lock = threading.Event(), threading.Lock()

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            wait = AGAIN
            with lock:  # the block may have ended in between, and must then not be interrupted any more
                if not done.is_set() and not _is_importing(sys._current_frames().get(number)):
                    raise_in(thread, ctypes.py_object(OutOfTime))
                    wait = CLEANUP

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
        with lock:
            raise_in(thread, None)


def _is_importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported: cut short, it would leave half a module to everybody who comes later."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


@contextmanager
def _end_of_process(seconds: float) -> Iterator[None]:
    """A clock in C, which needs no Python: a loop in native code may hold the interpreter's lock for ever."""
    if multiprocessing.parent_process() is None:  # the user's own program is not for us to end
        yield
        return
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
