"""One answer of a publisher, and the tools with which a connector asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Payload:
    """One answer of an upstream, exactly as it came.

    `url` is redacted (no keys). `name` is what a person calls it ("WALCL", "par yields 2026"). `sha256` is of
    `body`. `fetched_at` is aware UTC from the run's clock. `meta` holds what parse needs beside the bytes (the
    series asked for, the session of a daily page) and is archived with them, so that a rebuild parses the same.
    `bytes_count` is set where the body was dropped because the archive has it.
    """

    source: str
    name: str
    url: str
    body: bytes
    sha256: str
    fetched_at: datetime
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)
    bytes_count: int | None = None


class Http(Protocol):
    """How a source asks its publisher. The one implementation is ingest.http.Upstream."""

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
        """Return the answer, archived. SourceUnavailable / SourceRefused / SourceChanged otherwise.

        `url` is the publisher's public address (https://host/path): where a stand-in is set the client rewrites it.
        `secret_params` go into the request and never into `Payload.url`. Any status outside `accept_status` raises.
        With a `body` the request is a POST; neither it nor `headers` are kept.
        """
        ...

    def token(self, source: str, name: str, url: str, *, headers: Mapping[str, str]) -> str:
        """Return the access token that a publisher grants for the key in `headers`: a secret, never archived."""
        ...

    def keep(self, payload: Payload) -> Payload:
        """Archive a payload that a client library fetched by itself, and return it."""
        ...

    def rewrite(self, url: str) -> str:
        """Return where `url` is really asked: the stand-in's address of it, or `url` itself."""
        ...

    def latest(self, source: str, name: str) -> Payload | None:
        """Return the newest archived 200 of that name without its body: its `headers` hold the ETag to ask with."""
        ...

    def begin(self, batch: str) -> None:
        """Mark what is archived from now on as one batch, so that a rebuild replays the same batches."""
        ...

    def flush(self) -> None:
        """Make the archive's index durable; called once a source's answers are all in."""
        ...
