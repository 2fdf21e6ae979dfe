"""Doctor on the panels: desks without an answer, funds without data, a NAV that is another fund's."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from ingest.batch import Batch, GateResult
from ingest.catalog import load_catalog
from ingest.catalog.funds import load_funds
from ingest.errors import SourceUnavailable
from ingest.home import Home
from orchestration import cli
from tests.unit.databases import opened_build
from tests.unit.test_panel_landing import price, rows_of
from warehouse import landing
from warehouse.connection import connect
from warehouse.panel_status import panel_status

DAY = date(2026, 6, 9)
MOMENT = datetime(2026, 6, 10, 13, tzinfo=UTC)


def land(con, table_id: str, desk: str, *rows) -> None:
    frame = rows_of(table_id, MOMENT, *rows)
    source = table_id.partition(".")[0]
    batch = Batch(source, {table_id: frame}, (), (), (), MOMENT, desk)
    landing.land(con, batch, GateResult({table_id: frame}, {}, (), None), load_catalog(), "run", MOMENT)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    """Every fund has a day but GLD and IVW; the document of IVE is another fund's; ICI gave no answer."""
    monkeypatch.setenv("TIDEGAUGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TIDEGAUGE_NOW", MOMENT.isoformat())
    home = Home(tmp_path / "home").ensure()
    con = opened_build(home)
    funds = [fund for fund in load_funds() if fund.ticker not in ("QQQ", "IVW")]
    for source in ("ssga", "ishares", "proshares", "user_file"):
        days = [
            (fund.ticker, DAY, 50.0 if fund.ticker == "IVE" else 101.0, 1e6, None)
            for fund in funds
            if fund.source == source
        ]
        land(con, f"{source}.fund_days", "user_fund_days" if source == "user_file" else source, *days)
    land(con, "yahoo.prices", "yahoo_prices", *(price(fund.ticker, DAY, 100.0) for fund in funds))
    batch = Batch("ici", {}, (), (), (SourceUnavailable("ici", "ETF net issuance 2026", "HTTP 503"),), MOMENT)
    landing.land(con, batch, GateResult({}, {}, (), None), load_catalog(), "run", MOMENT)
    con.close()
    return home


def test_desks_and_funds_are_looked_at(home):
    con = connect(home)
    found = panel_status(con, MOMENT)
    con.close()
    assert found.failed == (("ici", "ici: ETF net issuance 2026: HTTP 503"),)
    assert {fund.ticker for fund in found.without_data} == {"QQQ", "IVW"}
    assert [(one.fund.ticker, one.newest_date, one.ratio) for one in found.strange] == [("IVE", DAY, -0.5)]


def test_doctor_says_so(home, capsys):
    assert cli.call(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "note  ici: no answer in the last run: ici: ETF net issuance 2026: HTTP 503" in told
    assert "note  funds: no data of IVW (code 239725)" in told
    assert "note  funds: no data of QQQ" in told
    assert "fund_days/<TICKER>.csv" in told
    assert "note  funds: IVE (code 239728): NAV -50% off the close up to 2026-06-09" in told


def test_before_the_first_run_there_is_nothing_to_say(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TIDEGAUGE_HOME", str(tmp_path / "empty"))
    assert cli.call(["doctor"]) == 0
    assert "no data of" not in capsys.readouterr().out
