"""One file per publisher: the market at a moment in the publisher's own bytes. `render` finds the right one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator.render import (
    cboe,
    federal_reserve,
    finra,
    fred_api,
    fred_graph,
    ici,
    ishares,
    japan_mof,
    nasdaq,
    nasdaq_trader,
    new_york_fed,
    ofr,
    proshares,
    sp500_membership,
    ssga,
    treasury_curve,
    treasury_statement,
    yahoo,
)
from simulator.render.view import Request, Response, View, not_found

__all__ = ["HOSTS", "Request", "Response", "View", "render"]

HOSTS: Mapping[str, Callable[[View, Request], Response]] = {
    "fred.stlouisfed.org": fred_graph.render,
    "api.stlouisfed.org": fred_api.render,
    "www.federalreserve.gov": federal_reserve.render,
    "api.fiscaldata.treasury.gov": treasury_statement.render,
    "home.treasury.gov": treasury_curve.render,
    "markets.newyorkfed.org": new_york_fed.render,
    "www.mof.go.jp": japan_mof.render,
    "cdn-api.cboe.com": cboe.render,
    "cdn.cboe.com": cboe.render,
    "query1.finance.yahoo.com": yahoo.render,
    "query2.finance.yahoo.com": yahoo.render,
    "fc.yahoo.com": yahoo.render,
    "www.financialresearch.gov": ofr.render,
    "www.finra.org": finra.render,
    "www.ssga.com": ssga.render,
    "www.blackrock.com": ishares.render,
    "www.ishares.com": ishares.render,
    "accounts.profunds.com": proshares.render,
    "www.ici.org": ici.render,
    "raw.githubusercontent.com": sp500_membership.render_files,
    "en.wikipedia.org": sp500_membership.render_list,
    "www.nasdaqtrader.com": nasdaq_trader.render,
    "api.nasdaq.com": nasdaq.render,
}


def render(view: View, request: Request) -> Response:
    """Return the publisher's answer; 404 for a host nobody here stands in for."""
    publisher = HOSTS.get(request.host)
    return publisher(view, request) if publisher else not_found()
