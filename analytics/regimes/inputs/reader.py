"""The inputs of one session's rules, as known at one cut-off: values, changes and windows, each with its own date.

Everything comes from a `Replay` that stands at the cut-off, and from the rows of breadth and flows that were settled by
then. Nothing is computed ahead: the older values inside a window are those known at the same cut-off.

Decisions, the same for every input:
- Rows of days that are no NYSE sessions are dropped before sessions are counted (weekend month-ends of ICE, holidays).
- A change over n sessions ends at the newest session with a value of its own, which need not be the row's. It begins
  with the newest value at or before the session n back, at most BASE_DAYS calendar days older than that session (a bond
  holiday). The marts have the same definition (the macro `base_before`): as of the cut-off both give one number.
- The carry of a session takes the last yield of each leg; of its own is a carry of which both yields are of that day.
- A percentile ranks among the last so many values, which must lie within the sessions of which they are 95 %.
- Of breadth the greatest period counts, our own count before the published series where both have it.
- A period on which publishers differ (marts.disagreements) has no value: an observation without one, so `unknown` at
  once and no older value in its stead, as long as it is the newest.
- A derived input is as old as the oldest of its newest parts, and became known with the last of them.
- A row of breadth that lacks coverage is an observation (unknown); funds report one issuer after another, so a row of
  flows that lacks coverage is none: the last covered one counts until it is stale.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final

from analytics.regimes.inputs.liquidity import funding, net_liquidity
from analytics.regimes.inputs.markets import carry, credit, options_sentiment, rates_volatility, volatility
from analytics.regimes.inputs.moment import Moment
from analytics.regimes.inputs.monthly import labor, leverage
from analytics.regimes.inputs.panel import Panel
from analytics.regimes.inputs.settled import breadth, etf_flows
from analytics.regimes.knowledge import Replay
from analytics.regimes.types import INPUT_NAMES, DayInputs, FundingDay, InputValue, Memory

SERIES: Final = (
    "fed_total_assets",
    "tga_wednesday",
    "on_rrp",
    "primary_credit",
    "bank_term_funding",
    "sofr",
    "sofr_99th_percentile",
    "iorb",
    "ioer",
    "ted_spread",
    "move",
    "us_10y_yield",
    "us_2y_yield",
    "jgb_2y_yield",
    "usdjpy",
    "hy_oas",
    "baa_10y_spread",
    "vix_close",
    "vix3m_close",
    "vvix_close",
    "put_call_total_ratio",
    "margin_debt",
    "sahm_realtime",
    "unrate",
    "sp500_above_200dma_published",
)
"""The series that rules read."""


@dataclass
class InputReader:
    """Reads the inputs of session after session for one kind of cut-off.

    It remembers the newest period that a row had of each input: a value whose period an earlier row saw is not new.
    `seen` is JSON-able, so that tomorrow's run goes on from the ledger.
    """

    replay: Replay
    panel: Panel
    _seen: dict[str, date] = field(default_factory=dict)

    @property
    def seen(self) -> Memory:
        """Return the newest period of each input that a row had."""
        return {name: day.isoformat() for name, day in self._seen.items()}

    def resume(self, seen: Memory) -> None:
        """Go on after a row that had seen this much."""
        self._seen = {name: date.fromisoformat(text) for name, text in seen.items()}

    def read(self, position: int, cutoff: datetime) -> DayInputs:
        """Return the inputs of the session at `position`; the replay must stand at `cutoff` (naive UTC)."""
        day = self.replay.spine.dates[position]
        at = Moment(self.replay, position, day, cutoff)
        inputs = DayInputs(
            session_date=day,
            cutoff_at=cutoff,
            net_liquidity=net_liquidity(at),
            funding=funding(at),
            rates_volatility=rates_volatility(at),
            carry=carry(at),
            credit=credit(at),
            volatility=volatility(at),
            options_sentiment=options_sentiment(at),
            breadth=breadth(at, self.panel.breadth),
            etf_flows=etf_flows(at, self.panel.flows),
            leverage=leverage(at),
            labor=labor(at),
        )
        return self._marked(inputs)

    def _marked(self, inputs: DayInputs) -> DayInputs:
        """Mark what no earlier row had, and remember it."""
        groups: dict[str, Any] = {}
        for dimension, names in _SEEN_NAMES.items():
            group = getattr(inputs, dimension)
            changes: dict[str, Any] = {}
            for name, attribute in names:
                found: InputValue = getattr(group, attribute)
                if found.value is None:
                    if name in self._seen:
                        changes[attribute] = _last_used(found, self._seen[name])
                elif self._is_new(name, found.obs_date):
                    changes[attribute] = _as_new(found)
            if dimension == "funding" and group.days:
                changes["days"] = self._marked_days(group.days)
            groups[dimension] = replace(group, **changes) if changes else group
        return replace(inputs, **groups)

    def _is_new(self, name: str, period: date | None) -> bool:
        if period is None or period <= self._seen.get(name, date.min):
            return False
        self._seen[name] = period
        return True

    def _marked_days(self, days: tuple[FundingDay, ...]) -> tuple[FundingDay, ...]:
        before = self._seen.get("funding.days", date.min)
        self._seen["funding.days"] = max(before, days[-1].obs_date)
        return tuple(replace(entry, is_new=True) if entry.obs_date > before else entry for entry in days)


def _as_new(value: InputValue) -> InputValue:
    return InputValue(value.value, value.obs_date, value.known_at, True, value.reason, value.known_basis)


def _last_used(missing: InputValue, period: date) -> InputValue:
    return InputValue(None, missing.obs_date, missing.known_at, False, missing.reason, missing.known_basis, period)


_SEEN_NAMES: Final = {
    dimension: tuple((f"{dimension}.{name}", name) for name in names) for dimension, names in INPUT_NAMES.items()
}
