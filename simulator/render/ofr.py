"""www.financialresearch.gov: the OFR Financial Stress Index and its parts."""

from __future__ import annotations

from typing import Final

from simulator.render.view import Request, Response, View, not_found

_PATH = "/financial-stress-index/data/fsi.csv"
_CATEGORIES = {"Credit": 0.3, "Equity valuation": 0.15, "Safe assets": 0.1, "Funding": 0.15, "Volatility": 0.3}
_REGIONS = {"United States": 0.55, "Other advanced economies": 0.3, "Emerging markets": 0.15}


def render(view: View, request: Request) -> Response:
    """Return the whole CSV: the index is the sum of its five categories, and of its three regions."""
    if request.path != _PATH or not view.market.has("ofr_fsi", "ofr"):
        return not_found()
    lines = ["Date,OFR FSI," + ",".join([*_CATEGORIES, *_REGIONS])]
    for day, value in view.values("ofr_fsi", "ofr").iter_rows():
        shares = [f"{value * share:.3f}" for share in (*_CATEGORIES.values(), *_REGIONS.values())]
        lines.append(f"{day.isoformat()},{value:.3f}," + ",".join(shares))
    return Response(("\n".join(lines) + "\n").encode(), "text/csv")


HOSTS: Final = {"www.financialresearch.gov": render}
