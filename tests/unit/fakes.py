"""A publisher in memory: canned bodies by address, and a record of what was asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from ingest.catalog import load_catalog
from ingest.catalog.models import SourceName
from ingest.clock import clock_at
from ingest.connector import FetchContext, Pair
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.settings import Settings

NOON = datetime(2026, 11, 17, 17, 0, tzinfo=UTC)  # a Tuesday, 12:00 in New York


def payload_of(source: str, body: bytes | str, *, name: str = "a payload", **fields: Any) -> Payload:
    """Return `body` as a payload fetched at NOON, or with other `fields` of Payload."""
    raw = body.encode() if isinstance(body, str) else body
    defaults = {"url": "https://publisher.test/", "fetched_at": NOON}
    return Payload(source=source, name=name, body=raw, sha256=hashlib.sha256(raw).hexdigest(), **{**defaults, **fields})


def pairs_of(source: SourceName, *prefixes: str) -> list[Pair]:
    """Return the catalog's pairs of a source, all or those whose code starts with one of `prefixes`."""
    pairs = load_catalog().of_source(source)
    return [pair for pair in pairs if not prefixes or pair[1].code.startswith(prefixes)]


class FakeHttp:
    """Answers by full address (or its beginning) with a body or an error; SourceError instances are raised."""

    def __init__(self, answers: Mapping[str, bytes | str | SourceError], moment: datetime = NOON) -> None:
        self.answers = answers
        self.moment = moment
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.accepted: list[tuple[int, ...]] = []
        self.kept: list[Payload] = []
        self.posted: list[bytes] = []
        self.keys: list[str] = []

    def get(
        self,
        source: str,
        name: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        secret_params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        meta: Mapping[str, str] | None = None,
        accept_status: tuple[int, ...] = (200,),
        body: bytes | None = None,
    ) -> Payload:
        if body is not None:
            self.posted.append(body)
        full = url + ("?" + urlencode(params) if params else "")
        self.asked.append(full)
        self.headers.append(headers or {})
        self.accepted.append(accept_status)
        found = [beginning for beginning in self.answers if full.startswith(beginning)]
        assert found, f"no canned answer for {full}"
        answer = self.answers[max(found, key=len)]
        if isinstance(answer, SourceError):
            raise answer
        return self.keep(payload_of(source, answer, name=name, url=full, fetched_at=self.moment, meta=dict(meta or {})))

    def token(self, source: str, name: str, url: str, *, headers: Mapping[str, str]) -> str:
        self.keys.append(headers["Authorization"])
        return "granted"

    def keep(self, payload: Payload) -> Payload:
        self.kept.append(payload)
        return payload

    def rewrite(self, url: str) -> str:
        return url

    def latest(self, source: str, name: str) -> Payload | None:
        return None

    def begin(self, batch: str) -> None:
        """Nothing is batched in memory."""

    def flush(self) -> None:
        """Nothing waits in memory."""


def context_of(
    source: SourceName,
    http: Any,
    pairs: Sequence[Pair],
    *,
    since: Mapping[str, date] | None = None,
    held: Mapping[str, Iterable[date]] | None = None,
    now: datetime = NOON,
    **settings: Any,
) -> FetchContext:
    """Return a context in which `since` and `held` hold what is named, and nothing of the other series."""
    return FetchContext(
        source=source,
        pairs=pairs,
        since={series.id: (since or {}).get(series.id) for series, _ in pairs},
        held={series.id: frozenset((held or {}).get(series.id, ())) for series, _ in pairs},
        settings=Settings(_env_file=None, **settings),
        clock=clock_at(now),
        http=http,
        progress=lambda what, done, of: None,
    )


def cells(rows: Any, series_id: str) -> dict[date, float | None]:
    """Return the values of one series by period."""
    mine = rows.filter(rows["series_id"] == series_id)
    return dict(zip(mine["period_date"], mine["value"], strict=True))
