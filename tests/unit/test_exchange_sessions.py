"""Sessions that are kept beside the environment are those that the library gives; what is not whole is not believed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ingest.catalog import exchange_sessions as module
from ingest.catalog.exchange_sessions import FIRST_DAYS, exchange_sessions, keep_all


@pytest.fixture(autouse=True)
def _kept_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "KEPT", tmp_path / "calendars")
    module._sessions.cache_clear()
    yield
    module._sessions.cache_clear()


@pytest.mark.parametrize("name", FIRST_DAYS)
def test_what_is_kept_is_what_the_library_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    worked_out = exchange_sessions(name)
    keep_all()
    module._sessions.cache_clear()
    monkeypatch.setattr(module, "_calendar", lambda _: pytest.fail("worked out again"))

    assert exchange_sessions(name).equals(worked_out)
    assert worked_out["session_date"].is_sorted()
    assert worked_out["session_date"][-1] > date.today()


@pytest.mark.parametrize("damage", [lambda body: body[:-100], lambda body: body[:40] + b"?" + body[41:], lambda _: b""])
def test_what_is_kept_but_damaged_is_worked_out(damage, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_all()
    for path in module.KEPT.iterdir():
        path.write_bytes(damage(path.read_bytes()))
    asked = []
    real = module._calendar
    monkeypatch.setattr(module, "_calendar", lambda name: asked.append(name) or real(name))

    assert exchange_sessions("nyse").height > 9000
    assert asked == ["nyse"]


def test_what_another_version_kept_goes(tmp_path: Path) -> None:
    module.KEPT.mkdir(parents=True)
    (module.KEPT / "nyse-0.1-1999.parquet").write_bytes(b"old")

    keep_all()

    assert sorted(path.name.split("-")[0] for path in module.KEPT.iterdir()) == sorted(FIRST_DAYS)
