"""The Board's release files: SDMX in a zip."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import date

import pytest

import ingest.sources.federal_reserve.federal_reserve as board
from ingest.batch import ROWS_SCHEMA, PartOfPayloadChanged, Window
from ingest.errors import SourceChanged, SourceUnavailable
from tests.unit.fakes import FakeHttp, cells, context_of, pairs_of, payload_of

IORB = pairs_of("federal_reserve", "PRATES/RESBM_")
H41 = pairs_of("federal_reserve", "H41/RESPPMA_")
MILLIONS = 'UNIT="Currency" UNIT_MULT="1e+06" CURRENCY="USD"'
PER_YEAR = 'UNIT="Percent:_Per_Year" UNIT_MULT="1" CURRENCY="NA"'
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def series(name: str, units: str, *observations: tuple[str, str, str]) -> str:
    shown = "".join(
        f'<frb:Obs OBS_STATUS="{status}" OBS_VALUE="{value}" TIME_PERIOD="{day}"/>'
        for day, value, status in observations
    )
    annotations = "<frb:Annotations><common:Annotation>text</common:Annotation></frb:Annotations>"
    return f'<kf:Series SERIES_NAME="{name}" FREQ="19" {units}>{annotations}{shown}</kf:Series>'


def document(*datasets: str, head: str = HEAD) -> str:
    spaces = 'xmlns:frb="urn:frb" xmlns:kf="urn:kf" xmlns:common="urn:c" xmlns:message="urn:m"'
    shown = "".join(f'<frb:DataSet id="d{n}">{dataset}</frb:DataSet>' for n, dataset in enumerate(datasets))
    return f"{head}<message:MessageGroup {spaces}>{shown}</message:MessageGroup>"


def zipped(xml: str | bytes, name: str = "H41_data.xml", **others: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("H41_struct.xml", "<x/>")
        packed.writestr(name, xml)
        for other, body in others.items():
            packed.writestr(other, body)
    return buffer.getvalue()


def payload(body: bytes, release: str = "H41", pairs=H41):
    meta = {"release": release, "series": ",".join(one.id for one, _ in pairs), "held": ""}
    return payload_of("federal_reserve", body, name=release, meta=meta)


def parse(xml: str, pairs=H41, release: str = "H41"):
    return board.parse(payload(zipped(xml, f"{release}_data.xml"), release, pairs), pairs)


def test_reads_normal_observations_of_the_series_asked_for() -> None:
    other = series("RESPPMA_F01_N.WW", MILLIONS, ("2026-11-11", "5", "A"))
    rows = parse(
        document(other + series("RESPPMA_N.WW", MILLIONS, ("2026-11-11", "6572843", "A"), ("2026-11-18", "0", "A")))
    )
    assert cells(rows, "fed_total_assets") == {date(2026, 11, 11): 6572843.0, date(2026, 11, 18): 0.0}
    assert dict(rows.schema) == dict(ROWS_SCHEMA)
    assert rows["unit"].unique().to_list() == ["Currency USD x 1000000"]
    assert rows["code"].unique().to_list() == ["H41/RESPPMA_N.WW"]
    assert board.windows(payload(b""), rows) == [Window("fed_total_assets", None)]


@pytest.mark.parametrize(("sentinel", "status"), [("-9999", "ND"), ("-999999", "NA"), ("-9999", "NC")])
def test_no_data_is_left_out_with_its_sentinel(sentinel: str, status: str) -> None:
    xml = document(series("RESPPMA_N.WW", MILLIONS, ("2026-11-04", "1", "A"), ("2026-11-11", sentinel, status)))
    assert cells(parse(xml), "fed_total_assets") == {date(2026, 11, 4): 1.0}


def test_a_multiplier_in_scientific_notation_is_the_same_unit() -> None:
    plain = MILLIONS.replace("1e+06", "1000000")
    for units in (MILLIONS, plain):
        assert (
            parse(document(series("RESPPMA_N.WW", units, ("2026-11-11", "7", "A"))))["unit"][0]
            == "Currency USD x 1000000"
        )


def test_a_series_in_two_datasets_is_one_when_they_agree() -> None:
    one = series("RESPPMA_N.WW", MILLIONS, ("2026-11-04", "1", "A"), ("2026-11-11", "2", "A"))
    two = series("RESPPMA_N.WW", MILLIONS, ("2026-11-11", "2", "A"), ("2026-11-18", "3", "A"))
    assert list(cells(parse(document(one, two)), "fed_total_assets").values()) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            series("RESPPMA_N.WW", MILLIONS.replace("1e+06", "1e+09"), ("2026-11-11", "6572", "A")),
            "expected unit 'Currency USD x 1000000' of H41/RESPPMA_N.WW (fed_total_assets), "
            "got 'Currency USD x 1000000000'",
        ),
        (
            series("RESPPMA_N.WW", MILLIONS.replace("USD", "EUR"), ("2026-11-11", "6572", "A")),
            "got 'Currency EUR x 1000000'",
        ),
        (
            series("RESPPMA_N.WW", 'UNIT="Index:_2022_100"', ("2026-11-11", "1", "A")),
            "got 'Index:_2022_100 none x none'",
        ),
        (
            series("RESPPMA_N.WW", MILLIONS, ("2026-11-11", "1", "A"), ("2026-11-11", "2", "A")),
            "expected one value of RESPPMA_N.WW on 2026-11-11, got 1 in one DataSet and 2 in another",
        ),
        (series("RESPPMA_N.WW", MILLIONS, ("2026-11-11", "-9999", "A")), "expected a value of RESPPMA_N.WW on"),
        (series("RESPPMA_N.WW", MILLIONS, ("2026-11-11", "NaN", "A")), "got 'NaN'"),
        (series("RESPPMA_N.WW", MILLIONS, ("2026-11-11", "1", "E")), "expected OBS_STATUS A, NC, NA or ND of"),
        (series("RESPPMA_N.WW", MILLIONS, ("2026-11-11", "1", "ND")), "got a series without one"),
        (series("RESPPMA_N.WW", MILLIONS, ("11/11/2026", "1", "A")), "expected dates like 2026-01-31"),
        (
            series("OTHER.WW", MILLIONS, ("2026-11-11", "1", "A")),
            "expected series H41/RESPPMA_N.WW (fed_total_assets), got a file without it",
        ),
    ],
)  # fmt: skip
def test_what_breaks_one_series_is_named(content: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(document(content))
    assert str(caught.value).startswith("federal_reserve: H41: expected ")
    assert message in str(caught.value)


def test_a_missing_series_is_a_problem_and_the_others_come() -> None:
    pairs = pairs_of("federal_reserve", "H41/")
    xml = document(series("RESPPMA_N.WW", MILLIONS, ("2026-11-11", "1", "A")))
    with pytest.raises(PartOfPayloadChanged) as caught:
        parse(xml, pairs)
    assert caught.value.rows["series_id"].to_list() == ["fed_total_assets"]
    assert {problem.expected for problem in caught.value.problems} == {
        f"series {provider.code} ({one.id})" for one, provider in pairs if one.id != "fed_total_assets"
    }
    assert caught.value.groups == {one.id for one, _ in pairs} - {"fed_total_assets"}


def test_a_discontinued_series_may_leave_the_file() -> None:
    pairs = pairs_of("federal_reserve", "PRATES/")
    rows = parse(document(series("RESBM_N.D", PER_YEAR, ("2026-11-11", "3.65", "A"))), pairs, "PRATES")
    assert cells(rows, "iorb") == {date(2026, 11, 11): 3.65}
    assert "ioer" not in rows["series_id"].to_list()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "expected a zip with H41_data.xml, got an empty body"),
        (b"<html><body>The Data Download Program has been retired", "got an HTML page"),
        (b"Retired", "expected a zip with H41_data.xml, got 'Retired'"),
        (zipped("<x/>", "H15_data.xml"), "got one with H41_struct.xml, H15_data.xml"),
        (zipped("<x/>")[:-30], "expected a zip with H41_data.xml"),
        (zipped(document("<a>")), "expected well-formed XML in H41_data.xml"),
        (zipped(document(head='<!DOCTYPE x [<!ENTITY a "aaaa">]>')), "expected XML without DOCTYPE and entities"),
        (zipped("<x/>", **{"../../etc/passwd": "x"}), "one that leads out of it: '../../etc/passwd'"),
        (zipped("<x/>", **{"/etc/passwd": "x"}), "one that leads out of it"),
        (zipped("<x/>", **{"..\\x": "x"}), "one that leads out of it"),
    ],
)
def test_what_is_no_release_file_is_named(body: bytes, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        board.parse(payload(body), H41)
    assert message in str(caught.value)


@pytest.mark.parametrize("lies", [False, True], ids=["said in the directory", "found while reading"])
def test_a_zip_bomb_is_cut(monkeypatch, lies: bool) -> None:
    body = zipped(document(" " * 100_000))
    monkeypatch.setattr(board, "MAX_XML_BYTES", 10_000)
    if lies:
        monkeypatch.setattr(board, "_member", lambda payload, packed, release: packed.getinfo("H41_data.xml"))
    with pytest.raises(SourceChanged, match="expected at most 10000 bytes of XML"):
        board.parse(payload(body), H41)


# ---- asking --------------------------------------------------------------------------------------------------------


class BoardHttp(FakeHttp):
    """Has an archived answer, and knows what the Board would say to its ETag."""

    def __init__(self, answers, newest=None) -> None:
        super().__init__(answers)
        self.newest = newest

    def latest(self, source, name):
        return self.newest


def test_each_release_is_asked_once_at_its_own_address() -> None:
    http = FakeHttp(dict.fromkeys(board.URLS.values(), b"zip"))
    list(board.fetch(context_of("federal_reserve", http, pairs_of("federal_reserve"))))
    assert http.asked == [
        "https://www.federalreserve.gov/releases/h41/data/FRB_h41_xml.zip",
        "https://www.federalreserve.gov/releases/h15/data/FRB_h15_xml.zip",
        "https://www.federalreserve.gov/releases/prates/data/FRB_PRATES_xml.zip",
        "https://www.federalreserve.gov/releases/g19/data/FRB_g19_xml.zip",
        "https://www.federalreserve.gov/econres/notes/feds-notes/ebp_csv.csv",
    ]
    assert http.headers == [{}, {}, {}, {}, {}]


@pytest.mark.parametrize("has_landed", [True, False])
def test_if_changed_is_asked_only_where_the_rows_have_landed(has_landed: bool) -> None:
    newest = payload_of("federal_reserve", b"", name="H41", headers={"etag": '"abc"'})
    http = BoardHttp(dict.fromkeys(board.URLS.values(), b"zip"), newest)
    context = context_of("federal_reserve", http, H41)
    list(board.fetch(replace(context, landed=frozenset({newest.sha256} if has_landed else ()))))
    assert http.headers == ([{"If-None-Match": '"abc"'}] if has_landed else [{}])


def test_a_304_brings_no_rows_and_says_that_nothing_newer_was_there() -> None:
    meta = {"release": "H41", "series": "fed_total_assets", "held": "fed_total_assets=2026-11-11"}
    unchanged = payload_of("federal_reserve", b"", name="H41", status=304, meta=meta)
    rows = board.parse(unchanged, H41)
    assert rows.is_empty()
    assert board.windows(unchanged, rows) == [Window("fed_total_assets", date(2026, 11, 12))]


def test_a_release_that_moved_does_not_stop_the_others_and_a_silent_host_does() -> None:
    pairs = pairs_of("federal_reserve")
    moved = SourceChanged("federal_reserve", "H41", expected="HTTP 200", seen="HTTP 404")
    http = FakeHttp({**dict.fromkeys(board.URLS.values(), b"zip"), board.URLS["H41"]: moved})
    items = list(board.fetch(context_of("federal_reserve", http, pairs)))
    assert items[0] is moved
    assert len(items) == len(board.URLS)
    silent = FakeHttp(dict.fromkeys(board.URLS.values(), SourceUnavailable("federal_reserve", "H41", "no answer")))
    with pytest.raises(SourceUnavailable):
        list(board.fetch(context_of("federal_reserve", silent, pairs)))
    assert len(silent.asked) == 1


# ---- consumer credit and the excess bond premium --------------------------------------------------------------------

G19 = [pair for pair in pairs_of("federal_reserve", "G19/") if pair[1].code in ("G19/DTCTLR.M", "G19/RIFSPBCICC_N.M")]
EBP = pairs_of("federal_reserve", "EBP/")
CARD_RATE = 'UNIT="Percent" UNIT_MULT="1" CURRENCY="USD"'


def test_months_are_dated_on_their_first_day_and_a_rate_that_was_not_printed_is_no_row() -> None:
    levels = series("DTCTLR.M", MILLIONS, ("2026-01-31", "1326887.25", "A"), ("2026-02-28", "1327596.44", "A"))
    rates = series("RIFSPBCICC_N.M", CARD_RATE, ("2026-01-31", "-9999", "ND"), ("2026-02-28", "21.00", "A"))
    rows = parse(document(levels + rates), G19, "G19")
    assert cells(rows, "consumer_credit_revolving") == {date(2026, 1, 1): 1326887.25, date(2026, 2, 1): 1327596.44}
    assert cells(rows, "card_rate_all_accounts") == {date(2026, 2, 1): 21.0}


@pytest.mark.parametrize(
    ("units", "said"),
    [
        (MILLIONS.replace("1e+06", "1e+09"), "Currency USD x 1000000000"),
        (MILLIONS.replace("USD", "EUR"), "Currency EUR x 1000000"),
    ],
)
def test_consumer_credit_in_another_unit_is_refused_and_the_rates_stay(units: str, said: str) -> None:
    levels = series("DTCTLR.M", units, ("2026-02-28", "1327.6", "A"))
    rates = series("RIFSPBCICC_N.M", CARD_RATE, ("2026-02-28", "21.00", "A"))
    with pytest.raises(PartOfPayloadChanged) as caught:
        parse(document(levels + rates), G19, "G19")
    assert said in " ".join(map(str, caught.value.problems))
    assert cells(caught.value.rows, "card_rate_all_accounts") == {date(2026, 2, 1): 21.0}


def premium(body: str):
    meta = {"release": "EBP", "series": "excess_bond_premium", "held": ""}
    return board.parse(payload_of("federal_reserve", body, name="EBP", meta=meta), EBP)


def test_the_premium_is_read_by_its_column_and_gaps_are_gaps() -> None:
    rows = premium("date,gz_spread,ebp,est_prob\n7/1/2026,0.84,-0.32,0.1\n8/1/2026,0.9,,0.2\n9/1/2026,NA,NA,NA\n,,,\n")
    assert cells(rows, "excess_bond_premium") == {
        date(2026, 7, 1): -0.32,
        date(2026, 8, 1): None,
        date(2026, 9, 1): None,
    }
    assert rows["unit"].unique().to_list() == ["Percentage Points"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("date,gz_spread,premium,est_prob\n7/1/2026,1,2,3\n", "date,gz_spread,ebp,est_prob"),
        ("date,gz_spread,ebp,est_prob\n2026-07-01,1,2,3\n", "dates like %m/%d/%Y"),
        ("date,gz_spread,ebp,est_prob\n1/7/2026,1,2,3\n", "dated on its first day"),  # day before month
        ("date,gz_spread,ebp,est_prob\n7/1/2026,1,2,3\n7/1/2026,1,4,3\n", "each month once"),
        ("date,gz_spread,ebp,est_prob\n7/1/2026,1,high,3\n", "numbers in column ebp"),
        ("date,gz_spread,ebp,est_prob\n7/1/2026,1,2,3", "a last line with its end"),
        ("date,gz_spread,ebp,est_prob\n", "at least one month"),
        ("<!DOCTYPE html><html></html>", "an HTML page"),
        ("", "an empty body"),
    ],
)
def test_anything_else_in_place_of_the_premium_is_named(body: str, said: str) -> None:
    with pytest.raises(SourceChanged, match="EBP") as caught:
        premium(body)
    assert said in str(caught.value)
