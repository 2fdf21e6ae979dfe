"""--json: one strict document on standard output, whatever the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestration import cli

EXPLAINED = ["explain", "net_liquidity_daily", "2023-03-15", "net_liquidity_usd_bn"]


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        (
            ["query", "select session_date, vix_index, 'nan'::double as x_ratio from volatility_daily limit 2"],
            {"vix_index"},
        ),
        (["tables"], {"table", "rows", "as_of", "holds"}),
        (["describe", "carry_daily"], {"column", "type", "holds"}),
        (["search", "reverse repo"], {"place", "kind", "holds"}),
        (["freshness"], {"series_id", "state", "age_days", "expected_by_at", "title"}),
        (["releases"], {"build_id", "published_at", "is_current", "is_damaged"}),
        (["doctor"], {"what", "level", "seen", "advice"}),
        (["accept"], set()),
        (["status"], {"sources", "marts", "freshness", "published", "checks", "last_run"}),
        (["regime"], {"build_id", "origin", "regime_class", "sentence", "dimensions", "unknown"}),
        (EXPLAINED, {"value", "formula", "inputs", "checks", "known_at"}),
        (["run", "--plan"], {"sentence", "hosts"}),
    ],
    ids=lambda one: one[0] if isinstance(one, list) else "",
)
def test_each_command_says_one_document(command: list[str], parts: set[str], demo_home: Path, monkeypatch, capfd):
    monkeypatch.setenv("TIDEGAUGE_HOME", str(demo_home))
    assert cli.call([*command, "--json"]) == 0
    document = json.loads(capfd.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    found = document if isinstance(document, dict) else document[0] if document else {}
    assert parts <= found.keys()


def test_two_formats_are_one_too_many(demo_home: Path, monkeypatch, capsys):
    monkeypatch.setenv("TIDEGAUGE_HOME", str(demo_home))
    assert cli.call(["tables", "--json", "-f", "csv"]) == 2
    assert "two formats" in capsys.readouterr().err
    assert cli.call(["run", "--json"]) == 2
    assert "--plan" in capsys.readouterr().err


def test_regime_and_freshness_for_eyes(demo_home: Path, monkeypatch, capsys):
    monkeypatch.setenv("TIDEGAUGE_HOME", str(demo_home))
    assert cli.call(["regime"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("SIMULATED · Session 20")
    assert "neither advice nor a timing signal" in printed
    assert "net_liquidity" in printed
    monkeypatch.delenv("COLUMNS", raising=False)  # in a window of a given width long texts take several lines
    assert cli.call(["freshness"]) == 0
    states = [line.split()[1] for line in capsys.readouterr().out.splitlines()[2:-1]]
    order = ["never", "stale", "late", "ended", "optional", "fresh"]
    assert states == sorted(states, key=order.index), "the worst first"
