"""The work that a run gives to its second process: reading payloads, judging batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from ingest.batch import Batch, GateResult
from ingest.catalog import Catalog
from ingest.connector import Pair
from ingest.connectors import Connector, connector
from ingest.payload import Payload
from ingest.reading import Module, Reading, read
from ingest.rules.evidence import Evidence
from ingest.second_process import JUDGE, READ, SecondProcess, Work, done

SMALL: Final = 1024
"""A shorter body is read sooner than it is sent."""

LARGE: Final = 32 * 1024 * 1024
MOST_WAITING: Final = 64 * 1024 * 1024
"""Bytes. A longer body is read here, and so is what comes while that much waits: the second process stays small."""

LARGE_BATCH: Final = 80 * 1024 * 1024
"""Bytes of its rows and of what is held beside them. A larger one is judged here: the first run of a simulated market,
whose prices are 77 MB, took the second process to 0.88 GB."""


def start(catalog: Catalog) -> SecondProcess:
    """Start a second process that knows the catalog, and imports what it needs while the first is still starting."""
    second = SecondProcess()
    second.begin(JUDGE, lambda: None, _know, catalog)
    second.begin(JUDGE, lambda: None, _prepare)
    return second


def begin_reading(
    second: SecondProcess, one: Connector, module: Module, payload: Payload, pairs: Sequence[Pair]
) -> Work[Reading]:
    """Begin to read a payload; `pairs` are those of the catalog that `second` knows."""
    size = len(payload.body)
    is_small_enough = size <= LARGE and second.bytes_waiting + size <= MOST_WAITING
    if size < SMALL or not is_small_enough or module is not one.module:
        return done(read(one, module, payload, pairs))
    return second.begin(READ, lambda: read(one, module, payload, pairs), _read, one.name, payload)


def begin_judging(
    second: SecondProcess, batch: Batch, catalog: Catalog, evidence: Evidence, now: datetime
) -> Work[GateResult]:
    """Begin to judge a batch; `catalog` is the one that `second` knows."""

    def here() -> GateResult:
        from ingest.gate import gate

        return gate(batch, catalog, evidence, now)

    size = sum(rows.estimated_size() for rows in (*batch.tables.values(), *evidence.held.values()))
    if batch.is_empty or size > LARGE_BATCH:
        return done(here())
    # What a gate does not look at stays here.
    bare = replace(batch, payloads=(), problems=(), unknown=())
    return second.begin(JUDGE, here, _judge, bare, evidence, now)


# -- over there ---------------------------------------------------------------------------------------------------

_known: list[Catalog] = []


def _know(catalog: Catalog) -> None:
    _known[:] = [catalog]


def _prepare() -> None:
    import gc

    import ingest.gate
    import ingest.rules.expectations

    ingest.rules.expectations.warm()
    gc.freeze()


def _read(name: str, payload: Payload) -> Reading:
    one = connector(name)
    return read(one, one.module, payload, _known[0].of_source(one.source) if one.has_series else ())


def _judge(batch: Batch, evidence: Evidence, now: datetime) -> GateResult:
    from ingest.gate import gate

    return gate(batch, _known[0], evidence, now)
