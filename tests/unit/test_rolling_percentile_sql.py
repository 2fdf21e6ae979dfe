"""The percentile of macros/observations.sql over few sessions, by hand."""

from __future__ import annotations

from pathlib import Path

import duckdb
import jinja2
import pytest

MACROS = Path(__file__).parents[2] / "dbt_project" / "macros"


def percentiles(values: list[float | None], sessions_count: int) -> list[float | None]:
    text = (MACROS / "observations.sql").read_text() + f"{{{{ rolling_percentile('x', {sessions_count}) }}}}"
    expression = jinja2.Environment(autoescape=False).from_string(text).render()
    con = duckdb.connect()
    con.execute("create table t (session_seq bigint, x double)")
    con.executemany("insert into t values (?, ?)", list(enumerate(values)))
    return [row[0] for row in con.execute(f"select {expression} from t order by session_seq").fetchall()]


def test_share_of_the_window_not_above_the_value() -> None:
    # the last one's window is 3, 1, 2, 2: three of four are not above 2
    assert percentiles([9, 3, 1, 2, 2], 4) == [None, None, None, 50.0, 75.0]


def test_one_missing_in_twenty_is_left_out_and_two_are_too_many() -> None:
    values: list[float | None] = [float(n) for n in range(20)]
    values[3] = None
    assert percentiles(values, 20)[-1] == pytest.approx(100.0)
    values[-1] = 9.5  # 0, 1, 2, 4 to 9 and itself: ten of nineteen
    assert percentiles(values, 20)[-1] == pytest.approx(100 * 10 / 19, abs=1e-6)
    values[5] = None
    assert percentiles(values, 20)[-1] is None


def test_a_missing_value_has_no_percentile() -> None:
    assert percentiles([1.0] * 19 + [None], 20)[-1] is None
