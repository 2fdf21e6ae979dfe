"""The labour pack's figures: from FRED's own body, from the folder's market, and out of the published marts."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from statistics import mean
from xml.sax.saxutils import quoteattr

import pytest

from ingest.errors import SourceUnavailable
from ingest.payload import Payload
from ingest.sources.fred import fred
from ingest.sources.user_file import user_file
from simulator import folder_market, user_files
from tests.unit.fakes import context_of, pairs_of, payload_of
from tests.unit.standin_helpers import KEY, new_york

PACK = "packs/p2_labor"
AUTUMN = "2026-09-20T09:15"
"""When everything of the pack was out; the recorded run stands in April."""


class FirstPage:
    """FRED with its own first page of claims, in the layout of XML, and no second one."""

    def __init__(self, body: dict) -> None:
        self.body = body
        self.offsets: list[str] = []

    def get(self, source, name, url, *, params, secret_params, meta, headers=None, accept_status=(200,)) -> Payload:
        path = url.rpartition("/fred/")[2]
        if path == "series":
            xml = '<seriess><series id="ICSA" title="t" units="Number" /></seriess>'
        elif path == "series/vintagedates":
            xml = '<vintage_dates count="1" limit="10000"><vintage_date>2026-08-20</vintage_date></vintage_dates>'
        elif params["offset"] == "0":
            self.offsets.append("0")
            xml = self._observations()
        else:
            self.offsets.append(params["offset"])
            raise SourceUnavailable("fred", name, "only the first page is recorded")
        now = new_york("2026-08-21T09:00")
        return payload_of(source, '<?xml version="1.0" ?>\n' + xml, name=name, url=url, meta=dict(meta), fetched_at=now)

    def _observations(self) -> str:
        head = " ".join(f'{name}="{self.body[name]}"' for name in ("units", "sort_order", "count", "offset", "limit"))
        rows = (
            " ".join(f"{name}={quoteattr(text)}" for name, text in row.items()) for row in self.body["observations"]
        )
        return f"<observations {head}>{''.join(f'<observation {row}/>' for row in rows)}</observations>"


def test_a_page_of_400_of_3111_claims_is_not_the_history(real_data: Path) -> None:
    http = FirstPage(json.loads((real_data / PACK / "fred_api_ICSA_2026-08-20.json").read_text()))
    pairs = pairs_of("fred", "ICSA")
    context = context_of("fred", http, pairs, now=new_york("2026-08-21T09:00"), fred_api_key=KEY)
    items = list(fred.fetch(context))
    pages = [item for item in items if isinstance(item, Payload) and item.meta["kind"] == "observations"]
    assert http.offsets == ["0", "400"], "the rest is asked for"
    assert isinstance(items[-1], SourceUnavailable)
    rows = fred.parse(pages[0], pairs)
    claims = dict(rows.select("period_date", "value").iter_rows())
    assert len(claims) == 400
    weeks = [date(2026, 7, 25), date(2026, 8, 1), date(2026, 8, 8), date(2026, 8, 15)]
    assert [claims[week] for week in weeks] == [198_000, 200_000, 212_000, 206_000]
    assert mean(claims[week] for week in weeks) == 204_000
    assert round(100 * (claims[date(2026, 8, 15)] / claims[date(2025, 8, 16)] - 1), 2) == -11.59


def test_the_folder_serves_levels_in_persons(real_data: Path) -> None:
    market = folder_market(real_data)

    def known(series_id: str) -> dict[date, float]:
        return dict(market.known(series_id, "fred", new_york(AUTUMN)).iter_rows())

    assert known("continued_claims")[date(2026, 8, 8)] == 1_799_000
    layoffs = known("jolts_layoffs")
    months = {date(2020, 3, 1): 12_985, date(2025, 10, 1): 1_891, date(2026, 6, 1): 1_785, date(2026, 7, 1): 1_666}
    assert {month: layoffs[month] / 1000 for month in months} == months
    adp = known("adp_employment")
    assert adp[date(2026, 7, 1)] - adp[date(2026, 6, 1)] == 44_000
    cache = json.loads((real_data / PACK / "fred_cache_2026-08-21_labor_consumer.json").read_text())
    rates = dict(cache["UNRATE"])
    assert "2025-10-01" not in rates
    assert [rates[month] for month in ("2025-09-01", "2025-11-01", "2026-06-01", "2026-07-01")] == [4.4, 4.5, 4.2, 4.1]


def test_challenger_as_a_user_file(real_data: Path) -> None:
    text = user_files(real_data, new_york(AUTUMN))["challenger_cuts"]
    payload = payload_of("user_file", text, name="challenger_cuts.csv", meta={"series": "challenger_cuts"})
    rows = user_file.parse(payload, pairs_of("user_file", "challenger_cuts"))
    cuts = {f"{month:%Y-%m}": value for month, value in rows.select("period_date", "value").iter_rows()}
    golden = {"2025-03": 275_240, "2025-10": 153_074, "2026-01": 108_435, "2026-07": 33_429, "2026-08": 52_881}
    assert {month: cuts[month] for month in golden} == golden
    assert round(100 * (cuts["2026-08"] / cuts["2025-08"] - 1), 1) == -38.5
    early = user_files(real_data, new_york("2026-04-27T09:05"))["challenger_cuts"]
    assert early.splitlines()[-1].startswith("2026-03-01,"), "no figure from after the run's moment"


@pytest.mark.parametrize(
    ("month", "column", "value"),
    [
        ("2020-03-01", "layoffs_count", 12_985_000),
        ("2025-10-01", "layoffs_count", 1_891_000),
        ("2025-09-01", "unemployment_rate_pct", 4.4),
        ("2025-10-01", "unemployment_rate_pct", None),
        ("2025-10-01", "unemployment_3m_mean_pct", None),
        ("2025-12-01", "unemployment_3m_mean_pct", None),
        ("2025-03-01", "challenger_cuts_count", 275_240),
        ("2025-10-01", "challenger_cuts_count", 153_074),
        ("2026-01-01", "challenger_cuts_count", 108_435),
        ("2026-01-01", "layoff_composite_zscore", None),  # the folder has too few inputs for it
    ],
)
def test_published_month(published, month: str, column: str, value: float | None) -> None:
    row = published.execute(f"select {column} from marts.labor_monthly where month_date = ?", [month]).fetchone()
    assert row == (value,)


def test_published_weeks_are_those_of_the_recorded_files(published, real_data: Path) -> None:
    """Every mean of four weeks, from the newest copy of claims that was taken before the run's moment."""
    with (real_data / "fred_reshaped/2026-01/ICSA.csv").open() as lines:
        copied = {row[0]: float(row[1]) for row in list(csv.reader(lines))[1:]}
    weeks = sorted(copied)
    rows = published.execute(
        "select week_date::varchar, claims_count, claims_4w_mean_count, claims_yoy_pct from marts.labor_weekly"
        " where week_date between '2005-01-01' and '2025-06-30' order by week_date"
    ).fetchall()
    assert len(rows) > 1_000
    for week, claims, four, change in rows:
        at = weeks.index(week)
        assert claims == copied[week]
        assert four == pytest.approx(mean(copied[one] for one in weeks[at - 3 : at + 1]))
        assert change == pytest.approx(100 * (claims / copied[weeks[at - 52]] - 1), abs=1e-5)


def test_adp_change_of_the_recorded_levels(published, real_data: Path) -> None:
    with (real_data / PACK / "ADPMNUSNERSA_2026-08_tail.csv").open() as lines:
        levels = {row["date"]: float(row["value"]) for row in csv.DictReader(lines)}
    months = [month for month in sorted(levels) if "2025-01-01" <= month <= "2026-02-01"]
    changes = dict(
        published.execute("select month_date::varchar, adp_change_count from marts.labor_monthly").fetchall()
    )
    before = dict(zip(sorted(levels)[1:], sorted(levels), strict=False))
    assert {month: changes[month] for month in months} == {
        month: levels[month] - levels[before[month]] for month in months
    }
