"""The registry: a declaration that cannot be used is a sentence that names its place; orders follow from it."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path

import pytest

from ingest.catalog.frequency import is_period, period_end, period_start, periods_before
from ingest.catalog.release import ReleaseRule
from ingest.connectors import CONNECTORS, asked_by, in_order
from ingest.dataset import TABLES, serving
from ingest.errors import ConfigError
from ingest.registry import SOURCES_FOLDER, publishers, requests_per_second


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of ingest/sources."""
    copy = tmp_path_factory.mktemp("registry") / "sources"
    shutil.copytree(SOURCES_FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("ici", "licence: personal_use", "licence: free", "publisher ici.yml: licence: "),
        ("ici", "cadence:", "cadenze:", "publisher ici.yml: cadence: Field required"),
        ("ici", "asked_by: whole", "asked_by: hand", "publisher ici.yml: connectors: ici: asked_by: "),
        ("ici", "tables: [weekly_flows]", "tables: [flows]", "connectors: flows is not declared in tables"),
        ("ici", "  ici:\n", "  ici_flows:\n", "connectors: ici_flows: there is no ici_flows.py beside it"),
        ("ici", "judged_by: category", "judged_by: kind", "weekly_flows: Value error, judged_by 'kind' is no key"),
        ("ici", "{type: double, unit", "{type: float, unit", "tables: weekly_flows: columns.flow_usd_mn.type: "),
        ("ici", "period: week_end_date", "period: category", "period 'category' is not a date"),
        ("ofr", "www.financialresearch.gov: {}", "www.ssga.com: {}", "publisher ssga.yml: host www.ssga.com is ofr's"),
        ("ici", "www.ici.org: {}", "www.ssga.com: {}", "first_run: www.ici.org: not among the hosts"),
        ("ici", "www.ici.org: {}", "www.ici.org: {requests_per_second: 0}", "hosts.www.ici.org.requests_per_second: "),
        ("ssga", "like: holdings", "like: positions", "holdings: like: no shape named 'positions' in shapes.yml"),
        ("ssga", "rank: 1}}\n  holdings", "rank: 2}}\n  holdings", "rank 2 of fund_days is ishares's already"),
        ("yahoo", "asked_by: contracts", "asked_by: whole", "contracts: said where asked_by is contracts"),
        ("ssga", "judged_after: [yahoo_prices]", "judged_after: [yahoo_price]", "no connector named 'yahoo_price'"),
        ("ssga", "publisher: State", "publisher: [State", "publisher ssga.yml: cannot be read as YAML"),
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_be_used_names_its_place(folder: Path, name: str, old: str, new: str, message: str):
    path = folder / name / f"{name}.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    try:
        with pytest.raises(ConfigError) as caught:
            publishers.__wrapped__(folder)
    finally:
        path.write_text(text, encoding="utf-8")
    assert message in str(caught.value)


def test_a_shape_gives_way_column_by_column(folder: Path):
    path = folder / "ssga" / "ssga.yml"
    text = path.read_text(encoding="utf-8")
    own = "holdings: {like: holdings, columns: {weight_pct: {comment: Share of the fund}}, expect: [{days_ahead: 1}]"
    path.write_text(text.replace("holdings: {like: holdings", own, 1), encoding="utf-8")
    table = publishers.__wrapped__(folder)["ssga"].tables["holdings"]
    path.write_text(text, encoding="utf-8")
    whole = publishers()["ssga"].tables["holdings"]
    assert list(table.columns) == list(whole.columns)
    assert table.columns["weight_pct"].comment == "Share of the fund"
    assert table.columns["weight_pct"].unit == whole.columns["weight_pct"].unit
    assert table.expect == (*whole.expect, {"days_ahead": 1})


def test_landing_order_follows_from_the_declarations_alone():
    assert in_order(reversed(CONNECTORS)) == CONNECTORS
    place = {one.name: at for at, one in enumerate(CONNECTORS)}
    for one in CONNECTORS:
        assert all(place[before] < place[one.name] for before in one.follows)
    series = [one.name for one in CONNECTORS if one.has_series]
    assert series == sorted(series), "as a rebuild takes batches of one moment"


def test_connectors_that_wait_for_each_other_are_refused():
    with pytest.raises(ConfigError, match=r"go round in a circle: .*yahoo_prices \(after "):
        in_order(one for one in CONNECTORS if one.name != "sp500_membership")


def test_providers_of_a_concept_come_by_rank():
    for concept in {table.serves.concept for table in TABLES if table.serves}:
        ranks = [table.serves.rank for table in serving(concept) if table.serves]
        assert ranks == sorted(ranks)
        assert len({table.key_names for table in serving(concept)}) == 1, f"{concept}: one shape"
    assert [table.source for table in serving("prices")] == ["yahoo", "nasdaq", "user_file"]
    assert [one.name for one in asked_by("symbols")] == ["yahoo_prices", "nasdaq"]
    with pytest.raises(KeyError, match="no table serves weather"):
        serving("weather")


def test_a_host_is_asked_as_often_as_its_publisher_allows():
    assert requests_per_second("api.stlouisfed.org") == 2
    assert requests_per_second("www.ici.org") == 5
    assert requests_per_second("nobody.example") == 5


@pytest.mark.parametrize(
    ("rule", "period", "released"),
    [
        ({"days_after_quarter": 30}, date(2024, 1, 1), datetime(2024, 4, 30, 12, 30)),
        ({"days_after_quarter": 0}, date(2024, 10, 1), datetime(2024, 12, 31, 13, 30)),
        # a Saturday, and the Monday after it
        ({"days_after_quarter": 76, "calendar": "federal_government"}, date(2024, 1, 1), datetime(2024, 6, 17, 12, 30)),
        ({"days_after_year": 90}, date(2023, 1, 1), datetime(2024, 3, 30, 12, 30)),
    ],
)
def test_quarters_and_years_come_out_so_many_days_after_their_end(rule, period: date, released: datetime):
    assert ReleaseRule.model_validate({"time": "08:30", **rule}).released_at_one(period) == released


@pytest.mark.parametrize(
    ("frequency", "starts", "ends"),
    [("daily", date(2024, 5, 15), date(2024, 5, 15)), ("weekly", date(2024, 5, 15), date(2024, 5, 15)),
     ("monthly", date(2024, 5, 1), date(2024, 5, 31)), ("quarterly", date(2024, 4, 1), date(2024, 6, 30)),
     ("annual", date(2024, 1, 1), date(2024, 12, 31))],
)  # fmt: skip
def test_periods_start_and_end(frequency: str, starts: date, ends: date):
    assert period_start(frequency, date(2024, 5, 15)) == starts
    assert period_end(frequency, starts) == ends
    assert is_period(frequency, starts)
    assert is_period(frequency, date(2024, 5, 15)) == (frequency in ("daily", "weekly"))


def test_periods_are_counted_back_over_the_turn_of_a_year():
    assert periods_before("quarterly", date(2024, 2, 9), 3) == [date(2024, 1, 1), date(2023, 10, 1), date(2023, 7, 1)]
    assert periods_before("annual", date(2024, 2, 9), 2) == [date(2024, 1, 1), date(2023, 1, 1)]
    with pytest.raises(ValueError, match="not counted in months"):
        periods_before("weekly", date(2024, 2, 9), 2)


def test_a_series_of_some_months_has_no_other_periods():
    middle = (2, 5, 8, 11)
    assert periods_before("monthly", date(2024, 6, 9), 6, middle) == [date(2024, 5, 1), date(2024, 2, 1)]
    assert is_period("monthly", date(2024, 5, 1), middle)
    assert not is_period("monthly", date(2024, 6, 1), middle)
