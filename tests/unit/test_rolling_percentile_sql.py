"""The percentile of macros/windows.sql over few sessions, by hand."""

from __future__ import annotations

from pathlib import Path

import duckdb
import jinja2

MACROS = Path(__file__).parents[2] / "dbt_project" / "macros"


def ranked(values: list[float | None], values_count: int) -> list[tuple[float | None, int]]:
    """Return percentile and number of values in the window, session by session."""
    text = (MACROS / "windows.sql").read_text() + (
        f"{{{{ rolling_percentile('x', {values_count}) }}}}, {{{{ rolling_percentile_count('x', {values_count}) }}}}"
    )
    expressions = jinja2.Environment(autoescape=False).from_string(text).render()
    con = duckdb.connect()
    con.execute("create table t (session_seq bigint, x double)")
    con.executemany("insert into t values (?, ?)", list(enumerate(values)))
    return con.execute(f"select {expressions} from t order by session_seq").fetchall()


def test_share_of_the_window_not_above_the_value() -> None:
    # the last one's window is 3, 1, 2, 2: three of four are not above 2
    assert ranked([9, 3, 1, 2, 2], 4) == [(None, 1), (None, 2), (None, 3), (50.0, 4), (75.0, 4)]


def test_the_window_is_full_of_values_or_there_is_no_percentile() -> None:
    values: list[float | None] = [float(n) for n in range(20)]
    values[3] = None
    assert ranked(values, 20)[-1] == (None, 19)
    # the twentieth value comes a session later: 0, 1, 2, 4 to 9 and itself are ten of twenty
    assert ranked([*values, 9.5], 20)[-1] == (50.0, 20)


def test_a_window_with_too_many_gaps_is_none() -> None:
    """20 values must lie within 21 sessions, of which they are 95 %."""
    values: list[float | None] = [float(n) for n in range(23)]
    values[3] = None
    assert ranked(values, 20)[-1] == (100.0, 20)
    values[5] = None
    assert ranked(values, 20)[-1] == (None, 19)
    assert ranked([*values, 23.0, 24.0], 20)[-1] == (100.0, 20)


def test_a_missing_value_has_no_percentile() -> None:
    assert ranked([1.0] * 20 + [None], 20)[-1] == (None, 20)
