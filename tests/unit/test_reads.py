"""Which series a select can see is read off it; what is not certain counts as all of them."""

import pytest

from orchestration.reads import NOT_DETERMINED, values_read

LATEST = ("intermediate", "int_observations_latest")
APART = {LATEST: "series_id"}
FROM = '"warehouse"."intermediate"."int_observations_latest"'


@pytest.mark.parametrize(
    ("select", "seen"),
    [
        (f"select value from {FROM} where series_id = 'a'", ("a",)),
        (f"select value from {FROM} as o where (o.series_id in ('b', 'a')) and value > 0", ("a", "b")),
        (f"with x as (select * from {FROM} where series_id = 'a') select * from x, x as y", ("a",)),
        (
            f"select * from s asof join (select * from {FROM} where series_id = 'a') as o on s.d >= o.d"
            f" where s.d >= (select min(d) from {FROM} where series_id in ('b'))",
            ("a", "b"),
        ),
        (f"select * from s left join {FROM} as o on s.d = o.d where o.series_id = 'a'", ("a",)),
    ],
)
def test_a_condition_on_the_series_names_them(select: str, seen: tuple[str, ...]):
    assert values_read(select, APART) == {LATEST: seen}


@pytest.mark.parametrize(
    "select",
    [
        f"select value from {FROM}",
        f"select value from {FROM} where series_id = 'a' or value > 0",
        f"select value from {FROM} where series_id <> 'a'",
        f"select value from {FROM} where not series_id in ('a')",
        f"select value from {FROM} where series_id in (select series_id from catalog.series)",
        f"select value from {FROM} where upper(series_id) = 'A'",
        f"select value from {FROM} where series_id = other_id",
        f"select max(value) filter (where series_id = 'a') from {FROM}",
        f"select * from {FROM} where series_id = 'a' union all select * from {FROM}",
        # a condition on another relation, or on nobody knows which
        f"select * from {FROM} as o, s where s.series_id = 'a'",
        f"select * from {FROM} as o, s where series_id = 'a'",
        # the join picks a row before the condition drops it
        f"select * from s asof join {FROM} as o on s.d >= o.d where o.series_id = 'a'",
        f"select * from {FROM} as o (period_date, series_id) where series_id = 'a'",
        "this is no select of",
    ],
)
def test_all_rows_count_where_it_is_not_certain(select: str):
    assert values_read(select, APART) == {}


@pytest.mark.parametrize("text", ["select now()", "select current_date", "select random ()", "from x tablesample 5%"])
def test_what_changes_by_itself_is_seen(text: str):
    assert NOT_DETERMINED.search(text)


def test_a_column_called_like_it_is_no_function():
    assert not NOT_DETERMINED.search("select known_at, is_random from today_rows where nowhere is null")
