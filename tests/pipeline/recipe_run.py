"""Run in a copy of the project by test_contributing: what the recipes added goes from the publisher to dbt.

Usage: python -m tests.pipeline.recipe_run FOLDER; prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from docs.from_registry import written
from ingest.archive import Archive
from ingest.catalog import load_catalog
from ingest.clock import NEW_YORK, clock_at
from ingest.collect import build_context, collect
from ingest.connectors import connector
from ingest.dataset import dataset
from ingest.http import Upstream
from ingest.payload import Payload
from ingest.settings import Settings
from orchestration.dbt_bridge import compiled
from orchestration.ingestion import judge
from orchestration.probe import probed
from simulator.economy.grid import Grid
from simulator.market import Market
from simulator.render import renderers
from simulator.server import StandIn
from simulator.undeclared import undrawn
from warehouse.as_of_text import Relations, compiled_in, keep_compiled
from warehouse.connection import migrate
from warehouse.landing import land
from warehouse.reference import replace_reference

NOW = datetime(2026, 2, 5, 20, tzinfo=NEW_YORK)
SERIES = "bank_delinquency_rate"
MART = "freight_positions_weekly"
TABLES = ("freight_board.rates", "freight_board.positions")


def main(folder: Path) -> None:
    """Write what is generated, land the three recipes, build their part of dbt; print what was seen."""
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
    catalog = load_catalog()
    # every series drawn inside its range: no economy is needed for this
    calm = pl.DataFrame({"session_date": [NOW.date()], "regime": ["calm"]})
    market = Market(pl.concat(list(undrawn(Grid(NOW.date(), 20), catalog, []))), latent=calm)
    build = folder / "warehouse.duckdb"
    seen: dict[str, Any] = {"hosts": sorted(renderers()), "probed": [one.name for one in probed()]}
    with StandIn(market, NOW) as stand_in, duckdb.connect(str(build)) as con:
        settings = Settings(_env_file=None, upstream=stand_in.url, home=folder / "home", origin="SIMULATED", now=NOW)
        migrate(con)
        replace_reference(con, catalog, NOW)
        for name in ("fred", "freight_board", "freight_positions"):
            seen[name] = _landed(con, name, settings, folder)
        seen["quarterly"] = con.execute(
            "select min(period_date)::varchar, count(*), count(distinct month(period_date))"
            " from fred.observations_latest where series_id = ?",
            [SERIES],
        ).fetchone()
        seen["tables"] = {
            table_id: con.execute(f"select count(*) from {table_id}_latest").fetchone()[0]  # type: ignore[index]
            for table_id in TABLES
        }
        seen["comment"] = con.execute(
            "select comment from duckdb_columns() where schema_name = 'freight_board' and column_name = 'rate_index'"
        ).fetchone()
        seen["refused"] = _refused(con)
    seen["built"] = _dbt(build, folder)
    print(json.dumps(seen, default=str))


def _landed(con: duckdb.DuckDBPyConnection, name: str, settings: Settings, folder: Path) -> str:
    catalog, clock = load_catalog(), clock_at(NOW)
    one = connector(name)
    with Upstream(settings, clock, Archive(folder / "archive")) as http:
        context = build_context(one.source, catalog, settings, clock, http)
        if one.has_series:
            object.__setattr__(context, "pairs", [pair for pair in context.pairs if pair[0].id == SERIES])
        batch = collect(one, context)
    assert not batch.problems, [str(problem) for problem in batch.problems]
    return land(con, batch, judge(con, batch, catalog), catalog, "run", NOW).state


def _refused(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the reasons of the gate for a row of positions that does not add up."""
    from dataclasses import replace

    from ingest.batch import Batch

    one = connector("freight_positions")
    header = [*dataset(TABLES[1]).key_names, *dataset(TABLES[1]).value_names]
    lines = [",".join(header), "A,2026-01-30,10,20,30", "B,2026-01-30,10,20,31"]
    body = "\n".join(lines).encode() + b"\n"
    payload = Payload("freight_positions", "positions", "https://data.freight.example", body, "00", NOW, 200, {}, {})
    rows = one.module.parse(replace(payload))[TABLES[1]]  # type: ignore[call-arg,call-overload]
    rows = rows.with_columns(fetched_at=pl.lit(NOW.replace(tzinfo=None), dtype=pl.Datetime("us")))
    batch = Batch(one.source, {TABLES[1]: rows}, (), (), (), NOW, one.name)
    gated = judge(con, batch, load_catalog())
    return [*gated.accepted[TABLES[1]]["contract_code"], *gated.refused[TABLES[1]]["reason"]]


def _dbt(build: Path, folder: Path) -> dict[str, Any]:
    """Build and test the mart of the recipes with all that it reads; return what was built, and what it holds."""
    from dbt.cli.main import dbtRunner

    os.environ["TIDEGAUGE_WAREHOUSE"] = str(build)
    folders = ("--project-dir", "dbt_project", "--profiles-dir", "dbt_project", "--target-path", str(folder / "target"))
    variables = ("--vars", '{"run_at": "2026-02-06 01:00:00", "origin": "SIMULATED", "run_id": "test"}')
    quiet = ("--quiet", "--log-level-file", "none", "--log-path", str(folder))
    chosen = ("--select", f"+{MART}")
    done = dbtRunner().invoke(["run", *chosen, *folders, *variables, *quiet])
    assert done.success, done.exception or [str(one.message) for one in done.result]
    tested = dbtRunner().invoke(["test", "--select", MART, *folders, *variables, *quiet])
    assert tested.success, tested.exception or [str(one.message) for one in tested.result]
    with duckdb.connect(str(build)) as con:
        keep_compiled(con, [one for result in done.result if (one := compiled(result.node))])
        columns = [row[0] for row in con.execute(f"describe marts.{MART}").fetchall()]
        as_of = Relations(compiled_in(con), {MART: columns}).select(MART)
        assert as_of is not None
        counted = f"select count(*), count(bank_delinquency_rate_pct) from ({as_of})"
        return {
            "nodes": sorted(one.node.name for one in done.result),
            "staged": con.execute(
                "select count(*) from staging.stg_observations where series_id = ? and value is not null", [SERIES]
            ).fetchone(),
            "mart": con.execute(f"select count(*), count(bank_delinquency_rate_pct) from marts.{MART}").fetchone(),
            # everything was first seen in this run, but for what its rule places
            "as_of_now": con.execute(counted, {"moment": NOW.astimezone(UTC).replace(tzinfo=None)}).fetchone(),
            "as_of_then": con.execute(counted, {"moment": datetime(2025, 6, 2)}).fetchone(),
        }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
