"""What is fast, measured beside what people would use instead. `python -m bench` prints the table."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One piece of work: our time, the time of one alternative, and the budget. Times are seconds, medians.

    `alternative` is None where nothing else does the work; `budget_seconds` where only the ratio is promised.
    """

    work: str
    ours_seconds: float
    alternative: str | None
    alternative_seconds: float | None
    budget_seconds: float | None
    note: str = ""


def median_seconds(
    work: Callable[[], object], *, repeats: int = 3, before: Callable[[], object] | None = None
) -> float:
    """Return the median wall time of `work` over `repeats`; `before` runs ahead of each, untimed."""
    taken = []
    for _ in range(repeats):
        if before is not None:
            before()
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


@contextmanager
def bench_folder() -> Iterator[Path]:
    """Give a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tidegauge-bench-") as folder:
        yield Path(folder)
