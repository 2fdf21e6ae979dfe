"""funds.yml: what holds for the list, and what a broken one says."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from ingest.catalog.funds import FundCategory, funds_of, load_funds
from ingest.errors import ConfigError


def test_every_category_has_a_fund() -> None:
    assert {fund.category for fund in load_funds()} == set(get_args(FundCategory))


def test_every_category_can_be_fed_by_an_issuer() -> None:
    fed = {fund.category for fund in load_funds() if fund.source != "user_file"}
    assert fed == set(get_args(FundCategory))


def test_leverage_is_signed_and_says_which_funds_are_inverse() -> None:
    by_ticker = {fund.ticker: fund for fund in load_funds()}
    assert (by_ticker["SQQQ"].leverage, by_ticker["SQQQ"].is_inverse) == (-3, True)
    assert (by_ticker["TQQQ"].leverage, by_ticker["TQQQ"].is_inverse) == (3, False)
    assert (by_ticker["SPY"].leverage, by_ticker["SPY"].is_inverse) == (1, False)


def test_the_portfolio_ids_are_those_of_the_design_document() -> None:
    known = {
        "IVV": "239726", "IWM": "239710", "TLT": "239454", "IEF": "239456", "SHY": "239452", "EEM": "239637",
        "EFA": "239623", "IWB": "239707", "SOXX": "239705", "IBIT": "333011",
    }  # fmt: skip
    ours = {fund.ticker: fund.provider_code for fund in funds_of("ishares")}
    assert {ticker: ours[ticker] for ticker in known} == known


def test_user_files_can_feed_every_fund_and_issuers_only_their_own() -> None:
    assert funds_of("user_file") == load_funds()
    assert {fund.issuer for fund in funds_of("proshares")} == {"ProShares"}
    assert all(fund.provider_code for source in ("ssga", "ishares", "proshares") for fund in funds_of(source))


HEAD = "issuers:\n  SSGA:\n    source: ssga\n    funds:\n"
SPY = "      - {ticker: SPY, code: spy, category: us_equity_broad, subcategory: sp500, title: SPDR}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("issuers: [", "cannot be read as YAML"),
        ("funds: {}", "expected the section issuers"),
        ("issuers: {SSGA: {source: ssga}}", "issuer SSGA: expected source and a list of funds"),
        (HEAD + SPY + SPY, "fund SPY: ticker: stands twice"),
        (HEAD + SPY + SPY.replace("SPY,", "XLK,"), "fund XLK: code: ('ssga', 'spy') is another fund's already"),
        (HEAD + SPY.replace("us_equity_broad", "stocks"), "fund SPY: category: Input should be 'us_equity_broad', "),
        (HEAD + SPY.replace("code: spy, ", ""), "a fund has a code exactly when an issuer's files feed it"),
        (HEAD + SPY.replace("sp500,", "sp500, leverage: 3,"), "category us_equity_broad does not go with leverage 3"),
        (
            HEAD + SPY.replace("us_equity_broad", "inverse"),
            "fund SPY: entry: Value error, category inverse does not go with leverage 1",
        ),
        (HEAD + SPY.replace("sp500,", "sp500, benchmark: QQQ,"), "fund SPY: benchmark: no fund QQQ"),
        (HEAD + SPY.replace("sp500,", "sp500, lag: 2,"), "fund SPY: lag: Input should be 0 or 1"),
        (
            HEAD + SPY.replace("sp500,", "sp500, active_from: 2020-01-02, active_to: 2019-01-02,"),
            "active_from 2020-01-02 is after active_to 2019-01-02",
        ),
    ],
)
def test_refuses(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "funds.yml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_funds(file)
    assert str(caught.value).startswith("funds funds.yml: ")
    assert message in str(caught.value)
