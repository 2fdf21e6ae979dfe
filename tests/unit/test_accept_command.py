"""`tidegauge accept`, end to end over a user's own file: what waits is listed, shown, let in, and kept by a rebuild."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingest.connectors import connector
from ingest.errors import NothingHeld
from ingest.settings import Settings
from orchestration import cli
from orchestration.asking import ingest_all
from orchestration.session import open_session

FIRST = datetime(2026, 3, 20, 18, tzinfo=UTC)
RATES = {"2026-03-16": 3.65, "2026-03-17": 3.65, "2026-03-18": 3.65}


def take(home: Path, days: int, rates: dict[str, float]) -> str | None:
    """Run the user's file of the rate on reserves `days` after the first time; return what did not go well."""
    (home / "user_files").mkdir(parents=True, exist_ok=True)
    lines = [f"{day},{rate}" for day, rate in rates.items()]
    (home / "user_files" / "iorb.csv").write_text("\n".join(["date,value", *lines]) + "\n", encoding="utf-8")
    settings = Settings(_env_file=None, home=home, now=FIRST + timedelta(days=days))
    with open_session(settings) as session:
        [(_, outcome)] = ingest_all(session, [connector("user_file")])
    return outcome.error


def newest(home: Path) -> dict[str, float]:
    with duckdb.connect(str(home / "build" / "warehouse.duckdb"), read_only=True) as con:
        rows = con.execute("select period_date::varchar, value from user_file.observations_latest").fetchall()
    return dict(rows)


def test_a_changed_rate_waits_until_it_is_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEGAUGE_HOME", str(home))
    assert cli.call(["accept"]) == 0
    assert "nothing waits" in capsys.readouterr().out

    assert take(home, 0, RATES) is None
    error = take(home, 1, {**RATES, "2026-03-17": 3.9})
    assert error is not None
    assert "`tidegauge accept`" in error
    assert newest(home) == RATES

    assert cli.call(["accept"]) == 0
    out = capsys.readouterr().out
    assert "user_file iorb" in out
    assert "1 value changed (2026-03-17), declared to change never" in out
    assert cli.call(["accept", "user_file", "iorb"]) == 0
    assert "iorb 2026-03-17: value 3.65 → 3.9" in capsys.readouterr().out
    assert newest(home) == RATES, "looking lets nothing in"

    assert cli.call(["accept", "user_file", "sofr", "--reason", "a typo of mine"]) == NothingHeld.exit_code
    assert cli.call(["accept", "--reason", "a typo of mine"]) == 2
    assert cli.call(["accept", "--all"]) == 2
    capsys.readouterr()
    assert cli.call(["accept", "user_file", "iorb", "--reason", "a typo of mine"]) == 0
    assert "user_file: iorb let in: 0 new, 1 changed, 0 withdrawn" in capsys.readouterr().out
    assert newest(home) == {**RATES, "2026-03-17": 3.9}
    assert cli.call(["accept"]) == 0
    assert "nothing waits" in capsys.readouterr().out

    assert cli.call(["rebuild"]) == 0
    assert "4 rows are the same" in capsys.readouterr().out
    assert newest(home) == {**RATES, "2026-03-17": 3.9}
