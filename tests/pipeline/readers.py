"""BI drivers that read the published file, also while a run is going on."""

from __future__ import annotations

import subprocess
import time
from datetime import date
from pathlib import Path

from sqlalchemy import create_engine, text

QUESTION = "select count(distinct build_id), (select max(session_date) from marts.market_daily) from meta.build"

Answer = tuple[int, date]


def ask_sqlalchemy(published: Path) -> Answer:
    engine = create_engine(f"duckdb:///{published}", connect_args={"read_only": True})
    with engine.connect() as connection:
        builds, newest = connection.execute(text(QUESTION)).one()
    engine.dispose()
    return builds, newest


def ask_adbc(published: Path) -> Answer:
    import adbc_driver_duckdb
    import adbc_driver_manager.dbapi as adbc

    options = {"path": str(published), "access_mode": "read_only"}
    driver = adbc_driver_duckdb.driver_path()
    with (
        adbc.connect(driver=driver, entrypoint="duckdb_adbc_init", db_kwargs=options) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(QUESTION)
        builds, newest = cursor.fetch_arrow_table().to_pylist()[0].values()
        return builds, newest


def read_during(running: subprocess.Popen[bytes], published: Path) -> set[Answer]:
    """Return what both drivers were answered until the run had ended."""
    answers: set[Answer] = set()
    while running.poll() is None:
        answers |= {ask_sqlalchemy(published), ask_adbc(published)}
        time.sleep(0.5)  # the run shall have the machine
    return answers
