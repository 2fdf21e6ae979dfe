"""R8 and R9: breadth and flows, of the newest rows that were settled at the cut-off."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from analytics.regimes.inputs.moment import Moment, with_value, without
from analytics.regimes.inputs.panel import PanelRows
from analytics.regimes.thresholds import number
from analytics.regimes.types import BreadthInputs, EtfFlowsInputs, InputValue

BREADTH_LIMIT_DAYS: Final = 4
FLOWS_LIMIT_DAYS: Final = 5


def breadth(at: Moment, rows: PanelRows) -> BreadthInputs:
    """R8: the newest settled row of the S&P 500, or the series that a user filed where that has a greater period.

    A row of ours that says nothing has no period to compare: the published series stands for it while it is not stale.
    """
    place = rows.newest(at.day, at.cutoff)
    own = BreadthInputs() if place < 0 else _own_breadth(at, rows, place)
    published = at.newest("sp500_above_200dma_published")[2]
    counted = own.above_200dma_pct
    if published.value is None:
        # where neither speaks, the later of the two says since when
        is_later = counted.value is None and _period(published) > _period(counted)
        return replace(own, above_200dma_pct=published) if is_later else own
    if counted.value is not None and _period(counted) >= _period(published):
        return own
    return replace(
        own,
        above_200dma_pct=published,
        coverage_ratio=InputValue(reason="not counted"),
        is_published=with_value(published, 1.0),
    )


def _period(value: InputValue) -> date:
    return value.obs_date or date.min


def _own_breadth(at: Moment, rows: PanelRows, place: int) -> BreadthInputs:
    def cell(name: str, otherwise: str) -> InputValue:
        return _panel_value(at, rows, place, name, otherwise, BREADTH_LIMIT_DAYS)

    gap = "warm-up" if rows.columns["is_covered"][place] else "coverage"
    return BreadthInputs(
        cell("above_200dma_pct", gap),
        cell("coverage_ratio", "missing"),
        cell("is_adl_divergence", gap),
        cell("is_zweig_thrust", gap),
    )


def etf_flows(at: Moment, rows: PanelRows) -> EtfFlowsInputs:
    """R9: the newest settled and covered row of the unlevered US equity funds."""
    newest = place = rows.newest(at.day, at.cutoff)
    if place < 0:
        return EtfFlowsInputs()
    while place >= 0 and (at.day - rows.dates[place]).days <= FLOWS_LIMIT_DAYS and not _is_covered(rows, place):
        place = rows.newest(rows.dates[place] - timedelta(days=1), at.cutoff)
    if place < 0 or not _is_covered(rows, place):
        place = newest
    is_young = _has_coverage(rows, place) and rows.columns["flow_5d_usd_mn"][place] is not None
    gap = "warm-up" if is_young else "coverage"

    def cell(name: str, otherwise: str) -> InputValue:
        return _panel_value(at, rows, place, name, otherwise, FLOWS_LIMIT_DAYS)

    return EtfFlowsInputs(cell("flow_5d_zscore", gap), cell("flow_5d_usd_mn", gap), cell("coverage_ratio", "missing"))


def _is_covered(rows: PanelRows, place: int) -> bool:
    return rows.columns["flow_5d_zscore"][place] is not None and _has_coverage(rows, place)


def _has_coverage(rows: PanelRows, place: int) -> bool:
    return 100 * (rows.columns["coverage_ratio"][place] or 0.0) >= number("etf_flows", "coverage", "coverage")


def _panel_value(at: Moment, rows: PanelRows, place: int, name: str, otherwise: str, limit: int) -> InputValue:
    """Return one cell of a panel row: stale past `limit`, `otherwise` the reason of an empty one."""
    found = InputValue(rows.columns[name][place], rows.dates[place], rows.known[place])
    if (at.day - rows.dates[place]).days > limit:
        return without(found, "stale")
    return without(found, otherwise) if found.value is None else found
