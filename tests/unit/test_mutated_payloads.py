"""Payloads of every source, damaged a few hundred times over: what cannot be read is said, and nothing else escapes."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from ingest.archive import Archive
from ingest.catalog import load_catalog
from ingest.clock import clock_at
from ingest.collect import build_context
from ingest.connectors import SERIES_CONNECTORS, TABLE_CONNECTORS, connector
from ingest.errors import SourceError
from ingest.http import Upstream
from ingest.payload import Payload
from ingest.settings import Settings
from simulator import StandIn
from tests.unit.panel_helpers import panel_context
from tests.unit.standin_helpers import market, new_york

NOW = new_york("2026-11-20T20:00")
SERIES_SOURCES = tuple(one.name for one in SERIES_CONNECTORS if not one.is_users_own)
FUNDS = {"ssga": ["SPY"], "ishares": ["IVV"], "proshares": ["TQQQ"]}
TICKERS = {"yahoo_futures": ["ZQZ26.CBT"]}
DESKS = tuple(one.name for one in TABLE_CONNECTORS if not one.is_users_own)
MUTATIONS = 24
MOST_BYTES = 60_000  # of a text that is damaged: the shape counts, not the length

Damage = Callable[[random.Random, bytes], bytes]


@cache
def samples(name: str) -> tuple[Payload, ...]:
    """Return one payload of each part that a source asks for."""
    with StandIn(market(), NOW) as stand_in, TemporaryDirectory() as folder:
        settings = Settings(
            _env_file=None, upstream=stand_in.url, home=Path(folder), origin="SIMULATED", contact="a@b.test"
        )
        with Upstream(settings, clock_at(NOW), Archive(Path(folder) / "archive")) as http:
            return tuple(_first_of_each(name, http, settings))


def _first_of_each(name: str, http: Upstream, settings: Settings) -> Iterator[Payload]:
    if name in SERIES_SOURCES:
        found = connector(name).module.fetch(build_context(name, load_catalog(), settings, clock_at(NOW), http))
    else:
        told = {"upstream": settings.upstream, "home": settings.home, "origin": "SIMULATED", "contact": "a@b.test"}
        context = panel_context(
            name, http, funds=FUNDS.get(name, ()), tickers=TICKERS.get(name, ["SPY"]), now=NOW, **told
        )
        found = connector(name).module.fetch(context)
    seen: set[tuple[str, ...]] = set()
    for at, payload in enumerate(found):
        if isinstance(payload, Payload):
            kind = tuple(payload.meta.get(part, "") for part in ("part", "kind"))
            if kind not in seen:
                seen.add(kind)
                yield payload
        if at > 12:
            break
    found.close()


def _cut(chance: random.Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body))]


def _flip(chance: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _splice(chance: random.Random, body: bytes) -> bytes:
    start, end = sorted(chance.randrange(len(body)) for _ in range(2))
    return body[:end] + body[start:]


def _lines(chance: random.Random, body: bytes) -> bytes:
    lines = body.split(b"\n")
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    if chance.random() < 0.3:
        lines.insert(at, lines[other])
    elif chance.random() < 0.5:
        lines[at], lines[other] = lines[other], lines[at]
    else:
        del lines[at]
    return b"\n".join(lines)


def _token(chance: random.Random, body: bytes) -> bytes:
    tokens = (b",", b'"', b"<", b"{", b"[", b"null", b"NaN", b"1e999", b"-", b"2026", b"0", b"\x00", b"]]", b"&")
    old, new = chance.choice(tokens), chance.choice(tokens)
    return body.replace(old, new, chance.randint(1, 5)) if old in body else body + new


def _nest(_chance: random.Random, body: bytes) -> bytes:
    return b'{"a":' * 5_000 + body


DAMAGES: Sequence[Damage] = (_cut, _flip, _splice, _lines, _token, _nest)


def _read(name: str, payload: Payload) -> Any:
    if name in SERIES_SOURCES:
        rows = connector(name).module.parse(payload, load_catalog().of_source(name))
        return connector(name).module.windows(payload, rows) if not rows.is_empty() else None
    module = connector(name).module
    return module.windows(payload, module.parse(payload))


@pytest.mark.parametrize("name", [*SERIES_SOURCES, *DESKS])
def test_no_damage_escapes_undeclared(name: str) -> None:
    found = samples(name)
    assert found
    chance = random.Random(zlib.crc32(name.encode()))
    sentences: list[str] = []
    for payload in found:
        _read(name, payload)
        is_text = not payload.body.startswith((b"PK", b"\xd0\xcf"))
        body = payload.body[:MOST_BYTES] if is_text and name != "yahoo_prices" else payload.body
        for at in range(MUTATIONS):
            damaged = DAMAGES[at % len(DAMAGES)](chance, body)
            try:
                _read(name, replace(payload, body=damaged, sha256=sha256(damaged).hexdigest()))
            except SourceError as error:
                sentences.append(str(error))
    assert sentences
    assert max(map(len, sentences)) < 450
    assert not any("\n" in sentence for sentence in sentences)
