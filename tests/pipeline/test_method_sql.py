"""Every query of docs/method.md runs on the published file and shows what the page says it shows."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from docs.generate import METHOD
from docs.method_tables import core_check_sql

QUERIES = re.findall(r"```sql\n(.*?)```", METHOD.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_queries_of_the_method_run(demo_home: Path):
    with duckdb.connect(str(demo_home / "published" / "tidegauge.duckdb"), read_only=True) as con:
        found = {query: con.execute(query).fetchall() for query in QUERIES}
    assert found.pop(core_check_sql()) == [], "no raw core score differs from the one recomputed in SQL"
    assert len(found) == 3
    assert all(rows for rows in found.values())
    (returns,) = (rows for query, rows in found.items() if "by_hand" in query)
    for *_, by_hand, kept in returns:
        assert by_hand == pytest.approx(kept, abs=1e-8)
