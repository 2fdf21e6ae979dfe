"""EDGAR's 8-K: every filing of a day enumerated, items picked here, hostile answers, the days that are asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ingest.archive import Archive
from ingest.batch import Batch, Window
from ingest.clock import clock_at
from ingest.collect import collect
from ingest.connector import FetchContext
from ingest.connectors import connector
from ingest.errors import NotConfigured, SourceChanged, SourceError, SourceRefused, SourceUnavailable
from ingest.http import Upstream
from ingest.settings import Settings
from ingest.sources.sec import sec
from simulator import StandIn
from tests.unit.fakes import NOON, FakeHttp, context_of, payload_of
from tests.unit.standin_helpers import market, new_york
from warehouse.records import state_of

DAY = date(2026, 6, 1)
ACCEPTED = "2026-06-01T16:05:12-04:00"
CONTACT = "Ann Analyst ann@example.org"


def hit(number: int, items: list[str], **more: Any) -> dict[str, Any]:
    source = {
        "ciks": [f"{number:010}"],
        "display_names": [f"Company {number}"],
        "form": "8-K",
        "root_forms": ["8-K"],
        "file_date": DAY.isoformat(),
        "file_type": "8-K",
        "adsh": f"0000000001-26-{number:06}",
        "items": items,
        "sics": ["3571"],
    }
    return {"_id": f"{source['adsh']}:a.htm", "_source": {**source, **more}}


def page(hits: list[Any], total: int | None = None, relation: str = "eq") -> str:
    counted = {"value": len(hits) if total is None else total, "relation": relation}
    return json.dumps({"hits": {"total": counted, "hits": hits}})


def parse(body: str | bytes, first: int = 0, day: date = DAY):
    meta = {"day": day.isoformat(), "from": str(first)}
    payload = payload_of("sec", body, name=f"8-K of {day} from {first}", meta=meta)
    rows = sec.parse(payload)
    return rows[sec.ANSWERS], rows[sec.FILINGS], sec.windows(payload, rows)


def test_filings_are_told_apart_by_number_and_kept_by_item() -> None:
    hits = [
        hit(1, ["2.05", "9.01"]),
        hit(1, ["2.05", "9.01"], file_type="EX-99.1"),  # another document of the same filing
        hit(2, ["1.03", "2.04", "5.02"], ciks=["0000000002", "0000000009"], sics=[]),
        hit(3, ["8.01"]),
        hit(4, ["2.05"], form="8-K/A"),
    ]
    answers, filings, windows = parse(page(hits))
    assert answers.drop("stated_at", "payload_sha256").rows() == [(DAY, 0, 5, 5, 4)]
    assert filings.select("accession_number", "item", "form", "is_amendment", "ciks", "sic").rows() == [
        ("0000000001-26-000001", "2.05", "8-K", False, "0000000001", "3571"),
        ("0000000001-26-000002", "1.03", "8-K", False, "0000000002,0000000009", None),
        ("0000000001-26-000002", "2.04", "8-K", False, "0000000002,0000000009", None),
        ("0000000001-26-000004", "2.05", "8-K/A", True, "0000000004", "3571"),
    ]
    assert filings["stated_at"].null_count() == 4, "known by the table's rule: 22:00 on the day"
    assert windows == [Window("", DAY, DAY, table_id=table) for table in (sec.ANSWERS, sec.FILINGS, sec.RELEASES)]


def test_a_moment_of_acceptance_is_when_it_was_known() -> None:
    _, filings, _ = parse(page([hit(1, ["1.03"], acceptanceDateTime="2026-06-01T16:05:12-04:00")]))
    assert filings["stated_at"].to_list() == [datetime(2026, 6, 1, 20, 5, 12)]


def test_earnings_of_the_names_with_option_chains_are_kept_with_the_moment_of_acceptance() -> None:
    hits = [
        hit(1, ["2.02", "9.01"], display_names=["A STORE INC.  (WMT)  (CIK 0000000001)"]),
        hit(2, ["2.02"], display_names=["A FUND CO  (XYZ, NVDA)  (CIK 0000000002)"], acceptanceDateTime=ACCEPTED),
        hit(3, ["2.02"], display_names=["Nobody's (CIK 0000000003)"]),
        hit(4, ["2.02"], display_names=["A STORE INC.  (WMT)  (CIK 0000000001)"], form="8-K/A"),
        hit(5, ["8.01"], display_names=["A STORE INC.  (WMT)  (CIK 0000000001)"]),
    ]
    payload = payload_of("sec", page(hits), meta={"day": DAY.isoformat(), "from": "0"})
    rows = sec.parse(payload)
    assert rows[sec.RELEASES].select("accession_number", "ticker", "file_date", "ciks", "stated_at").rows() == [
        ("0000000001-26-000001", "WMT", DAY, "0000000001", None),
        ("0000000001-26-000002", "NVDA", DAY, "0000000002", datetime(2026, 6, 1, 20, 5, 12)),
    ]
    assert rows[sec.FILINGS].is_empty()


def test_a_closed_day_has_none_and_an_open_one_must() -> None:
    answers, filings, _ = parse(page([]), day=date(2026, 7, 3))  # the eve of a Saturday's holiday
    assert (answers["total_documents_count"].to_list(), filings.height) == ([0], 0)
    with pytest.raises(SourceChanged, match="expected 8-K filings of 2026-06-01, a business day, got none"):
        parse(page([]))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (page([hit(1, ["1.03"])] * 100, total=10_000, relation="gte"), "expected fewer than 10,000 documents of"),
        (page([hit(1, ["1.03"])], total=10_001), "all counted, got 10,001 or more"),
        (page([hit(1, ["1.03"])], total=90), "expected 90 hits from 0 on, got 1"),
        (page([hit(1, ["1.03"], file_date="2026-05-31")]), "expected 2026-06-01 as the file_date of 0000000001-26"),
        (page([hit(1, ["1.03"], form="10-K", root_forms=["10-K"])]), "expected 8-K or 8-K/A as the form of"),
        (page([hit(1, ["1.03"], adsh="x")]), "expected an accession number as adsh, got 'x'"),
        (page([hit(1, ["1.03"], adsh=None)]), "expected an accession number as adsh, got 'None'"),
        (page([hit(1, ["5"])]), "expected items numbered like 2.05, got '5'"),
        (page([hit(1, ["1.03"]), hit(2, ["205"])]), "items numbered like 2.05 in 0000000001-26-000002, got '205'"),
        (page([hit(1, "1.03")]), "expected a list of texts as items of"),
        (page([hit(1, ["1.03"], sics=[3571])]), "expected a list of texts as sics of"),
        (page([hit(1, ["1.03"], acceptanceDateTime="noon")]), "expected a moment as acceptanceDateTime"),
        (page([{"_id": "x"}]), "expected _source in a hit"),
        (json.dumps({"hits": {"total": {"value": "5"}, "hits": []}}), "expected a number as hits.total.value, got '5'"),
        (json.dumps({"error": "x"}), "expected hits in the answer"),
        ("<!DOCTYPE html><html><title>SEC.gov</title></html>", "got an HTML page"),
        ('{"hits": {"total"', "JSON broken at character"),
        ("", "got an empty body"),
    ],
)  # fmt: skip
def test_what_is_not_as_agreed_is_named(body: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(body)
    assert str(caught.value).startswith("sec: 8-K of 2026-06-01 from 0: expected ")
    assert message in str(caught.value)


# ---- asking --------------------------------------------------------------------------------------------------------


def asked(http: FakeHttp, held: set[date] | None = None, since: date | None = None, **settings: Any):
    given = context_of("sec", http, [], now=NOON, **{"contact": CONTACT, "sec_requests_per_run": 4, **settings})
    days = {} if held is None else {"": frozenset(held)}
    return list(sec.fetch(replace(given, held=days, since={"": since})))


def day_of(url: str) -> str:
    return url.partition("startdt=")[2][:10]


def test_days_are_asked_from_yesterday_back_until_the_run_has_asked_enough() -> None:
    http = FakeHttp({sec.URL: page([])})
    items = asked(http, held=set())
    assert [day_of(url) for url in http.asked] == ["2026-11-16", "2026-11-13", "2026-11-12", "2026-11-11"]
    assert [item.meta["day"] for item in items] == ["2026-11-16", "2026-11-13", "2026-11-12", "2026-11-11"]
    assert {headers["User-Agent"] for headers in http.headers} == {f"tidegauge/0.1 {CONTACT}"}
    assert all(CONTACT not in item.url for item in items)


def test_the_next_run_asks_what_is_not_held_and_the_newest_days_again() -> None:
    held = {date(2026, 11, day) for day in (9, 10, 11, 12, 13)}
    http = FakeHttp({sec.URL: page([])})
    asked(http, held=held, sec_requests_per_run=6)
    expected = ["2026-11-16", "2026-11-13", "2026-11-12", "2026-11-11", "2026-11-06", "2026-11-05"]
    assert [day_of(url) for url in http.asked] == expected


def test_a_look_at_the_publisher_asks_the_last_day_only() -> None:
    http = FakeHttp({sec.URL: page([])})
    asked(http, held=None, since=date(2026, 11, 12), sec_requests_per_run=100)
    assert [day_of(url) for url in http.asked] == ["2026-11-16"]


def test_nothing_before_the_items_had_their_numbers_is_asked() -> None:
    held = {sec.SINCE + timedelta(days=back) for back in range(9000)}
    http = FakeHttp({sec.URL: page([])})
    asked(http, held=held - {sec.SINCE}, sec_requests_per_run=100)
    assert day_of(http.asked[-1]) == "2004-08-23"


class Paged(FakeHttp):
    """Days of 230 documents; `broken` is the place from which on nothing comes."""

    broken = 230

    def get(self, source, name, url, *, params, **more):
        first = int(params["from"])
        hits = [hit(n, ["2.05"], file_date=params["startdt"]) for n in range(first, min(first + 100, 230))]
        self.answers = {url: page(hits, total=230) if first < self.broken else SourceUnavailable("sec", name, "silent")}
        return super().get(source, name, url, params=params, **more)


def test_pages_are_asked_until_all_documents_came() -> None:
    items = asked(Paged({}), held=set(), sec_requests_per_run=1)
    assert [item.meta["from"] for item in items] == ["0", "100", "200"], "a day that is begun is asked to its end"
    filings = [sec.parse(item)[sec.FILINGS] for item in items]
    assert sum(rows.height for rows in filings) == 230


def test_of_a_day_that_breaks_off_lands_what_is_in_the_archive_and_nothing_counts_as_withdrawn() -> None:
    http = Paged({})
    http.broken = 100
    landed, problem = asked(http, held=set(), sec_requests_per_run=1)
    assert (landed.meta["from"], str(problem).partition(":")[0]) == ("0", "sec")
    rows = sec.parse(landed)
    assert rows[sec.FILINGS].height == 100
    assert sec.windows(landed, rows) == [], "its other filings may be on the pages that did not come"
    last = asked(Paged({}), held=set(), sec_requests_per_run=1)[-1]
    assert len(sec.windows(last, sec.parse(last))) == 3


def test_without_a_contact_nothing_is_asked_and_that_is_no_failure() -> None:
    http = FakeHttp({})
    with pytest.raises(NotConfigured, match="put TIDEGAUGE_CONTACT=you@example") as caught:
        asked(http, held=set(), contact=None)
    assert http.asked == []
    batch = Batch("sec", {}, (), (), (caught.value,), NOON)
    assert state_of(batch, has_rows=False) == "skipped"
    failed = replace(batch, problems=(caught.value, SourceUnavailable("sec", "x", "silent")))
    assert state_of(failed, has_rows=False) == "failed"


@pytest.mark.parametrize("contact", ["nobody", "ann@example.org\nX: y", "añn@example.org"])
def test_a_contact_is_an_address_that_fits_a_header(contact: str) -> None:
    with pytest.raises(ValidationError, match="expected an address like you@example"):
        Settings(_env_file=None, contact=contact)


def test_a_refusal_ends_the_asking_and_so_does_silence_or_a_layout_that_changed() -> None:
    refused = FakeHttp({sec.URL: SourceRefused("sec", "8-K", "403")})
    with pytest.raises(SourceRefused):
        asked(refused, held=set())
    silent = FakeHttp({sec.URL: SourceUnavailable("sec", "8-K", "no answer")})
    assert [str(one) for one in asked(silent, held=set())] == ["sec: 8-K: no answer"]
    changed = FakeHttp({sec.URL: "<html></html>"})
    problems = asked(changed, held=set())
    assert len(problems) == len(changed.asked) == 3
    assert all(isinstance(one, SourceError) for one in problems)


def test_the_stand_in_wants_a_contact_and_has_days_with_filings(tmp_path: Path) -> None:
    now = new_york("2026-11-18T09:15")
    with StandIn(market(), now) as stand_in:
        settings = Settings(
            _env_file=None, upstream=stand_in.url, home=tmp_path, contact=CONTACT, sec_requests_per_run=25
        )
        with Upstream(settings, clock_at(now), Archive(tmp_path / "archive")) as http:
            context = FetchContext("sec", settings, clock_at(now), http, held={"": frozenset()})
            batch = collect(connector("sec"), context)
            with pytest.raises(SourceRefused, match="Undeclared Automated Tool"):
                http.get("sec", "x", sec.URL, params={"startdt": "2026-11-16", "from": "0"})
    assert not batch.problems
    assert batch.tables[sec.ANSWERS].height == 25
    assert set(batch.tables[sec.FILINGS]["item"]) <= set(sec.ITEMS)
    assert 20 < batch.tables[sec.FILINGS].height < 300


def test_doctor_asks_for_the_contact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.doctor import examine

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEGAUGE_HOME", str(tmp_path / "home"))
    found = {one.what: one for one in examine()}
    assert "no filings of the SEC" in found["contact"].seen
    assert "TIDEGAUGE_CONTACT=" in found["contact"].advice
    monkeypatch.setenv("TIDEGAUGE_CONTACT", CONTACT)
    assert {one.what: one.seen for one in examine()}["contact"] == "set"
