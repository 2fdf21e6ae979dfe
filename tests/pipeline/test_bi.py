"""BI drivers read the published file while a run is going on."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import create_engine, text

from tests.cli import environment, start
from tests.pipeline.small import FIRST_SESSION, NEXT, NEXT_SESSION

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


def test_sqlalchemy_and_adbc_while_a_run_is_going_on(copied, standin, tmp_path: Path):
    published = copied.published
    before = ask_sqlalchemy(published)
    assert before == (1, FIRST_SESSION)
    standin.set_now(NEXT)
    log = tmp_path / "run.log"
    running = start("run", env=environment(copied.root, upstream=standin.url, now=NEXT), log=log)
    answers = set()
    while running.poll() is None:
        answers |= {ask_sqlalchemy(published), ask_adbc(published)}
        time.sleep(0.1)  # the run shall have the machine
    assert running.returncode == 0, log.read_text()
    after = ask_adbc(published)
    assert after == (1, NEXT_SESSION)
    assert ask_sqlalchemy(published) == after
    assert before in answers, "the old release was readable while the run went on"
    assert answers <= {before, after}, "and nobody saw anything but a whole release"
