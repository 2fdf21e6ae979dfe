"""What an assistant may ask: rows with units and the release they are of, and nothing but the published file."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import anyio
import duckdb
import pytest
from mcp import StdioServerParameters
from mcp.client import Client

from ingest.errors import QueryRefused
from ingest.home import Home
from serving.mcp.answers import query, search
from serving.mcp.child import ask
from serving.units import unit_of
from tests.cli import COMMAND, ROOT
from tests.unit.query_home import publish_small, tree

SECRET = "the-secret-of-this-machine"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("mcp")
    publish_small(root / "home" / "published" / "tidegauge.duckdb")
    (root / "secret.csv").write_text(f"a,b\n{SECRET},1\n")
    with duckdb.connect(str(root / "other.duckdb")) as con:
        con.execute(f"create table t as select '{SECRET}' as a")
    return Home(root / "home")


HOSTILE_STATEMENTS = [
    # writes
    "create table marts.t as select 1",
    "create temp table t as select 1",
    "insert into marts.carry_daily values (null, null, null)",
    "with x as (select 1) insert into marts.carry_daily select null, null, null from x",
    "update marts.carry_daily set carry_2y_bp = 0",
    "delete from marts.carry_daily",
    "drop table marts.carry_daily",
    "alter table marts.carry_daily add column a integer",
    "copy (select 1) to '{root}/out.csv'",
    "copy marts.carry_daily to '/dev/stdout'",
    "COPY (SELECT 1) TO '{root}/out.parquet' (FORMAT parquet)",
    "export database '{root}/out'",
    "select write_log('x')",
    "from enable_logging(storage='file', storage_path='{root}/logs')",
    "from \"enable_profiling\" (save_location := '{root}/profile.txt')",
    "from enable_profiling(format='json', save_location='{root}/profile.json')",
    "explain analyze delete from marts.carry_daily",
    "explain analyze copy (select 1) to '{root}/out.csv'",
    "checkpoint",
    "from force_checkpoint()",
    "vacuum",
    # reads the machine
    "from '{root}/secret.csv'",
    'from "{root}/secret.csv"',
    "select * from read_csv('{root}/secret.csv')",
    "select * from \"read_csv_auto\"('{root}/secret.csv')",
    "select * from read_text('{root}/secret.csv')",
    "select * from read_blob('{root}/*')",
    "select (select content from read_text('{root}/secret.csv'))",
    "select * from glob('{root}/*')",
    "from sniff_csv('{root}/secret.csv')",
    "from query('from read_text(''{root}/secret.csv'')')",
    "from query_table('{root}/secret.csv')",
    "from json_execute_serialized_sql(json_serialize_sql('from read_text(''{root}/secret.csv'')'))",
    "select getenv('HOME')",
    "select \"getenv\" /* x */ ('HOME')",
    "from duckdb_secrets()",
    "from duckdb_extensions()",
    "attach '{root}/other.duckdb' as o (read_only)",
    "attach ':memory:' as m",
    "from '{root}/other.duckdb'",
    "select * from read_duckdb('{root}/other.duckdb', table_name = 't')",
    # code and network
    "install httpfs",
    "load httpfs",
    "load '{root}/evil.duckdb_extension'",
    "from read_text('http://127.0.0.1:9/x')",
    "from 'https://127.0.0.1:9/x.parquet'",
    "create secret (type s3)",
    "from sqlite_scan('{root}/other.duckdb', 't')",
    "from postgres_scan('host=127.0.0.1', 'public', 't')",
    "from pandas_scan(1)",
    # settings and the connection
    "pragma memory_limit = '100GB'",
    "pragma enable_profiling",
    "set memory_limit = '100GB'",
    "set enable_external_access = true",
    "reset lock_configuration",
    "set variable as_of = timestamp '2020-01-01'",
    "use tidegauge.meta",
    "detach tidegauge",
    "call pragma_version()",
    "begin",
    "prepare p as select 1",
    # more than one question, or none
    "select 1; select 2",
    "select 1; copy (select 1) to '{root}/out.csv'",
    "set variable x = 1; select 1",
    "",
    "-- nothing",
    "selec 1",
    "select error('on purpose')",
]


def test_nothing_is_written_read_or_loaded(home: Home):
    assert len(HOSTILE_STATEMENTS) >= 40
    root = home.root.parent
    before = tree(root)
    for number, statement in enumerate(HOSTILE_STATEMENTS):
        for moment in (None,) if number % 8 else (None, "2023-03-13 09:15"):  # one guard, held to all of it elsewhere
            with pytest.raises(QueryRefused) as refused:
                query(home, statement.format(root=root), moment=moment)
            assert SECRET not in str(refused.value)
            assert str(refused.value).strip(), "and it says why"
    assert tree(root) == before
    assert query(home, "select 1 as a")["rows"] == [[1]], "and the next question is answered"


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("select count(*) from range(100000000000) as t(a) where sin(a) > 2", "no answer within 2 s"),
        ("select list(a) from range(10000000000) as t(a)", "more memory|no answer within 2 s"),
    ],
    ids=["time", "memory"],
)
def test_a_query_that_takes_too_much_ends_alone(sql: str, why: str, home: Home):
    before = tree(home.root.parent)
    with pytest.raises(QueryRefused, match=why):
        ask(home, "query", {"sql": sql}, seconds=2)
    assert tree(home.root.parent) == before


def test_rows_say_units_release_and_mark(home: Home):
    found = query(home, "select session_date, carry_2y_bp from carry_daily order by 1 desc", rows=2)
    assert found["release"]["build_id"] == "b1"
    assert found["release"]["mark"].startswith("SIMULATED")
    assert [column["unit"] for column in found["columns"]] == ["date", "basis points"]
    assert [str(row[0]) for row in found["rows"]] == ["2023-03-14", "2023-03-13"]
    assert found["is_cut"]
    assert "more" in found["note"]
    newest = found["newest"][0]
    assert (newest["table"], str(newest["newest"]["known_at"])) == ("marts.carry_daily", "2023-03-14 13:00:00")


def test_rows_as_of_a_moment_are_those_that_were_known(home: Home):
    found = query(home, "select max(session_date) as session_date from marts.carry_daily", moment="2023-03-13 09:15")
    assert str(found["rows"][0][0]) == "2023-03-13"
    assert str(found["as_of_utc"]) == "2023-03-13 13:15:00+00:00"
    with pytest.raises(QueryRefused, match="cannot be read as of a moment"):
        query(home, "from marts.knowledge", moment="2023-03-13 09:15")
    with pytest.raises(QueryRefused, match="is no moment; an example"):
        query(home, "select 1", moment="soon")


def test_long_answers_are_cut_and_say_so(home: Home):
    found = query(home, "select repeat('x', 100000) as long_text")
    assert "100,000 characters" in found["rows"][0][0]
    assert len(found["rows"][0][0]) < 2100
    many = query(home, "select repeat('x', 1500) as long_text from range(1000)", rows=1000)
    assert len(many["rows"]) < 30
    assert "characters" in many["note"]


def test_search_reads_descriptions(home: Home):
    assert [one["place"] for one in search(home, "japanese")["mentions"]] == ["marts.carry_daily.carry_2y_bp"]
    asked = search(home, "thrust")["questions"]
    assert asked
    assert "is_zweig_thrust" in asked[0]["sql"]


def test_units_are_those_of_the_names():
    assert unit_of("net_liquidity_usd_bn") == "billions of US dollars"
    assert unit_of("spy_amihud_21d_bp_per_usd_bn") == "per billion of US dollars"
    assert unit_of("regime_class") is None
    table = (ROOT / "docs" / "names.md").read_text().partition("| suffix | unit |")[2].partition("## Layers")[0]
    suffixes = re.findall(r"`(_[a-z_]+)`", table)
    assert len(suffixes) > 15
    assert [suffix for suffix in suffixes if unit_of(f"x{suffix}") is None] == []


def test_an_assistant_over_standard_input_and_output(home: Home, tmp_path: Path):
    """The SDK's own client: tools, an answer, an error as a sentence, and the release put in place meanwhile."""
    mine = Home(tmp_path / "home")
    mine.published.parent.mkdir(parents=True)
    shutil.copy(home.published, mine.published)
    env = {"TIDEGAUGE_HOME": str(mine.root), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    server = StdioServerParameters(command=sys.executable, args=[*COMMAND[1:], "mcp"], env=env, cwd=ROOT)

    async def talk() -> None:
        async with Client(server) as client:
            tools = (await client.list_tools()).tools
            assert {tool.name for tool in tools} == {
                *("list_marts", "describe", "search", "query", "as_of", "explain", "regime")
            }
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
            asked = {"sql": "select count(*) as rows_count from carry_daily"}
            first = json.loads((await client.call_tool("query", asked)).content[0].text)
            assert (first["release"]["build_id"], first["rows"]) == ("b1", [[3]])
            refused = await client.call_tool("query", {"sql": "drop table marts.carry_daily"})
            assert refused.is_error
            assert "not read-only" in refused.content[0].text
            _replace(mine.published)
            second = json.loads((await client.call_tool("query", asked)).content[0].text)
            assert (second["release"]["build_id"], second["rows"]) == ("b2", [[2]])

    anyio.run(talk)


def _replace(published: Path) -> None:
    """Put the next release in place as publication does: a new file, by one rename."""
    waiting = published.with_suffix(".next")
    shutil.copy(published, waiting)
    waiting.chmod(0o644)
    with duckdb.connect(str(waiting)) as con:
        con.execute("update meta.build set build_id = 'b2'")
        con.execute("delete from marts.carry_daily where carry_2y_bp < 0")
    os.replace(waiting, published)
