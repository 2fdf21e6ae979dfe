"""What a release was made from, and whether two values are one."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest

from ingest.archive import Archive
from ingest.errors import ArchiveDamaged, QueryRefused
from ingest.payload import Payload
from serving.explain.recomputed import equal
from warehouse.known_release import KnownArchive, KnownRelease, known_release

AT = datetime(2026, 4, 1, 12, tzinfo=UTC)


def answer(name: str, at: datetime) -> Payload:
    body = name.encode()
    url = f"https://fred.example/{name}"
    return Payload("fred", name, url, body, sha256(body).hexdigest(), at)


def test_answers_that_came_later_or_never_landed_are_not_known(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    bodies = [answer("known", AT), answer("not landed", AT), answer("later", AT + timedelta(seconds=1))]
    for one in bodies:
        archive.put(one, batch=one.fetched_at.isoformat())
    archive.close()
    named = {one.sha256: ("fred", one.url) for one in (bodies[0], bodies[2])}
    release = KnownRelease("b", "r", "1", "LIVE", AT.replace(tzinfo=None), {bodies[0].sha256: ("fred", "known")})
    assert [one.name for one in KnownArchive(tmp_path, release).entries()] == ["known"]
    late = KnownArchive(tmp_path, replace(release, answers=named))
    assert [one.name for one in late.entries()] == ["known"]
    with pytest.raises(
        ArchiveDamaged, match=r"does not name the answer .* of fred \(https://fred.example/later\), .* b "
    ):
        late.require({"fred"})
    late.require({"treasury"})


def test_a_release_without_its_moment_says_how_to_get_one() -> None:
    with duckdb.connect() as con:
        con.execute("create schema meta")
        con.execute("create table meta.build as select 'old' as build_id, null::timestamp as evaluated_at")
        with pytest.raises(QueryRefused, match="release old does not say for which moment it was computed"):
            known_release(con)


@pytest.mark.parametrize(
    ("published", "again", "is_equal"),
    [
        (1.0, 1.0 + 1e-10, True),
        (1.0, 1.0 + 1e-8, False),
        (0.0, 1e-13, True),
        (1e6, 1e6 + 1e-2, False),
        (math.nan, math.nan, True),
        (math.nan, 1.0, False),
        (None, None, True),
        (None, 0.0, False),
        (0.0, None, False),
        (10**12, 10**12 + 1, False),
        ("a", "a", True),
    ],
)
def test_doubles_are_equal_to_nine_digits_and_all_else_exactly(
    published: object, again: object, is_equal: bool
) -> None:
    assert equal(published, again) is is_equal
