"""A daily run whose publishers take their time: each answer of the stand-in comes 200 ms late.

Publishers are asked side by side, so the run may last as long as the slowest of them and what is done once it has
answered, and little more (1.3 x). Both are of that very run: from the first request of any publisher to the end of
the process, beside the time for which the slowest one had a request open, and the time from the last answer of all on.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

from bench import BenchRow
from bench.commands import FIRST, environment, seconds, tidegauge
from simulator import StandIn, simulate
from simulator.faults import Fault
from simulator.render import Request, Response

LATENCY_SECONDS: Final = 0.2
BUDGET_RATIO: Final = 1.3

Span = tuple[float, float]


class _Late(StandIn):
    """A stand-in whose answers come late once `late_seconds` is set; it knows when each publisher was asked."""

    late_seconds = 0.0

    def answer(self, request: Request, fault: Fault | None = None) -> Response:
        """Return the answer to one request, after a while."""
        began = time.perf_counter()
        response = super().answer(request, fault)
        time.sleep(self.late_seconds)
        publisher = ".".join(request.host.split(".")[-2:])
        self.asked.setdefault(publisher, []).append((began, time.perf_counter()))
        return response

    @cached_property
    def asked(self) -> dict[str, list[Span]]:
        """When each publisher had a request open."""
        return {}


def run() -> list[BenchRow]:
    """Time one daily run against slow publishers, beside the least that it can take."""
    folder = Path(tempfile.mkdtemp(prefix="tidegauge-bench-"))
    now = FIRST + timedelta(days=1)
    try:
        with _Late(simulate(now.date()), FIRST) as upstream:
            seconds(tidegauge("run"), environment(folder, upstream.url, FIRST))
            upstream.set_now(now)
            upstream.asked.clear()
            upstream.late_seconds = LATENCY_SECONDS
            seconds(tidegauge("run"), environment(folder, upstream.url, now))
            ended = time.perf_counter()
    finally:
        shutil.rmtree(folder)
    took, least, slowest = shares(upstream.asked, ended)
    note = f"slowest: {slowest}; {len(upstream.asked)} publishers, once"
    return [
        BenchRow(
            f"daily run, {1000 * LATENCY_SECONDS:.0f} ms an answer, from the first request",
            took,
            "the slowest publisher and the work after it",
            least,
            BUDGET_RATIO * least,
            note,
        )
    ]


def shares(asked: Mapping[str, Sequence[Span]], ended: float) -> tuple[float, float, str]:
    """Return how long a run took from its first request, the least that it could take, and the slowest publisher."""
    began = min(first for spans in asked.values() for first, _ in spans)
    last = max(answered for spans in asked.values() for _, answered in spans)
    slowest = max(asked, key=lambda publisher: _open(asked[publisher]))
    return ended - began, _open(asked[slowest]) + ended - last, slowest


def _open(spans: Sequence[Span]) -> float:
    """Return for how long at least one of `spans` lasts."""
    total, until = 0.0, float("-inf")
    for first, last in sorted(spans):
        total += max(0.0, last - max(first, until))
        until = max(until, last)
    return total
