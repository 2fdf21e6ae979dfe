"""Form 13F: links from the page, managers that are kept, positions summed, amendments, hostile data sets."""

from __future__ import annotations

import resource
import sys
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ingest.catalog.managers import default_managers
from ingest.errors import ConfigError, NotConfigured, SourceChanged
from ingest.home import Home
from ingest.payload import Payload
from ingest.sources.sec import sec_13f
from ingest.sources.sec.managers import managers_of
from simulator.render import render
from simulator.render.view import Request, View
from tests.unit.fakes import NOON, FakeHttp, context_of, payload_of
from tests.unit.form_13f import FILE, HEADERS, accession, data_set, filing, tables_of, zip_of
from tests.unit.standin_helpers import market, new_york

CONTACT = "Ann Analyst ann@example.org"
PALANTIR = "69608A108"
OLD, NEW = "/files/structureddata/data/form-13f-data-sets", "/files/datastandardsinnovation/data/form-13f-data-sets"
PAGE = (
    f"<!DOCTYPE html><a href=\"{OLD}/2023q4_form13f.zip\">Q4</a> <a href='{OLD}/01mar2026-31may2026_form13f.zip'>\n"
    f'</a><a class="x" href="{NEW}/01jun2026-31aug2026_form13f.zip" download>2026</a>'
    '<a href="/files/2026q1_form345.zip">other</a>'
)
NEWEST = f"https://www.sec.gov{NEW}/01jun2026-31aug2026_form13f.zip"


def rows_of(tables: dict[str, str] | bytes, *managers: int, file: str = FILE):
    body = tables if isinstance(tables, bytes) else zip_of(tables)
    found = sec_13f.parse(data_set(body, *(managers or (1,)), file=file))
    return found[sec_13f.FILINGS], found[sec_13f.HOLDINGS]


def test_lots_are_summed_and_options_and_debts_stay_apart() -> None:
    book = [(PALANTIR, 500, 5), (PALANTIR, 700, 7), (PALANTIR, 900, 9, "Put"), (PALANTIR, 80, 100, "", "PRN")]
    told = tables_of([filing(1, 1, book), filing(2, 2, [(PALANTIR, 400, 4)])])
    filings, holdings = rows_of(zip_of(told, folder="13F/"))
    assert holdings.select("cusip", "put_call", "share_type", "value", "amount", "lots_count").rows() == [
        (PALANTIR, "none", "principal", 80.0, 100.0, 1),
        (PALANTIR, "none", "shares", 1200.0, 12.0, 2),
        (PALANTIR, "put", "shares", 900.0, 9.0, 1),
    ]
    kept = filings.select("cik", "file_date", "report_date", "entries_stated_count", "entries_count", "is_amendment")
    assert kept.rows() == [("0000000001", date(2025, 8, 14), date(2025, 6, 30), 4, 4, False)]
    assert holdings["stated_at"].null_count() == 3, "known by the table's rule: 22:00 on the day of filing"
    assert not any("Elm Street" in str(row) or "555" in str(row) for row in (*filings.rows(), *holdings.rows()))


def test_the_usual_price_is_that_of_most_rows_whoever_files_them() -> None:
    """One share as six managers filed it for 2025-06-30: three agree, one is in thousands, two are wrong."""
    rows = [(67206, 493), (238833, 1752), (5390, 39538), (177310, 7000), (171678, 4615), (774298, 5680)]
    told = tables_of(filing(at, at, [(PALANTIR, *row)]) for at, row in enumerate(rows, start=1))
    _, holdings = rows_of(told, 3)
    assert holdings.select("value", "amount", "usual_price_rows_count").rows() == [(5390.0, 39538.0, 3)]
    assert holdings["usual_price"][0] == pytest.approx(136.32, abs=0.001)
    few = tables_of(filing(at, at, [(PALANTIR, *row)]) for at, row in enumerate(rows[:3], start=1))
    assert rows_of(few, 3)[1]["usual_price"].to_list() == [None], "two rows are not enough"


def test_thousands_of_before_2023_imply_the_same_price() -> None:
    told = {"filed": "14-NOV-2022", "period": "30-SEP-2022"}
    filings = [filing(at, at, [(PALANTIR, 10, 100)], **told) for at in (1, 2, 3)]
    _, holdings = rows_of(tables_of(filings), 1, file="2022q4_form13f.zip")
    assert holdings["usual_price"][0] == pytest.approx(100.0)


def test_amendments_say_what_they_do_and_notices_have_no_positions() -> None:
    told = [
        filing(8343, 1, [(PALANTIR, 500, 5)]),
        filing(8361, 1, [(PALANTIR, 40, 4)], form="13F-HR/A", amendment=("Y", "NEW HOLDINGS"), period="31-MAR-2025"),
        filing(8370, 1, [(PALANTIR, 60, 6)], form="13F-HR/A", amendment=("Y", "RESTATEMENT")),
        filing(8371, 1, [(PALANTIR, 60, 6)], form="13F-HR/A", amendment=("", "")),
        filing(8372, 2, form="13F-NT", amendment=("N", "")),
    ]
    filings, holdings = rows_of(tables_of(told), 1, 2)
    assert filings.select("accession_number", "form", "is_amendment", "amendment_type").rows() == [
        (accession(8343), "13F-HR", False, None),
        (accession(8361), "13F-HR/A", True, "new_holdings"),
        (accession(8370), "13F-HR/A", True, "restatement"),
        (accession(8371), "13F-HR/A", True, None),
        (accession(8372), "13F-NT", False, None),
    ]
    assert filings["report_date"].to_list()[1] == date(2025, 3, 31)
    assert set(holdings["accession_number"]) == {accession(number) for number in (8343, 8361, 8370, 8371)}


GOOD = tables_of([filing(1, 1, [(PALANTIR, 500, 5)])])


def swapped(table: str, old: str, new: str) -> dict[str, str]:
    assert old in GOOD[table]
    return {**GOOD, table: GOOD[table].replace(old, new)}


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({k: v for k, v in GOOD.items() if k != "INFOTABLE.tsv"}, "one table INFOTABLE.tsv in the zip, got none"),
        (swapped("INFOTABLE.tsv", "SSHPRNAMTTYPE", "UNIT"), "INFOTABLE.tsv with the columns ACCESSION_NUMBER"),
        (swapped("INFOTABLE.tsv", "\tFIGI", "\tVALUE"), "expected each column once, got 'VALUE' twice"),
        (swapped("INFOTABLE.tsv", "\t500\t", "\tmany\t"), "expected numbers in column VALUE, got 'many'"),
        (swapped("INFOTABLE.tsv", "\t500\t", "\t\t"), "expected numbers in column VALUE, got ''"),
        (swapped("INFOTABLE.tsv", "\t500\t", "\t-500\t"), "expected a VALUE of zero or more, got '-500.0'"),
        (swapped("INFOTABLE.tsv", "\tSH\t", "\tPIECES\t"), "expected SH or PRN as SSHPRNAMTTYPE"),
        (swapped("INFOTABLE.tsv", "\tSH\t\t", "\tSH\tSwap\t"), "expected Put, Call or nothing as PUTCALL"),
        (swapped("INFOTABLE.tsv", "\tSOLE\t\t0\t0\t0\n", "\tSOLE\n"), "a line of INFOTABLE.tsv with all its cells"),
        (swapped("INFOTABLE.tsv", "\t0\t0\t0\n", "\t0\t0\t0"), "a last line of INFOTABLE.tsv with its end, got"),
        (swapped("INFOTABLE.tsv", accession(1), accession(9)), f"1 positions of {accession(1)} in INFO"),
        ({**GOOD, "INFOTABLE.tsv": HEADERS["INFOTABLE.tsv"].replace(" ", "\t") + "\n"}, "at least one position"),
        ({**GOOD, "SUBMISSION.tsv": HEADERS["SUBMISSION.tsv"].replace(" ", "\t") + "\n"}, "at least one filing"),
        (swapped("SUBMISSION.tsv", "14-AUG-2025", "2025-08-14"), "expected dates like %d-%b-%Y in column FILING_DATE"),
        (swapped("SUBMISSION.tsv", "14-AUG-2025\t13F-HR", "14-AUG-2024\t13F-HR"), "a FILING_DATE after its PER"),
        (swapped("SUBMISSION.tsv", "14-AUG-2025\t13F-HR", "14-DEC-2025\t13F-HR"), "filings of 2025-06-01 to"),
        (swapped("SUBMISSION.tsv", "13F-HR", "10-K"), "expected a form 13F as SUBMISSIONTYPE"),
        ({**GOOD, "SUBMISSION.tsv": GOOD["SUBMISSION.tsv"] + f"{accession(1)}\t14-AUG-2025\t13F-HR\t2\t30-JUN-2025\n"},
         f"expected one line of SUBMISSION.tsv for {accession(1)}, got two that differ"),
        (swapped("COVERPAGE.tsv", accession(1), accession(2)), f"expected a line of COVERPAGE.tsv for {accession(1)}"),
        (swapped("COVERPAGE.tsv", "\t\t\t\tElm", "\tX\t\t\tElm"), "expected Y, N or nothing as ISAMENDMENT"),
        (swapped("COVERPAGE.tsv", "\t\t\t\tElm", "\tY\t1\tREVISED\tElm"), "expected RESTATEMENT or NEW HOLDINGS"),
        (swapped("SUMMARYPAGE.tsv", "\t1\t0\tN", "\tone\t0\tN"), "expected numbers in column TABLEENTRYTOTAL"),
    ],
)  # fmt: skip
def test_a_data_set_that_is_not_as_agreed_is_named(tables: dict[str, str], message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        rows_of(tables)
    assert str(caught.value).startswith(f"sec_13f: {FILE}: expected ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "got an empty body"),
        (b"<!DOCTYPE html><title>SEC.gov</title>", "got an HTML page"),
        (zip_of(GOOD)[:-40], "a zip that cannot be unpacked"),
        (b"PK\x03\x04 and no more", "a zip that cannot be unpacked"),
    ],
)
def test_what_is_no_zip_is_named(body: bytes, message: str) -> None:
    with pytest.raises(SourceChanged, match=message):
        rows_of(body)


def test_what_other_managers_write_is_not_held_to_anything() -> None:
    other = filing(2, 2, [(PALANTIR, "none", "few")])
    other["COVERPAGE.tsv"] = [f"{accession(2)}\tnot\tas\tagreed", "a note\tover\ttwo lines"]
    _, holdings = rows_of(tables_of([filing(1, 1, [(PALANTIR, 500, 5)]), other]))
    assert holdings["value"].to_list() == [500.0]


# ---- asking --------------------------------------------------------------------------------------------------------


class Archived(FakeHttp):
    """Remembers for which managers each data set was asked."""

    managers: str = ""

    def latest(self, source: str, name: str) -> Payload | None:
        return payload_of(source, b"", name=name, meta={"managers": self.managers}) if self.managers else None


def asked(http: FakeHttp, tmp_path: Path, held: set[date] | None = None, **settings: object):
    given = {"contact": CONTACT, "home": tmp_path, "sec_holdings_data_sets": 2, **settings}
    context = context_of("sec", http, [], now=NOON, **given)
    return list(sec_13f.fetch(replace(context, held={} if held is None else {"": frozenset(held)})))


def test_links_are_followed_whatever_the_files_are_called() -> None:
    found = sec_13f.linked(payload_of("sec_13f", PAGE, name="page"))
    assert [(one.first, one.last) for one in found] == [
        (date(2026, 6, 1), date(2026, 8, 31)),
        (date(2026, 3, 1), date(2026, 5, 31)),
        (date(2023, 10, 1), date(2023, 12, 31)),
    ]
    assert found[0].url == NEWEST


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("", "expected a page with links to ..._form13f.zip, got an empty body"),
        ("<html>none</html>", "expected links to ..._form13f.zip, got a page without any"),
        (f'<a href="{NEW}/latest_form13f.zip">', "expected a name like 2023q4_form13f.zip"),
        (f'<a href="{NEW}/31aug2026-01jun2026_form13f.zip">', "expected a name like 2023q4_form13f.zip"),
        (f'<a href="{NEW}/99abc2026-01jun2026_form13f.zip">', "expected a name like 2023q4_form13f.zip"),
        ('<a href="https://elsewhere.example/2023q4_form13f.zip">', "expected links to data sets below"),
    ],
)
def test_a_page_that_is_not_as_agreed_is_named(page: str, message: str) -> None:
    with pytest.raises(SourceChanged, match=r"sec_13f: page: ") as caught:
        sec_13f.linked(payload_of("sec_13f", page, name="page"))
    assert message in str(caught.value)


def test_the_newest_data_sets_are_asked_for_once_and_again_for_a_new_manager(tmp_path: Path) -> None:
    http = Archived({sec_13f.PAGE_URL: PAGE, "https://www.sec.gov/files/": "zip"})
    first = asked(http, tmp_path, held=set())
    assert [item.name for item in first[1:]] == ["01jun2026-31aug2026_form13f.zip", "01mar2026-31may2026_form13f.zip"]
    assert {headers["User-Agent"] for headers in http.headers} == {f"tidegauge/0.1 {CONTACT}"}
    assert first[1].meta["managers"].split(",") == [*managers_of(Home(tmp_path))]
    http.managers = first[1].meta["managers"]
    held = {date(2026, 8, 31), date(2026, 5, 31)}
    assert [item.name for item in asked(http, tmp_path, held=held)] == ["page of the data sets"]
    users = tmp_path / "user_files" / "sec" / "managers_13f.csv"
    users.parent.mkdir(parents=True)
    users.write_text("cik,name\n1067983,Berkshire\n\n0000000007,Elm\n", encoding="utf-8")
    again = asked(http, tmp_path, held=held)
    assert [item.meta["managers"] for item in again[1:]] == ["0000000007,0001067983"] * 2
    assert len(asked(http, tmp_path, held=None)) == 2, "a look: the page and the newest data set"


def test_nothing_is_asked_without_a_contact(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="TIDEGAUGE_CONTACT"):
        asked(FakeHttp({}), tmp_path, held=set(), contact=None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"name\nElm\n", "expected a header cik,name, got 'name'"),
        (b"", "expected a header cik,name, got ''"),
        (b"cik,name\nElm,1\n", "expected a CIK of up to ten digits in line 2, got 'Elm'"),
        (b"cik\n", "expected 1 to 1000 managers, got 0"),
        (b"cik\n\xff\n", "got bytes that are not UTF-8"),
    ],
)
def test_a_list_of_managers_that_cannot_be_used_is_named(tmp_path: Path, text: bytes, message: str) -> None:
    users = tmp_path / "user_files" / "sec" / "managers_13f.csv"
    users.parent.mkdir(parents=True)
    users.write_bytes(text)
    with pytest.raises(SourceChanged) as caught:
        managers_of(Home(tmp_path))
    assert str(caught.value).startswith("sec_13f: user_files/sec/managers_13f.csv: expected ")
    assert message in str(caught.value)


def test_the_catalogs_managers_are_read_and_a_wrong_entry_is_named(tmp_path: Path) -> None:
    assert {"0001067983", "0001037389", "0001350694"} <= {one.cik for one in default_managers()}
    path = tmp_path / "managers_13f.yml"
    path.write_text("managers: [{cik: '12', name: Elm}]", encoding="utf-8")
    with pytest.raises(ConfigError, match="entry 1"):
        default_managers(path)
    path.write_text("managers: none", encoding="utf-8")
    with pytest.raises(ConfigError, match="expected the section managers"):
        default_managers(path)


# ---- the stand-in, and size ----------------------------------------------------------------------------------------


def test_the_stand_in_serves_what_the_connector_reads() -> None:
    view = View(market(), new_york("2026-02-06 12:00"))
    headers = {"user-agent": CONTACT}

    def get(path: str):
        return render(view, Request("www.sec.gov", path, "", headers))

    page = get("/data-research/sec-markets-data/form-13f-data-sets")
    found = sec_13f.linked(payload_of("sec_13f", page.body, name="page"))
    assert (found[0].last, len(found)) == (date(2025, 11, 30), 8)
    managers = [int(one.cik) for one in default_managers()]
    answer = get(found[0].url.removeprefix("https://www.sec.gov"))
    filings, holdings = rows_of(answer.body, *managers, file=found[0].name)
    assert filings["report_date"].unique().to_list() == [date(2025, 9, 30)]
    assert {"restatement", "new_holdings"} <= set(filings["amendment_type"].drop_nulls())
    assert holdings.height > 100
    assert holdings["usual_price"].null_count() < holdings.height / 4


@pytest.mark.slow
def test_a_data_set_of_full_size_is_read_in_little_memory(tmp_path: Path) -> None:
    """350 MB of positions unpacked: the reading may take 300 MB beyond the zip itself."""
    path, lines = tmp_path / FILE, 430
    told = tables_of(filing(number, number, [], stated=lines) for number in range(1, 8001))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name in ("SUBMISSION.tsv", "COVERPAGE.tsv", "SUMMARYPAGE.tsv"):
            packed.writestr(name, told[name])
        with packed.open("INFOTABLE.tsv", "w") as table:
            table.write(told["INFOTABLE.tsv"].encode())
            for number in range(1, 8001):
                rows = (
                    f"{accession(number)}\t{at}\tHARBOUR MILLS INCORPORATED\tCOM\t{at * 37 + number % 60:09}\t\t"
                    f"{(50 + at) * (number + 1)}\t{number + 1}\tSH\t\tSOLE\t0\t{number}\t0\t0\n"
                    for at in range(lines)
                )
                table.write("".join(rows).encode())
        assert packed.getinfo("INFOTABLE.tsv").file_size > 300e6
    payload = data_set(path.read_bytes(), *range(1, 15))
    unit = 1024 if sys.platform == "linux" else 1
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    found = sec_13f.parse(payload)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before
    assert found[sec_13f.HOLDINGS].height == 14 * lines
    assert grown < 300e6
