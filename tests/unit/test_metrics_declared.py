"""Which columns of marts are metrics."""

from __future__ import annotations

from docs.metrics import measures


def column(**meta: object) -> dict:
    return {"name": "gex_usd_bn", "config": {"meta": meta}}


READING = {"label": "Gamma, SPX", "rows": {"underlying": "SPX"}}


def test_a_reading_is_a_metric_of_its_rows():
    (found,) = measures([{"name": "gamma", "columns": [column(readings=[READING])]}])
    assert (found.label, found.expr) == ("Gamma, SPX", "case when underlying = 'SPX' then gex_usd_bn end")


def test_a_column_that_declares_its_metrics_has_those_and_no_others():
    of_snapshots = {"name": "gamma_daily", "columns": [column(readings=[READING], metrics=[])]}
    by_session = {"name": "gamma_known_daily", "columns": [column(metrics=[READING])]}
    (found,) = measures([of_snapshots, by_session])
    assert (found.mart, found.column, found.agg) == ("gamma_known_daily", "gex_usd_bn", "average")
