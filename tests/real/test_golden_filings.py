"""Recorded lines of a 13F data set, read as they are; the proxies of the recorded history."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ingest.sources.sec import sec_13f
from tests.unit.form_13f import FILE, HEADERS, data_set, zip_of

PACK = "packs/p3_positioning"
BERKSHIRE = "0000950123-25-008343"
NEW_HOLDINGS, NOTICE, RESTATEMENT = "0000950123-25-008361", "0000950123-25-008372", "0001062993-25-014670"


def read(folder: Path):
    """Read the recorded covers and positions; who filed when is made up, as the recording lacks that table."""
    cover = (folder / PACK / "sec13f_2025q2_COVERPAGE_excerpt.tsv").read_text(encoding="utf-8")
    positions = (folder / PACK / "sec13f_2025q2_INFOTABLE_excerpt.tsv").read_text(encoding="utf-8")
    told = {line.split("\t")[0]: line for line in cover.splitlines()[1:]}
    columns = cover.splitlines()[0].split("\t")
    filers = dict.fromkeys([*told, *(line.split("\t")[0] for line in positions.splitlines()[1:])])
    lines, covers = [], [cover.rstrip("\n")]
    for at, name in enumerate(filers, start=1):
        cells = dict(zip(columns, told.get(name, "").split("\t"), strict=False))
        form = "13F-NT" if cells.get("REPORTTYPE") == "13F NOTICE" else "13F-HR"
        form += "/A" if cells.get("ISAMENDMENT") == "Y" else ""
        quarter = cells.get("REPORTCALENDARORQUARTER") or "30-JUN-2025"
        lines.append(f"{name}\t14-AUG-2025\t{form}\t{at:010}\t{quarter}")
        if name not in told:
            covers.append("\t".join((name, quarter, *[""] * (len(columns) - 2))))
    tables = {
        "SUBMISSION.tsv": "\n".join((HEADERS["SUBMISSION.tsv"].replace(" ", "\t"), *lines)) + "\n",
        "COVERPAGE.tsv": "\n".join(covers) + "\n",
        "SUMMARYPAGE.tsv": HEADERS["SUMMARYPAGE.tsv"].replace(" ", "\t") + "\n",
        "INFOTABLE.tsv": positions.rstrip("\n") + "\n",
    }
    return sec_13f.parse(data_set(zip_of(tables), *range(1, len(filers) + 1), file=FILE))


def test_one_share_as_six_managers_filed_it(real_data: Path) -> None:
    rows = read(real_data)[sec_13f.HOLDINGS].sort("amount")
    assert rows.select("value", "amount").rows() == [
        (67206, 493),
        (238833, 1752),
        (171678, 4615),
        (774298, 5680),
        (177310, 7000),
        (5390, 39538),
    ]
    prices = (rows["value"] / rows["amount"]).round(2).to_list()
    assert prices == [136.32, 136.32, 37.20, 136.32, 25.33, 0.14]
    assert set(rows["usual_price_rows_count"]) == {3}
    assert rows["usual_price"][0] == pytest.approx(136.32, abs=0.005)
    assert rows["value"][5] * 1000 / rows["amount"][5] == pytest.approx(136.32, abs=0.01)


def test_originals_additions_restatements_and_notices(real_data: Path) -> None:
    filings = {row["accession_number"]: row for row in read(real_data)[sec_13f.FILINGS].iter_rows(named=True)}
    assert (filings[BERKSHIRE]["is_amendment"], filings[BERKSHIRE]["report_date"]) == (False, date(2025, 6, 30))
    assert filings[NEW_HOLDINGS]["amendment_type"] == "new_holdings"
    assert filings[NEW_HOLDINGS]["report_date"] == date(2025, 3, 31)
    assert filings[RESTATEMENT]["amendment_type"] == "restatement"
    assert (filings[NOTICE]["form"], filings[NOTICE]["entries_count"]) == ("13F-NT", 0)


def test_weeks_that_lost_a_percent(published) -> None:
    """2025 had twelve; the week to 31 January lost 0.995 % and is the thirteenth only where that is called 1.00."""
    weeks = published.execute(
        "select session_date, round(value, 2) from marts.public_proxies_daily"
        " where proxy_id = 'sp500_down_week' and year(session_date) = 2025 order by session_date"
    ).fetchall()
    assert len(weeks) == 12
    assert (date(2025, 4, 4), -9.08) in weeks
    assert date(2025, 1, 31) not in dict(weeks)


def test_what_is_not_supplied_says_so(published) -> None:
    states = dict(published.execute("select series_id, supply_state from marts.user_indicators").fetchall())
    assert states["fms_cash_pct"] == states["cdx_ig_bp"] == "not supplied"
