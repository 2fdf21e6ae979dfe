"""Any cell, back to the bytes: what `tidegauge explain` says of cells drawn from every mart of a small home."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import duckdb
import pytest

from ingest.archive import Archive
from ingest.errors import QueryRefused
from serving.explain import page
from serving.explain.archived import Answers
from serving.explain.cell import explained, key_of
from tests.cli import environment, tidegauge
from tests.pipeline.small import Ran

DRAWN = 60
NUMBERS = ("DOUBLE", "BIGINT", "INTEGER")


@pytest.fixture(scope="module")
def file(first: Ran) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(first.home.published), read_only=True) as con:
        con.execute(f"attach '{first.home.warehouse}' as warehouse (read_only)")
        yield con


@pytest.fixture(scope="module")
def answers(first: Ran) -> Answers:
    return Answers(Archive(first.home.archive))


def numeric(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return con.execute(
        "select table_name, column_name from duckdb_columns() semi join duckdb_tables() "
        "using (database_name, schema_name, table_name) where schema_name = 'marts' "
        "and database_name = 'tidegauge' and list_contains(?, data_type) order by all",
        [list(NUMBERS)],
    ).fetchall()


def test_cells_drawn_from_every_mart_are_explained(file: duckdb.DuckDBPyConnection, answers: Answers) -> None:
    chosen = random.Random(20260401).sample(numeric(file), DRAWN)
    parsed_again = 0
    for mart, column in chosen:
        key = key_of(file, mart)
        row = file.execute(
            f'select {", ".join(key)}, "{column}" from marts."{mart}" where "{column}" is not null '
            f"order by hash({', '.join(key)}) limit 1"
        ).fetchone()
        if row is None:
            continue
        found = explained(file, mart, [str(value) for value in row[:-1]], column)
        assert found.value == row[-1], (mart, column)
        assert found.column.description, (mart, column)
        sources = [(one, answers.of(one)) for one in found.inputs]
        for one, answer in sources:
            assert answer is None or answer.is_same is not False, (mart, column, one)
            parsed_again += answer is not None and answer.is_same is True
        assert page.as_text(found, sources)
    assert parsed_again > DRAWN / 2


def test_a_row_of_many_is_said_to_be_one(file: duckdb.DuckDBPyConnection, answers: Answers) -> None:
    fund, day = file.execute(
        "select fund_ticker, session_date from marts.concentration_daily where excluded_weight_pct is not null limit 1"
    ).fetchone() or ("", "")
    found = explained(file, "concentration_daily", [fund, str(day)], "excluded_weight_pct").inputs
    lines = [one for one in found if one.path.endswith(".weight_pct")]
    assert lines
    for one in lines:
        answer = answers.of(one)
        assert "; one of " in one.title
        assert answer is not None
        assert answer.is_same, one


def test_every_mart_with_a_column_has_a_key(file: duckdb.DuckDBPyConnection) -> None:
    for mart in sorted({mart for mart, _ in numeric(file)}):
        assert key_of(file, mart), mart


def test_the_figure_of_the_readme(first: Ran, file: duckdb.DuckDBPyConnection) -> None:
    (day,) = file.execute(
        "select max(session_date) from marts.net_liquidity_daily where net_liquidity_usd_bn is not null"
    ).fetchone() or (None,)
    asked = ["explain", "net_liquidity_daily", str(day), "net_liquidity_usd_bn"]
    shown = tidegauge(*asked, env=environment(first.home.root))
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("SIMULATED  marts.net_liquidity_daily.net_liquidity_usd_bn")
    for series in ("fed_total_assets", "tga_daily", "on_rrp"):
        assert f"marts.observations {series}" in shown.stdout
    assert shown.stdout.count("parsed again, the archived bytes give this value") == 3
    document = json.loads(tidegauge(*asked, "--json", env=environment(first.home.root)).stdout)
    legs = {one["path"].split()[-1]: one["value"] for one in document["inputs"]}
    value = file.execute(
        "select net_liquidity_usd_bn from marts.net_liquidity_daily where session_date = ?", [day]
    ).fetchone()
    assert value == (round(legs["fed_total_assets"] - legs["tga_daily"] - legs["on_rrp"], 6),)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("net_liquidity", "2024-01-02", "x"), "there is no mart net_liquidity.*near it: net_liquidity"),
        (("credit_daily", "2024-01-02", "oas"), "has no column oas; `tidegauge describe credit_daily`"),
        (("credit_daily", "1890-01-02", "hy_oas_bp"), "no row of session_date 1890-01-02; session_date is from"),
        (("etf_flows_daily", "SPY", "flow_usd_mn"), "is named by ticker, session_date; got 1 of 2"),
        (("credit_daily", "yesterday'; drop table x", "hy_oas_bp"), "no row of session_date yesterday"),
    ],
)
def test_what_does_not_exist_is_named(file: duckdb.DuckDBPyConnection, words: tuple[str, ...], why: str) -> None:
    with pytest.raises(QueryRefused, match=why):
        explained(file, words[0], words[1:-1], words[-1])
