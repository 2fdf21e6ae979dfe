"""The lake: its setting, what is attached, and commits that are whole or not there."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ingest import secrets
from ingest.errors import ConfigError
from ingest.settings import Settings, load_settings
from tests.unit.lakes import new_address, new_lake
from tests.unit.postgres_server import PASSWORD, Server, running
from warehouse.lake import attached
from warehouse.lake.attached import attach, detach, is_attached, newest_snapshot
from warehouse.lake.commit import committing, register
from warehouse.lake.errors import LakeUnusable
from warehouse.lake.keys import s3_options
from warehouse.lake.setting import Lake, configured, lake_of

WORD = "pass-Word-42x"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return one DuckDB for all: its extensions take a third of a second to load."""
    with duckdb.connect() as con:
        yield con


def opened(duck: duckdb.DuckDBPyConnection, lake: Lake) -> duckdb.DuckDBPyConnection:
    """Return the connection with this lake attached as `lake`."""
    detach(duck)
    attach(duck, lake)
    return duck


# -- the setting ---------------------------------------------------------------------------------------------------


def test_the_setting_is_read():
    lake = lake_of(
        f"postgresql://tide:{WORD}@db.example:5433/lake?data=s3://bucket/tide&engine=tcp://s:8786&sslmode=require"
    )
    assert lake.catalog == "host=db.example port=5433 user=tide dbname=lake sslmode=require"
    assert (lake.data, lake.engine, lake.is_on_s3) == ("s3://bucket/tide/", "tcp://s:8786", True)
    assert lake.address == "postgresql://tide@db.example:5433/lake?data=s3://bucket/tide/&sslmode=require"
    assert lake.password is not None
    assert lake.password.get_secret_value() == WORD
    assert WORD not in repr(lake) + str(lake)
    assert secrets.blotted(f"a {WORD} b") == "a *** b"
    assert pickle.loads(pickle.dumps(lake)) == lake


def test_what_may_be_missing_is():
    lake = lake_of("postgresql://db/lake?data=/srv/lake/")
    assert (lake.catalog, lake.data, lake.engine, lake.password) == ("host=db dbname=lake", "/srv/lake/", "local", None)
    odd = lake_of("postgresql://a%20b:c%2Fd%40e@db/x?data=/a b/c&password=")
    assert odd.catalog == "host=db user='a b' dbname=x"
    assert odd.password is not None
    assert odd.password.get_secret_value() == "c/d@e"
    assert lake_of(f"postgresql://db/x?data=/a&password={WORD}").catalog == "host=db dbname=x"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"mysql://u:{WORD}@h/d?data=/x", "it begins with mysql, expected postgresql://"),
        (f"postgresql://u:{WORD}@h?data=/x", "it names no database"),
        (f"postgresql://u:{WORD}@h/d", "data=(missing): expected s3://bucket/prefix/ or an absolute folder"),
        (f"postgresql://u:{WORD}@h/d?data=lake", "data=lake: expected"),
        (f"postgresql://u:{WORD}@h/d?data=/a/../b", "data=/a/../b: expected"),
        (f"postgresql://u:{WORD}@h/d?data=s3://ab/", "data=s3://ab/ names no bucket (of three characters or more)"),
        (f"postgresql://u:{WORD}@h/d?data=/x&engine=http://h:1", "engine= is neither tcp://host:port (Dask), sc://"),
        (f"postgresql://u:{WORD}@h/d?data=/x&engine=tcp://h", "engine= is neither"),
        (f"postgresql://u:{WORD}@h:99999/d?data=/x", "Port out of range"),
        (f"postgresql://u:{WORD}@[h/d?data=/x", "it is no address"),
        (f"postgresql://u:{WORD}@h/d?data=/x&data=/y", "the parameter data stands in it twice"),
        (f"{WORD}", "it begins with no scheme"),
    ],
)
def test_what_is_wrong_with_the_setting_is_said(text, said):
    with pytest.raises(ConfigError) as caught:
        lake_of(text)
    assert str(caught.value).startswith("setting TIDEGAUGE_LAKE: ")
    assert said in str(caught.value)
    assert WORD not in str(caught.value)


def test_settings_have_a_lake_and_guard_its_password(monkeypatch):
    assert configured(Settings()) is None
    monkeypatch.setenv("TIDEGAUGE_LAKE", " ")
    assert configured(load_settings()) is None
    monkeypatch.setenv("TIDEGAUGE_LAKE", f"postgresql://u:{WORD}@h/d?data=/x")
    settings = load_settings()
    assert secrets.blotted(WORD) == "***"
    assert WORD not in repr(settings)
    assert configured(settings) == lake_of("postgresql://u@h/d?data=/x")


def test_keys_of_s3_come_from_the_environment_or_the_file(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-environment")
    with pytest.raises(ConfigError, match="TIDEGAUGE_LAKE has its data on S3: set AWS_SECRET_ACCESS_KEY"):
        s3_options()
    Path(".env").write_text(f"AWS_SECRET_ACCESS_KEY={WORD}\nAWS_ACCESS_KEY_ID=of-file\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:8333")
    assert s3_options() == {
        "key_id": "of-environment",
        "secret": WORD,
        "endpoint": "127.0.0.1:8333",
        "url_style": "path",
        "use_ssl": False,
    }
    assert secrets.blotted(WORD) == "***"


# -- attaching -----------------------------------------------------------------------------------------------------


def test_packages_must_be_there_and_fit(monkeypatch):
    attached.extension.cache_clear()
    monkeypatch.setattr(attached.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="needs the package duckdb-extension-postgres-scanner: pip install"):
        attached.extension("postgres_scanner")
    monkeypatch.undo()
    monkeypatch.setattr(duckdb, "__version__", "9.9.9")
    with pytest.raises(ConfigError, match="installed is DuckDB 9"):
        attached.extension("ducklake")
    attached.extension.cache_clear()


def test_a_lake_is_attached_and_pinned(server, duck, tmp_path):
    lake = new_lake(server, tmp_path / "data")
    con = opened(duck, lake)
    assert is_attached(con)
    assert newest_snapshot(con) == 0
    assert con.execute("select current_setting('ducklake_max_retry_count')").fetchone() == (100,)
    first = register(con, "s.t", [parquet(tmp_path, "a", "select 1 as x")], comment="one")
    second = register(con, "s.t", [parquet(tmp_path, "b", "select 2 as x")], comment="two")
    attach(con, lake, name="before", snapshot=first)
    assert newest_snapshot(con, "before") == first < second == newest_snapshot(con)
    assert con.execute("from before.s.t").fetchall() == [(1,)]
    with pytest.raises(LakeUnusable, match="has no snapshot 99 any more"):
        attach(con, lake, name="gone", snapshot=99)
    with pytest.raises(duckdb.Error, match="read-only"):
        con.execute("insert into before.s.t values (3)")
    shown = str(con.execute("from duckdb_secrets()").fetchall() + con.execute("from duckdb_databases()").fetchall())
    assert PASSWORD not in shown
    for name in ("before", "lake"):
        detach(con, name)
    assert not is_attached(con)
    assert con.execute("from duckdb_secrets()").fetchall() == []


def test_what_keeps_a_lake_from_being_attached_is_said(server, duck, tmp_path):
    address = new_address(server, tmp_path / "data")
    opened(duck, lake_of(address))
    for wrong, said in (
        (address.replace("/data", "/other"), "the data of this catalog lies in"),
        (address.replace(PASSWORD, WORD), "cannot be reached: FATAL: password authentication failed"),
        (address.replace(f":{server.port}", ":1"), "cannot be reached: Connection refused"),
    ):
        with pytest.raises(LakeUnusable) as caught:
            opened(duck, lake_of(wrong))
        assert said in str(caught.value)
        assert PASSWORD not in str(caught.value) + str(caught.value.__cause__)
        assert WORD not in str(caught.value) + str(caught.value.__cause__)


def test_a_catalog_of_another_version_is_refused(server, duck, tmp_path):
    address = new_address(server, tmp_path / "data")
    opened(duck, lake_of(address))
    database = address.rpartition("/lake_")[2].partition("?")[0]
    server.asked("select 1")
    with server.connect(dbname=f"lake_{database}", autocommit=True) as catalog:
        catalog.execute("update ducklake_metadata set value = '0.3' where key = 'version'")
    with pytest.raises(LakeUnusable, match=r"0\.3"):
        opened(duck, lake_of(address))
    assert not is_attached(duck)


# -- commits -------------------------------------------------------------------------------------------------------


def parquet(folder: Path, name: str, query: str) -> str:
    path = folder / "data" / f"{name}.parquet"
    path.parent.mkdir(exist_ok=True)
    duckdb.sql(query).write_parquet(str(path))
    return str(path)


def test_files_are_registered_once_and_columns_are_added(server, duck, tmp_path):
    con = opened(duck, new_lake(server, tmp_path / "data"))
    old = parquet(tmp_path, "old", "select 1::bigint as x")
    new = parquet(tmp_path, "new", "select 2::bigint as x, 'n' as y")
    first = register(con, "s.t", [old], comment="first")
    assert register(con, "s.t", [old], comment="again") == first, "nothing to commit"
    second = register(con, "s.t", [old, new], comment="it's more")
    assert con.execute("from lake.s.t order by x").fetchall() == [(1, None), (2, "n")]
    assert register(con, "s.t", [new], comment="only this", replace=True) == second + 1
    assert con.execute("from lake.s.t").fetchall() == [(2, "n")]
    assert con.execute(f"from lake.s.t at (version => {second}) order by x").fetchall() == [(1, None), (2, "n")]
    said = con.execute("select commit_message from lake.snapshots() where snapshot_id > 0 order by snapshot_id")
    assert said.fetchall() == [("first",), ("it's more",), ("only this",)]
    files = con.execute("select count(*) from ducklake_list_files('lake', 't', schema => 's')").fetchone()
    assert files == (1,), "nothing is inlined"


def test_a_commit_is_whole_or_not_there(server, duck, tmp_path):
    con = opened(duck, new_lake(server, tmp_path / "data"))
    good = parquet(tmp_path, "good", "select 1::bigint as x")
    bad = parquet(tmp_path, "bad", "select 'text' as x")

    def commit_two(second: list[str]) -> None:
        with committing(con, "two tables") as commit:
            commit.add("s.first", [good])
            commit.add("s.second", second)

    with pytest.raises(duckdb.Error):
        commit_two([good, bad])
    assert newest_snapshot(con) == 0
    commit_two([good])
    assert newest_snapshot(con) == 1
