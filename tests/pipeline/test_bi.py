"""BI drivers read the published file while a run is going on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, text

from simulator import StandIn
from simulator.simulate import simulate
from tests.cli import environment, start, tidegauge

FIRST = datetime(2014, 3, 14, 13, 5, tzinfo=UTC)
SECOND = FIRST + timedelta(days=3)
QUESTION = "select count(distinct build_id), (select max(session_date) from marts.market_daily) from meta.build"


def ask_sqlalchemy(published: Path) -> tuple[object, ...]:
    engine = create_engine(f"duckdb:///{published}", connect_args={"read_only": True})
    with engine.connect() as connection:
        answer = tuple(connection.execute(text(QUESTION)).one())
    engine.dispose()
    return answer


def ask_adbc(published: Path) -> tuple[object, ...]:
    import adbc_driver_duckdb
    import adbc_driver_manager.dbapi as adbc

    options = {"path": str(published), "access_mode": "read_only"}
    driver = adbc_driver_duckdb.driver_path()
    with (
        adbc.connect(driver=driver, entrypoint="duckdb_adbc_init", db_kwargs=options) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(QUESTION)
        return tuple(cursor.fetch_arrow_table().to_pylist()[0].values())


def test_sqlalchemy_and_adbc_while_a_run_is_going_on(tmp_path: Path):
    home = tmp_path / "home"
    published = home / "published" / "tidegauge.duckdb"
    with StandIn(simulate(SECOND.date(), members=60), FIRST) as upstream:
        first = tidegauge("run", env=environment(home, upstream=upstream.url, now=FIRST))
        assert first.returncode == 0, first.stdout + first.stderr
        before = ask_sqlalchemy(published)
        assert before == (1, datetime(2014, 3, 13).date())
        upstream.set_now(SECOND)
        log = tmp_path / "run.log"
        running = start("run", env=environment(home, upstream=upstream.url, now=SECOND), log=log)
        answers = set()
        while running.poll() is None:
            answers |= {ask_sqlalchemy(published), ask_adbc(published)}
        assert running.returncode == 0, log.read_text()
    after = ask_adbc(published)
    assert after == (1, datetime(2014, 3, 14).date())
    assert ask_sqlalchemy(published) == after
    assert before in answers, "the old release was readable while the run went on"
    assert answers <= {before, after}, "and nobody saw anything but a whole release"
