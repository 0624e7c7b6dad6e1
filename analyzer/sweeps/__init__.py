"""Many models at once: `sweep` sends `Job`s to any executor and yields a `Result` for each."""

from __future__ import annotations

from analyzer.sweeps.job import Job, Result
from analyzer.sweeps.run import sweep

__all__ = ["Job", "Result", "sweep"]
