"""The inputs of one session's rules, as known at one cut-off: values, changes and windows, each with its own date.

Everything comes from a `Replay` that stands at the cut-off, and from the rows of breadth and flows that were settled by
then. Nothing is computed ahead: the older values inside a window are those known at the same cut-off.

Decisions that quant.md leaves open, the same for every input:
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

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from analytics.regimes.knowledge import Floats, History, Known, Replay, Spine
from analytics.regimes.thresholds import number
from analytics.regimes.types import (
    MISSING,
    BreadthInputs,
    CarryInputs,
    CreditInputs,
    DayInputs,
    EtfFlowsInputs,
    FundingDay,
    FundingInputs,
    InputValue,
    LaborInputs,
    LeverageInputs,
    Memory,
    NetLiquidityInputs,
    OptionsSentimentInputs,
    RatesVolatilityInputs,
    VolatilityInputs,
)

if TYPE_CHECKING:
    import duckdb

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

BASE_DAYS: Final = 5
BREADTH_LIMIT_DAYS: Final = 4
FLOWS_LIMIT_DAYS: Final = 5
RRP_DAYS: Final = 3
"""A Wednesday without an operation takes the last one at most so old (as net_liquidity_weekly does)."""
FUNDING_DAYS: Final = 12
FIRST_RRP: Final = date(2013, 9, 23)
IORB_FROM: Final = date(2021, 7, 29)

_VOLATILITY_SESSIONS, _VOLATILITY_STEPS = 21, 19  # a window may lack two steps
_CARRY_LEGS = ("us_2y_yield", "jgb_2y_yield")
_YEN_VALUES = 756
_PUT_CALL_VALUES = 252
_COMPLETE = 0.95  # of the sessions that a percentile's values lie in


# -- rows of the panel -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PanelRows:
    """Rows by session, in order, each with the moment from which it stood as it stands here."""

    dates: tuple[date, ...]
    settled: tuple[datetime | None, ...]
    known: tuple[datetime | None, ...]
    columns: dict[str, tuple[float | None, ...]]

    def newest(self, day: date, cutoff: datetime) -> int:
        """Return the place of the newest row up to `day` that was settled by `cutoff`; -1 when there is none."""
        for place in range(bisect_right(self.dates, day) - 1, -1, -1):
            settled = self.settled[place]
            if settled is not None and settled <= cutoff:
                return place
        return -1

    @classmethod
    def of(cls, frame: pl.DataFrame) -> PanelRows:
        """Return the rows of session_date, settled_at, known_at and any columns of numbers or booleans."""
        ordered = frame.sort("session_date")
        names = [name for name in ordered.columns if name not in ("session_date", "settled_at", "known_at")]
        return cls(
            tuple(ordered["session_date"].to_list()),
            tuple(ordered["settled_at"].to_list()),
            tuple(ordered["known_at"].to_list()),
            {name: tuple(ordered[name].cast(pl.Float64).to_list()) for name in names},
        )


@dataclass(frozen=True, slots=True)
class Panel:
    """Breadth of the S&P 500 and flows of US equity funds, as the marts hold them."""

    breadth: PanelRows
    flows: PanelRows


_PANEL_COLUMNS: Final = {
    "breadth_daily": (
        "universe = 'SPX' and reason_text is distinct from 'not yet'",  # its prices are still on their way
        "settled_at",
        ("above_200dma_pct", "coverage_ratio", "is_covered", "is_adl_divergence", "is_zweig_thrust"),
    ),
    "etf_category_flows_daily": (
        "category = 'all_us_equity' and coverage_ratio is not null",  # one row where some fund was to report
        "flow_settled_at",
        ("flow_5d_zscore", "flow_5d_usd_mn", "coverage_ratio"),
    ),
}


def read_panel(con: duckdb.DuckDBPyConnection, settled_by: datetime | None = None) -> Panel:
    """Return the panel rows of the marts; with `settled_by` (naive UTC) only those settled then."""
    found = []
    for mart, (condition, settled_at, columns) in _PANEL_COLUMNS.items():
        listed = ", ".join(("session_date", f"{settled_at} as settled_at", "known_at", *columns))
        frame = con.execute(
            f"select {listed} from marts.{mart} where {condition} and ($by is null or {settled_at} <= $by)",
            {"by": settled_by},
        ).pl()
        found.append(PanelRows.of(frame))
    return Panel(*found)


# -- one session -------------------------------------------------------------------------------------------------


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
        at = _At(self.replay, position, day, cutoff)
        inputs = DayInputs(
            session_date=day,
            cutoff_at=cutoff,
            net_liquidity=_net_liquidity(at),
            funding=_funding(at),
            rates_volatility=_rates_volatility(at),
            carry=_carry(at),
            credit=_credit(at),
            volatility=_volatility(at),
            options_sentiment=_options_sentiment(at),
            breadth=_breadth(at, self.panel.breadth),
            etf_flows=_etf_flows(at, self.panel.flows),
            leverage=_leverage(at),
            labor=_labor(at),
        )
        return self._marked(inputs)

    def _marked(self, inputs: DayInputs) -> DayInputs:
        """Mark what no earlier row had, and remember it."""
        groups: dict[str, Any] = {}
        for dimension, names in _INPUT_NAMES.items():
            group = getattr(inputs, dimension)
            found = {name: getattr(group, attribute) for name, attribute in names}
            changes: dict[str, Any] = {
                attribute: _as_new(found[name]) for name, attribute in names if self._is_new(name, found[name])
            }
            if dimension == "funding" and group.days:
                changes["days"] = self._marked_days(group.days)
            changes |= {
                attribute: _last_used(found[name], self._seen[name])
                for name, attribute in names
                if found[name].value is None and name in self._seen
            }
            groups[dimension] = replace(group, **changes) if changes else group
        return replace(inputs, **groups)

    def _is_new(self, name: str, value: InputValue) -> bool:
        period = value.obs_date
        if value.value is None or period is None or period <= self._seen.get(name, date.min):
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


_GROUPS: Final[dict[str, type]] = {
    "net_liquidity": NetLiquidityInputs,
    "funding": FundingInputs,
    "rates_volatility": RatesVolatilityInputs,
    "carry": CarryInputs,
    "credit": CreditInputs,
    "volatility": VolatilityInputs,
    "options_sentiment": OptionsSentimentInputs,
    "breadth": BreadthInputs,
    "etf_flows": EtfFlowsInputs,
    "leverage": LeverageInputs,
    "labor": LaborInputs,
}
_INPUT_NAMES: Final = {
    dimension: tuple(
        (f"{dimension}.{entry.name}", entry.name)
        for entry in fields(group)
        if entry.name not in ("nl_print_date", "days")
    )
    for dimension, group in _GROUPS.items()
}


@dataclass(frozen=True, slots=True)
class _At:
    """The moment: a replay that stands at the cut-off of a session."""

    replay: Replay
    position: int
    day: date
    cutoff: datetime

    @property
    def spine(self) -> Spine:
        return self.replay.spine

    def newest(self, series_id: str) -> tuple[History, int, InputValue]:
        """Return a series, the position of its newest session with a value (-1: none), and that value."""
        history = self.replay[series_id]
        place = history.last_session(self.position)
        disputed = history.disputed_session(self.position)
        if disputed > place:
            return history, disputed, _value(history.on_session(disputed, self.position))
        return history, place, MISSING if place < 0 else _value(history.on_session(place, self.position))

    def change(self, series_id: str, sessions: int) -> InputValue:
        """Return the change from so many sessions before the newest value to it."""
        history, place, newest = self.newest(series_id)
        if newest.value is None:
            return newest
        base = self.base(history, place - sessions)
        if base is None:
            return _without(newest, self.why(history, place - sessions))
        return _with(newest, round(newest.value - base, 6))

    def base(self, history: History, place: int) -> float | None:
        """Return the value on the session at `place`, or the last one at most BASE_DAYS older; None: there is none."""
        if place < 0:
            return None
        found = history.last_session(place)
        if found < 0 or int(self.spine.numbers[place] - self.spine.numbers[found]) > BASE_DAYS:
            return None
        return float(history.grid[found])

    def why(self, history: History, place: int) -> str:
        """Return why a window that begins at `place` is not complete: its series was not there yet, or it has a gap."""
        return "warm-up" if place < 0 or history.last_session(place) < 0 else "missing"


def _net_liquidity(at: _At) -> NetLiquidityInputs:
    """R1: the newest Wednesday whose legs are all known (LIQ-01), and its changes over 4 and 13 prints."""
    assets = at.replay["fed_total_assets"]
    newest = assets.last(at.position)
    if newest is None:
        return NetLiquidityInputs()
    # a leg that came without the others waits for them: the print before counts until it is too old
    week, level = newest.obs_date, _level(at, newest.obs_date)
    while level is None and (newest.obs_date - week).days < 14:
        week -= timedelta(days=7)
        level = _level(at, week)
    if level is None:
        missing = InputValue(obs_date=newest.obs_date, reason="stale" if newest.is_stale else "missing")
        return NetLiquidityInputs(missing, missing, None, missing)
    value, parts = level
    stamped = _derived(value, parts)
    if assets.limits is not None and assets.limits.is_stale(at.day, week, newest.provider, long_holiday=False):
        late = _without(stamped, "stale")
        return NetLiquidityInputs(late, late, None, late)
    return NetLiquidityInputs(
        nl_change_4w_ratio=_ratio_to(at, stamped, week - timedelta(weeks=4)),
        nl_change_13w_ratio=_ratio_to(at, stamped, week - timedelta(weeks=13)),
        nl_print_date=week,
        emergency_change_4w_usd_bn=_emergency(at, week),
    )


def _level(at: _At, week: date) -> tuple[float, list[Known]] | None:
    """Return net liquidity of a Wednesday in USD billions with its legs, None unless all are known."""
    assets, tga = at.replay["fed_total_assets"].on(week), at.replay["tga_wednesday"].on(week)
    if assets is None or tga is None:
        return None
    rrp = at.replay["on_rrp"].last_by(week)
    if rrp is not None and (week - rrp.obs_date).days > RRP_DAYS:
        rrp = None
    if rrp is not None and rrp.is_disputed:
        return None
    if rrp is None and week >= FIRST_RRP:
        return None
    level = assets.value - tga.value - (rrp.value if rrp is not None else 0.0)
    return round(level, 6), [assets._replace(obs_date=week), tga] + ([rrp._replace(obs_date=week)] if rrp else [])


def _ratio_to(at: _At, newest: InputValue, week: date) -> InputValue:
    assert newest.value is not None
    base = _level(at, week)
    if base is None or not base[0]:
        first = at.replay["fed_total_assets"].first_period
        return _without(newest, "warm-up" if first is None or first > week else "missing")
    return _with(newest, round(newest.value / base[0] - 1, 9), _worst(newest, base[1]))


def _emergency(at: _At, week: date) -> InputValue:
    """Return the 4-week change of primary credit and BTFP, unknown while a print of either is merely late."""
    credit, programme = at.replay["primary_credit"], at.replay["bank_term_funding"]
    now, before = credit.on(week), credit.on(week - timedelta(weeks=4))
    if now is None or before is None:
        return InputValue(obs_date=week, reason="missing" if now is None else "warm-up")
    more, earlier = _lent(programme, week), _lent(programme, week - timedelta(weeks=4))
    if more is None or earlier is None:
        return InputValue(obs_date=week, reason="missing")
    row = programme.on(week)
    return _derived(round(now.value - before.value + more - earlier, 6), [now, *([row] if row else [])])


def _lent(programme: History, week: date) -> float | None:
    """Return what a programme lent that Wednesday: nothing before its first row and once it is silent past its limit.

    A row that is missing right after another one is late, and unknown.
    """
    last = programme.last_by(week)
    if last is None:
        return 0.0
    if last.obs_date == week:
        return None if last.is_disputed else last.value
    return 0.0 if last.is_stale else None


def _funding(at: _At) -> FundingInputs:
    """R2: SOFR over the rate on reserves (IOER before IORB), on sessions; TED for the years before SOFR."""
    sofr, tail = at.replay["sofr"].grid, at.replay["sofr_99th_percentile"].grid
    days: list[FundingDay] = []
    newest = MISSING
    place = at.replay["sofr"].last_session(at.position)
    for back in range(place, max(place - 2 * FUNDING_DAYS, -1), -1):
        rate = float(sofr[back])
        floor = None if math.isnan(rate) else _rate_on_reserves(at, at.spine.dates[back])
        if floor is None or len(days) == FUNDING_DAYS:
            continue
        when, above = at.spine.dates[back], float(tail[back]) - rate
        spread = round(100 * (rate - floor.value), 6)
        if not days:
            newest = _derived(spread, [at.replay["sofr"].on_session(back, at.position), floor._replace(obs_date=when)])
        days.append(
            FundingDay(
                when, spread, None if math.isnan(above) else round(100 * above, 6), at.spine.is_calendar_day[back]
            )
        )
    if place >= 0 and not days:
        newest = InputValue(obs_date=at.spine.dates[place], reason="missing")
    rate_now = at.newest("sofr")[2]
    if rate_now.reason == "disputed":
        newest = rate_now
    return FundingInputs(newest, tuple(reversed(days)), at.newest("ted_spread")[2])


def _rate_on_reserves(at: _At, day: date) -> Known | None:
    """Return the rate in force on `day`; it holds until it is changed, as long as it is not stale."""
    found = at.replay["iorb" if day >= IORB_FROM else "ioer"].last_by(day)
    return None if found is None or found.reason else found


def _rates_volatility(at: _At) -> RatesVolatilityInputs:
    """R3: MOVE and, should it be missing, the realised volatility of the 10-year yield (RV-02)."""
    _, _, move = at.newest("move")
    return RatesVolatilityInputs(move, at.change("move", 5), at.change("move", 21), _realised_volatility(at))


def _realised_volatility(at: _At) -> InputValue:
    history, place, newest = at.newest("us_10y_yield")
    if newest.value is None:
        return newest
    first = max(place - _VOLATILITY_SESSIONS - BASE_DAYS, 0)
    places = first + np.flatnonzero(~np.isnan(history.grid[first : place + 1]))
    steps = 100 * np.diff(history.grid[places])
    ends, begins = places[1:], places[:-1]
    # a change over one session, however long the exchange was closed between the two
    daily = at.spine.numbers[ends - 1] - at.spine.numbers[begins] <= BASE_DAYS
    daily &= ends > place - _VOLATILITY_SESSIONS
    if int(daily.sum()) < _VOLATILITY_STEPS or not daily[-1]:
        return _without(newest, at.why(history, place - _VOLATILITY_SESSIONS))
    return _with(newest, round(float(np.std(steps[daily], ddof=1)) * math.sqrt(252), 6))


def _carry(at: _At) -> CarryInputs:
    """R4: US 2-year over Japan 2-year with each leg's own limit, its 21-session change, and the yen."""
    carry = _carry_now(at)
    change = _carry_change(at) if carry.value is not None else carry
    dollar, place, newest = at.newest("usdjpy")
    returned = newest
    if newest.value is not None:
        base = at.base(dollar, place - 10)
        if base is None:
            returned = _without(newest, at.why(dollar, place - 10))
        else:
            returned = _with(newest, round(newest.value / base - 1, 9))
    return CarryInputs(carry, change, returned, *_yen_percentile(at, dollar, place, newest))


def _carry_now(at: _At) -> InputValue:
    """Return the carry in basis points, of the last yield of each leg; the yen leg is hours older."""
    dollar, yen = (at.replay[leg].last(at.position) for leg in _CARRY_LEGS)
    if dollar is None or yen is None:
        return MISSING
    return _derived(round(100 * (dollar.value - yen.value), 6), [dollar, yen])


def _carry_change(at: _At) -> InputValue:
    """Return the 21-session change of the carry, from and to sessions on which both yields are printed.

    While one of them is closed for a holiday the last such session stands, as long as that yield may be read. Where
    publishers differ on a newer one there is no change: an older session does not speak for it.
    """
    dollar, yen = (at.replay[leg] for leg in _CARRY_LEGS)
    for leg in _CARRY_LEGS:
        if (newest := at.newest(leg)[2]).reason == "disputed":
            return newest
    own = np.flatnonzero(~np.isnan(dollar.grid[: at.position + 1] + yen.grid[: at.position + 1]))
    if not len(own):
        return MISSING
    place = int(own[-1])
    legs = [leg.on_session(place, at.position) for leg in (dollar, yen)]
    level = round(100 * (legs[0].value - legs[1].value), 6)
    now = _derived(level, [leg._replace(is_stale=False) for leg in legs])
    if all(leg.is_stale for leg in legs):
        return _without(now, "stale")
    before = own[own <= place - 21]
    base = int(before[-1]) if len(before) else -1
    if base < 0 or int(at.spine.numbers[place - 21] - at.spine.numbers[base]) > BASE_DAYS:
        reasons = {at.why(leg, place - 21) for leg in (dollar, yen)}
        return _without(now, "warm-up" if "warm-up" in reasons else "missing")
    return _with(now, round(level - round(100 * float(dollar.grid[base] - yen.grid[base]), 6), 6))


def _yen_percentile(at: _At, history: History, place: int, newest: InputValue) -> tuple[InputValue, InputValue]:
    """Return where the 21-session volatility of the yen stands among its last 756 values, and how many there are."""
    if newest.value is None:
        return newest, newest
    first = max(place - _span(_YEN_VALUES) - _VOLATILITY_SESSIONS + 1, 0)
    steps = np.diff(np.log(history.grid[first : place + 1]))
    volatility = _rolling_deviation(steps, _VOLATILITY_SESSIONS, _VOLATILITY_STEPS)
    return _ranked(at, history, place, newest, volatility, _YEN_VALUES, _VOLATILITY_STEPS)


def _rolling_deviation(steps: Floats, window: int, needed: int) -> Floats:
    """Return the sample deviation of the last `window` steps at each step; NaN where the step itself is missing."""
    there = ~np.isnan(steps)
    filled = np.where(there, steps, 0.0)
    counts, sums, squares = (_rolling_sum(part, window) for part in (there.astype(np.float64), filled, filled * filled))
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (squares - sums * sums / counts) / (counts - 1)
        found = np.sqrt(np.maximum(variance, 0.0))
    return np.where(there & (np.round(counts) >= needed), np.round(found, 12), np.nan)


def _rolling_sum(values: Floats, window: int) -> Floats:
    """Return the sum of the last `window` values at each; of fewer at the beginning."""
    sums = np.cumsum(values)
    sums[window:] = sums[window:] - sums[:-window]
    return sums


def _span(needed: int) -> int:
    """Return within how many sessions so many values must lie: a rank among values of years ago is none of a year."""
    return math.floor(needed / _COMPLETE)


def _ranked(
    at: _At, history: History, place: int, newest: InputValue, values: Floats, needed: int, before: int = 0
) -> tuple[InputValue, InputValue]:
    """Return the share (0-100) of the last `needed` values not above the last one, and how many values there are.

    `values`: one for each session up to that at `place`, NaN where there is none; `history`: what they are made of, the
    first of them of so many sessions `before`.
    """
    window = values[-_span(needed) :]
    there = window[~np.isnan(window)][-needed:]
    count = _with(newest, float(len(there)))
    if len(there) < needed or np.isnan(window[-1]):
        return _without(newest, at.why(history, place - needed + 1 - before)), count
    return _with(newest, round(100.0 * float((there <= window[-1]).sum()) / needed, 6)), count


def _credit(at: _At) -> CreditInputs:
    """R5: the ICE spread, and Moody's Baa where it is absent."""
    return CreditInputs(
        at.newest("hy_oas")[2],
        at.change("hy_oas", 21),
        at.newest("baa_10y_spread")[2],
        at.change("baa_10y_spread", 21),
    )


def _volatility(at: _At) -> VolatilityInputs:
    """R6: VIX, VVIX with its run above 110, and the term structure of one session."""
    _, place, vix = at.newest("vix_close")
    third = at.replay["vix3m_close"]
    ratio = vix
    if vix.value is not None:
        if math.isnan(third.grid[place]):
            ratio = _without(vix, at.why(third, place))
        else:
            beside = third.on_session(place, at.position)
            ratio = _derived(round(vix.value / beside.value, 6), [beside], vix)
    return VolatilityInputs(vix, at.newest("vvix_close")[2], _streak(at, 110.0), ratio)


def _streak(at: _At, bound: float) -> InputValue:
    """Return how many sessions in a row VVIX closed above `bound`, up to the session itself; none is carried."""
    history = at.replay["vvix_close"]
    grid, count = history.grid, 0
    if math.isnan(grid[at.position]):
        return MISSING
    while count <= at.position and grid[at.position - count] > bound:
        count += 1
    return _with(_value(history.on_session(at.position, at.position)), float(count))


def _options_sentiment(at: _At) -> OptionsSentimentInputs:
    """R7: the total put/call ratio and its place among the last 252 sessions."""
    history, place, newest = at.newest("put_call_total_ratio")
    if newest.value is None:
        return OptionsSentimentInputs(newest, newest, newest)
    ranked = _ranked(at, history, place, newest, history.grid[: place + 1], _PUT_CALL_VALUES)
    return OptionsSentimentInputs(newest, *ranked)


def _breadth(at: _At, rows: PanelRows) -> BreadthInputs:
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
        is_published=_with(published, 1.0),
    )


def _period(value: InputValue) -> date:
    return value.obs_date or date.min


def _own_breadth(at: _At, rows: PanelRows, place: int) -> BreadthInputs:
    def cell(name: str, otherwise: str) -> InputValue:
        return _panel_value(at, rows, place, name, otherwise, BREADTH_LIMIT_DAYS)

    gap = "warm-up" if rows.columns["is_covered"][place] else "coverage"
    return BreadthInputs(
        cell("above_200dma_pct", gap),
        cell("coverage_ratio", "missing"),
        cell("is_adl_divergence", gap),
        cell("is_zweig_thrust", gap),
    )


def _etf_flows(at: _At, rows: PanelRows) -> EtfFlowsInputs:
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


def _panel_value(at: _At, rows: PanelRows, place: int, name: str, otherwise: str, limit: int) -> InputValue:
    """Return one cell of a panel row: stale past `limit`, `otherwise` the reason of an empty one."""
    found = InputValue(rows.columns[name][place], rows.dates[place], rows.known[place])
    if (at.day - rows.dates[place]).days > limit:
        return _without(found, "stale")
    return _without(found, otherwise) if found.value is None else found


def _leverage(at: _At) -> LeverageInputs:
    """R10: margin debt of the newest month over that of 12 and of 3 months before."""
    history = at.replay["margin_debt"]
    newest = history.last(at.position)
    if newest is None:
        return LeverageInputs()
    stamped = _value(newest)
    if stamped.value is None:
        return LeverageInputs(stamped, stamped)

    def over(months: int) -> InputValue:
        month = _months_before(newest.obs_date, months)
        base = history.on(month)
        if base is None or not base.value:
            return _without(stamped, "warm-up" if month < (history.first_period or month) else "missing")
        return _with(stamped, round(newest.value / base.value - 1, 9), _worst(stamped, [base]))

    return LeverageInputs(over(12), over(3))


def _labor(at: _At) -> LaborInputs:
    """R11: the Sahm figure as printed, whether the three months under it exist, and the figure from two of three."""
    unemployment = at.replay["unrate"]
    printed = at.replay["sahm_realtime"].last(at.position)
    newest = unemployment.last(at.position)
    sahm = MISSING if printed is None else _value(printed)
    if newest is None:
        return LaborInputs(sahm)
    stamped = _value(newest)
    if stamped.value is None:
        return LaborInputs(sahm, stamped, stamped)
    # a figure that was printed before the newest rate stands on the months up to its own
    printed_month = newest.obs_date if printed is None else min(printed.obs_date, newest.obs_date)
    has_three = all(not math.isnan(unemployment.value_on(_months_before(printed_month, back))) for back in range(3))
    return LaborInputs(sahm, _with(stamped, float(has_three)), _two_of_three(unemployment, stamped, newest.obs_date))


def _two_of_three(unemployment: History, stamped: InputValue, month: date) -> InputValue:
    means = []
    for back in range(13):
        values = [unemployment.value_on(_months_before(month, back + more)) for more in range(3)]
        there = [value for value in values if not math.isnan(value)]
        if len(there) < 2:
            return _without(stamped, "warm-up" if back else "missing")
        means.append(sum(there) / len(there))
    return _with(stamped, round(means[0] - min(means[1:]), 2))


# -- small things ------------------------------------------------------------------------------------------------


def _value(known: Known) -> InputValue:
    """Return a known value as an input: too old, it has none."""
    if known.reason:
        return InputValue(None, known.obs_date, known.known_at, reason=known.reason, known_basis=known.known_basis)
    return InputValue(known.value, known.obs_date, known.known_at, known_basis=known.known_basis)


def _derived(value: float, parts: Iterable[Known], beside: InputValue | None = None) -> InputValue:
    """Return a value made of several: as old as the oldest of `parts` (and `beside`), known with the last of them."""
    listed = list(parts)
    dates = [part.obs_date for part in listed]
    moments = [part.known_at for part in listed]
    bases = {part.known_basis for part in listed}
    if beside is not None and beside.obs_date is not None and beside.known_at is not None:
        dates.append(beside.obs_date)
        moments.append(beside.known_at)
        bases.add(beside.known_basis or "")
    reasons = {part.reason for part in listed} - {None}
    return InputValue(
        None if reasons else value,
        min(dates),
        max(moments),
        reason="stale" if "stale" in reasons else "disputed" if reasons else None,
        known_basis="latest_only" if "latest_only" in bases else listed[0].known_basis,
    )


def _worst(newest: InputValue, parts: Iterable[Known]) -> str | None:
    return "latest_only" if any(part.known_basis == "latest_only" for part in parts) else newest.known_basis


def _with(newest: InputValue, value: float, basis: str | None = None) -> InputValue:
    """Return another value of the same age. Written out: `dataclasses.replace` would cost a second per history."""
    return InputValue(value, newest.obs_date, newest.known_at, known_basis=basis or newest.known_basis)


def _without(value: InputValue, reason: str) -> InputValue:
    return InputValue(None, value.obs_date, value.known_at, reason=reason, known_basis=value.known_basis)


def _months_before(month: date, count: int) -> date:
    months = month.year * 12 + month.month - 1 - count
    return date(months // 12, months % 12 + 1, 1)
