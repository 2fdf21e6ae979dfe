"""One test of one claim: its events, what followed them, and how far that is from what chance gives.

Every item of the reporting standard is a column of the row that `figures_of` returns; a missing figure is NULL and
`reason_text` says why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analytics.claims.chance import RESAMPLES, SEED, SHIFTS, Line, interval_of, line_of, shifted_statistics
from analytics.claims.definition import Outcome
from analytics.claims.events import Places, spaced_in_blocks
from analytics.claims.outcomes import Measured
from analytics.regimes.statistics import Doubles, wilson, windows_that_fit

BUCKETS: Final = (-0.20, -0.10, -0.05)
"""Edges of the drawdown from the highest close so far; panics come in drawdowns, so like is compared with like."""
_DEFAULT_THRESHOLDS: Final = {
    "return": 0.0,
    "best_return": 0.0,
    "relative_return": 0.0,
    "change": 0.0,
    "max_adverse": -0.05,
    "max_drawdown": -0.10,
}


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What a test looks at: per session of the spine its date, whether the condition is known, and its bucket.

    Of a panel these are the sessions of each member, in `blocks` of the same length laid end to end.
    """

    dates: list[date]
    is_known: npt.NDArray[np.bool_]
    buckets: npt.NDArray[np.int64]
    is_inside: npt.NDArray[np.bool_]
    """Sessions of the sample: from the first one on which the condition is known."""
    members: tuple[str, ...] = ("",)

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process with the dates of one block as numbers: one by one they take longer than all else."""
        days = np.array([one.toordinal() for one in self.dates[: self.length]])
        return _with_days, (days, self.is_known, self.buckets, self.is_inside, self.members)

    @property
    def length(self) -> int:
        """Return the number of sessions of one block."""
        return len(self.dates) // len(self.members)

    def name(self, place: int) -> str:
        """Return the session at a place, with the member whose it is."""
        return f"{self.dates[place]} {self.members[place // self.length]}".rstrip()

    def days(self, places: Places) -> Places:
        """Return the sessions of places in order, each once."""
        return places if len(self.members) == 1 else np.unique(places % self.length)

    def in_time(self, places: Places) -> list[int]:
        """Return places by their date, those of one date by member."""
        return sorted(places.tolist(), key=lambda place: (place % self.length, place))


def _with_days(days: npt.NDArray[np.int64], *others: Any) -> Sample:
    sample = Sample([date.fromordinal(one) for one in days.tolist()], *others)
    return replace(sample, dates=sample.dates * len(sample.members))


def bucket_of(drawdowns: Doubles) -> npt.NDArray[np.int64]:
    """Return the bucket of each drawdown (0 or negative): 0 is deeper than 20 %, 3 less than 5 %; -1 unknown."""
    found = np.searchsorted(np.array(BUCKETS), drawdowns, side="left")
    return np.where(np.isnan(drawdowns), -1, found).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Trial:
    """The events of a claim with one cool-down, and one measure of what followed."""

    outcome: Outcome
    horizon: int
    cooldown: int
    onsets: Places
    measured: Measured
    sample: Sample
    out_of_sample_from: date | None

    @property
    def events(self) -> Places:
        """Return the events that count: of the sample, far enough apart."""
        inside = self.onsets[self.sample.is_inside[self.onsets]]
        return spaced_in_blocks(inside, self.cooldown, self.sample.length)


@dataclass(frozen=True)
class Ground:
    """What does not hang on the events of a test: which sessions have a known condition and a finished outcome."""

    sample: Sample
    is_over: npt.NDArray[np.bool_]
    places: Places
    base: Doubles
    is_share: bool
    windows: int

    @cached_property
    def statistic(self) -> float | None:
        """Return the share, or the median, of all sessions; None where there is none."""
        return _statistic(self.base, is_share=self.is_share) if len(self.base) else None

    @cached_property
    def order(self) -> Places:
        """Return the places of the outcomes by size."""
        return np.argsort(self.base, kind="stable")

    @cached_property
    def middle(self) -> int:
        """Return the session that begins the second half of the sample."""
        return int(np.sort(self.places % self.sample.length)[len(self.places) // 2])

    @cached_property
    def halves(self) -> tuple[float | None, float | None]:
        """Return the share, or the median, of all sessions of each half."""
        is_first = self.places % self.sample.length < self.middle
        first, second = (
            _statistic(self.base[half], is_share=self.is_share) if half.any() else None
            for half in (is_first, ~is_first)
        )
        return first, second

    @cached_property
    def columns(self) -> Places:
        """Return the sessions on which any member has an outcome."""
        return self.sample.days(self.places)

    @cached_property
    def line(self) -> Line:
        """Return the outcomes as they are rotated: all members by the same distance, as what moves them together."""
        if len(self.sample.members) == 1:
            return line_of(self.base[None, :], self.order)
        laid = np.full((len(self.sample.members), len(self.columns)), np.nan)
        length = self.sample.length
        laid[self.places // length, np.searchsorted(self.columns, self.places % length)] = self.base
        return line_of(laid)


@lru_cache(maxsize=4)
def ground_of(sample: Sample, measured: Measured, horizon: int, *, is_share: bool) -> Ground:
    """Return the ground of a sample, the same for each cool-down and each cell of a grid."""
    is_over = ~np.isnan(measured.values) & sample.is_known & sample.is_inside
    places = np.flatnonzero(is_over)
    base = measured.values[places]
    windows = windows_that_fit(sample.days(places), horizon)
    return Ground(sample, is_over, places, base, is_share, windows)


def _ground(test: Trial) -> Ground:
    return ground_of(test.sample, test.measured, test.horizon, is_share=test.outcome.is_share)


def figures_of(test: Trial) -> dict[str, Any]:
    """Return every figure of the reporting standard."""
    values, sample, ground = test.measured.values, test.sample, _ground(test)
    is_over, places, base = ground.is_over, ground.places, ground.base
    events = test.events
    complete = events[is_over[events]]
    pending = events[test.measured.is_pending[events]]
    unpriced = len(events) - len(complete) - len(pending)
    seen = values[complete]
    threshold = _threshold(test.outcome, base)
    inside = np.flatnonzero(sample.is_inside)
    row: dict[str, Any] = {
        "sample_start_date": sample.dates[int((inside % sample.length).min())] if len(inside) else None,
        "sample_end_date": sample.dates[int((places % sample.length).max())] if len(places) else None,
        "n_sessions": len(inside),
        "n_unknown": int((sample.is_inside & ~sample.is_known).sum()),
        "n_events_raw": int(sample.is_inside[test.onsets].sum()),
        "cooldown_sessions": test.cooldown,
        "n_events": len(complete),
        "n_pending": len(pending),
        "n_unpriced": unpriced,
        "n_windows": ground.windows,
        "event_dates": ", ".join(sample.name(one) for one in sample.in_time(events)) or None,
        "seed_number": SEED,
        "resamples_count": RESAMPLES,
        "shifts_count": SHIFTS,
        "hit_threshold_number": None if threshold is None else round(threshold, 8),
    }
    row |= _described(seen, test.outcome, threshold) | _baselines(test, ground, complete, threshold)
    row |= _variants(test, complete, threshold)
    row |= _out_of_sample(test, complete, pending, threshold)
    row |= _chance(test, ground, complete)
    row["reason_text"] = _reason(len(complete), len(pending), len(events), len(places))
    return row


def sign_of_effect(test: Trial) -> float | None:
    """Return how far the events are from all sessions in the claimed direction; None without an event."""
    ground, events = _ground(test), test.events
    complete = events[ground.is_over[events]]
    if not len(complete) or ground.statistic is None:
        return None
    seen = _statistic(test.measured.values[complete], is_share=test.outcome.is_share)
    return _direction(test.outcome) * (seen - ground.statistic)


def _direction(outcome: Outcome) -> float:
    return 1.0 if outcome.claimed == "up" else -1.0


def _statistic(values: Doubles, *, is_share: bool) -> float:
    if is_share:
        return float(np.mean(values))
    ordered = np.sort(values)  # numpy's own median takes longer to begin than a few events to sort
    return float((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)


def _threshold(outcome: Outcome, base: Doubles) -> float | None:
    if outcome.is_share:
        return 0.5
    if outcome.threshold is not None:
        return outcome.threshold
    if outcome.kind in _DEFAULT_THRESHOLDS:
        return _DEFAULT_THRESHOLDS[outcome.kind]
    return float(np.median(base)) if len(base) else None


def _hits(values: Doubles, outcome: Outcome, threshold: float) -> Doubles:
    return ((values > threshold) if outcome.claimed == "up" else (values < threshold)).astype(float)


def _described(seen: Doubles, outcome: Outcome, threshold: float | None) -> dict[str, Any]:
    """Return hit rate with Wilson's interval, and the spread of the outcomes with the bootstrap's interval."""
    names = ("median", "mean", "min", "max", "lower_quartile", "upper_quartile")
    row: dict[str, Any] = dict.fromkeys(names)
    row |= dict.fromkeys(("hit_ratio", "hit_low_ratio", "hit_high_ratio", "bootstrap_low", "bootstrap_high"))
    if not len(seen) or threshold is None:
        return row
    hit = float(_hits(seen, outcome, threshold).mean())
    low, high = wilson(hit, len(seen)) or (None, None)
    if not outcome.is_share:  # a yes or a no has no median: its share is the hit rate
        figures = (np.median(seen), seen.mean(), seen.min(), seen.max(), *np.quantile(seen, [0.25, 0.75]))
        row |= {name: _rounded(float(one)) for name, one in zip(names, figures, strict=True)}
    row |= {"hit_ratio": _rounded(hit), "hit_low_ratio": _rounded(low), "hit_high_ratio": _rounded(high)}
    interval = interval_of(seen, is_share=outcome.is_share)
    row["bootstrap_low"], row["bootstrap_high"] = (_rounded(one) for one in interval)
    return row


def _baselines(test: Trial, ground: Ground, complete: Places, threshold: float | None) -> dict[str, Any]:
    """Return what any session of the sample gives, and any session in the same drawdown, beside the differences."""
    names = ("baseline_ratio", "baseline_median", "matched_ratio", "matched_median", "effect", "effect_matched")
    row: dict[str, Any] = dict.fromkeys([*names, "effect_first_half", "effect_second_half"])
    if ground.statistic is None or threshold is None:
        return row
    outcome, values, base = test.outcome, test.measured.values, ground.base
    row["baseline_ratio"] = _rounded(float(_hits(base, outcome, threshold).mean()))
    row["baseline_median"] = None if outcome.is_share else _rounded(ground.statistic)
    if not len(complete):
        return row
    seen = _statistic(values[complete], is_share=outcome.is_share)
    row["effect"] = _rounded(seen - ground.statistic)
    weights = _matched_weights(test.sample.buckets, ground.places, complete)
    if weights is not None:
        row["matched_ratio"] = _rounded(float(_hits(base, outcome, threshold) @ weights))
        matched = float(base @ weights) if outcome.is_share else weighted_median(base, weights, ground.order)
        row["matched_median"] = None if outcome.is_share else _rounded(matched)
        row["effect_matched"] = _rounded(seen - matched)
    is_first = complete % test.sample.length < ground.middle
    for name, half, of_all in zip(("first", "second"), (is_first, ~is_first), ground.halves, strict=True):
        if half.any() and of_all is not None:
            seen = _statistic(values[complete[half]], is_share=outcome.is_share)
            row[f"effect_{name}_half"] = _rounded(seen - of_all)
    return row


def _matched_weights(buckets: npt.NDArray[np.int64], places: Places, complete: Places) -> Doubles | None:
    """Return weights of the sessions at `places` that give each drawdown bucket the share it has among the events."""
    of_events = buckets[complete][buckets[complete] >= 0]
    if not len(of_events):
        return None
    weights = np.zeros(len(places))
    for bucket in np.unique(of_events):
        inside = buckets[places] == bucket
        weights[inside] = (of_events == bucket).mean() / inside.sum()
    return weights


def weighted_median(values: Doubles, weights: Doubles, order: Places | None = None) -> float:
    """Return the least value up to which the weights come to half of their sum; `order`: their places by size."""
    if order is None:
        order = np.argsort(values, kind="stable")
    until = np.cumsum(weights[order])
    return float(values[order][int(np.searchsorted(until, until[-1] / 2 - 1e-12))])


def _variants(test: Trial, complete: Places, threshold: float | None) -> dict[str, Any]:
    """Return the same holding from close to close, and with dividends."""
    row: dict[str, Any] = {}
    for name, values in (("close", test.measured.close), ("total", test.measured.total)):
        seen = np.array([]) if values is None else values[complete][~np.isnan(values[complete])]
        is_there = len(seen) > 0 and threshold is not None
        row[f"{name}_median"] = _rounded(_statistic(seen, is_share=test.outcome.is_share)) if is_there else None
        row[f"{name}_hit_ratio"] = (
            _rounded(float(_hits(seen, test.outcome, threshold).mean())) if is_there and threshold is not None else None
        )
    return row


def _out_of_sample(test: Trial, complete: Places, pending: Places, threshold: float | None) -> dict[str, Any]:
    since = test.out_of_sample_from
    dates = test.sample.dates
    fresh = np.array([one for one in complete if since is not None and dates[one] >= since], dtype=np.int64)
    seen = test.measured.values[fresh]
    is_there = len(seen) > 0 and threshold is not None
    return {
        "out_of_sample_from_date": since,
        "n_events_out_of_sample": len(fresh),
        "n_pending_out_of_sample": sum(since is not None and dates[one] >= since for one in pending),
        "out_of_sample_median": _rounded(_statistic(seen, is_share=test.outcome.is_share)) if is_there else None,
        "out_of_sample_hit_ratio": (
            _rounded(float(_hits(seen, test.outcome, threshold).mean())) if is_there and threshold is not None else None
        ),
    }


def _chance(test: Trial, ground: Ground, complete: Places) -> dict[str, float | None]:
    """Return the p-values of the circular shift, in the claimed direction and in the opposite one."""
    values, length, is_share = test.measured.values, test.sample.length, test.outcome.is_share
    if not len(complete) or len(ground.columns) < 2:
        return {"p_shift": None, "p_shift_opposite": None}
    where = np.searchsorted(ground.columns, complete % length)
    shifted = shifted_statistics(ground.line, complete // length, where, is_share=is_share)
    seen, way = _statistic(values[complete], is_share=is_share), _direction(test.outcome)
    return {
        "p_shift": _rounded((1 + int((way * shifted >= way * seen - 1e-12).sum())) / (1 + len(shifted))),
        "p_shift_opposite": _rounded((1 + int((way * shifted <= way * seen + 1e-12).sum())) / (1 + len(shifted))),
    }


def _reason(complete: int, pending: int, events: int, places: int) -> str | None:
    if not places:
        return "no session has both a known condition and a finished outcome"
    if not events:
        return "the condition never began to hold"
    if not complete:
        return f"no event is over yet: {pending} pending"
    return None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 8)
