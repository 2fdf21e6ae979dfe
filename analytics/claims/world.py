"""What claims are tested on: sessions, features and outcomes of one database, read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from analytics.claims.definition import EACH, Claim, Outcome, sources
from analytics.claims.events import Places, onsets
from analytics.claims.expressions import Seen, evaluate
from analytics.claims.functions import Known
from analytics.claims.known import Spine, available, by_member, read_features, read_spine
from analytics.claims.outcomes import Measured, Outcomes, joined
from analytics.claims.testing import Sample, bucket_of

if TYPE_CHECKING:
    import duckdb

_INDEX: Final = "sp500_close_index"
_LATEST_ONLY: Final = "latest_only_inputs"
_REVISED: Final[Mapping[str, str]] = {
    "consumer_credit_flow_usd_bn": "consumer_credit_total_flow",
    "revolving_credit_flow_usd_bn": "consumer_credit_revolving_flow",
    "real_pce_saar_usd_bn": "real_pce",
    "unrate_pct": "unrate",
    "gdp_usd_bn": "gdp",
}
"""Features whose first print differs from what stands today: without its vintages they are unknown."""
ALL: Final = ("",)
"""The one member of a claim that is no panel: the market."""

_UNKNOWN: Final = pl.Series([None], dtype=pl.Boolean)

Conditions = tuple[pl.Series, ...]
"""A condition on each session, one for each member."""


class World:
    """What the claims are tested on: spine, features and outcomes of one database, read once."""

    def __init__(self, con: duckdb.DuckDBPyConnection, claims: Iterable[Claim]) -> None:
        self.spine: Spine = read_spine(con)
        self.there = available(con)
        claims = list(claims)
        wanted = {name for claim in claims for name in claim.features()} & set(self.there)
        self.features: dict[str, Known] = read_features(con, self.spine, wanted | {_INDEX})
        self.tickers = {row[0] for row in con.execute("select distinct ticker from marts.prices_daily").fetchall()}
        self._members = {claim.id: self._read_members(con, claim) for claim in claims if claim.panel is not None}
        self.outcomes = Outcomes(con, self.spine, dict(self.features))  # what came of it is as it stands today
        self._hide_revised(con)
        closes = self.features[_INDEX].values.cast(pl.Float64)
        drawdowns = (closes / closes.cum_max() - 1).to_numpy()
        self.buckets = bucket_of(drawdowns)
        self.dates: list[date] = self.spine.dates.to_list()
        self.sources = sources()
        self.since = cache(lambda start: self.spine.dates >= start)
        self._measured: dict[tuple[Outcome, int, tuple[str, ...]], Measured] = {}

    def _read_members(self, con: duckdb.DuckDBPyConnection, claim: Claim) -> tuple[str, ...]:
        """Return the members of a claim's panel, those with prices where prices are what it is about."""
        panel = claim.panel
        assert panel is not None
        if panel.mart not in self.there.values():
            return ()
        rows = con.execute(f"select distinct {panel.column} from marts.{panel.mart} order by 1").fetchall()
        is_priced = any(one.of == EACH and not one.is_of_feature for one in claim.outcomes)
        there = [str(name) for (name,) in rows if name is not None and name not in panel.leave_out]
        return tuple(one for one in there if not is_priced or one in self.tickers)

    def members(self, claim: Claim) -> tuple[str, ...]:
        """Return what a claim is tested on: the members of its panel, or the market as a whole."""
        return ALL if claim.panel is None else self._members[claim.id]

    def _hide_revised(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make a revised feature unknown where its first print is not held: what stands today was not known then."""
        held = [name for name in self.features if name in _REVISED]
        if not held:
            return
        told = con.execute(f"select {_LATEST_ONLY} as told from marts.market_known_daily order by session_date").pl()
        named = told["told"].fill_null("").str.split(", ")
        for name in held:
            known = self.features[name]
            is_latest = named.list.contains(_REVISED[name])
            values = pl.select(pl.when(~is_latest).then(known.values)).to_series()
            self.features[name] = Known(values, known.periods, known.sessions)

    def until(self, count: int) -> World:
        """Return the world as it was after so many sessions: a condition must not differ in it."""
        cut = copy(self)
        cut.spine = Spine(self.spine.sessions.head(count))
        cut.since = cache(lambda start: cut.spine.dates >= start)
        cut.features = {
            name: Known(x.values.head(count), _head(x.periods, count), _head(x.sessions, count))
            for name, x in self.features.items()
        }
        return cut

    def missing(self, claim: Claim) -> list[str]:
        """Return the features and funds that a claim needs and this release does not have."""
        lacking = sorted(claim.features() - set(self.there))
        funds = {
            one
            for outcome in claim.outcomes
            if not outcome.is_of_feature
            for one in (outcome.of, outcome.against)
            if one and one != EACH
        }
        lacking += [f"prices of {ticker}" for ticker in sorted(funds - self.tickers)]
        if claim.panel is not None and not lacking and not self.members(claim):
            lacking = [f"rows of {claim.panel.mart}"]
        return lacking

    def empty(self, claim: Claim) -> list[str]:
        """Return the features of a claim that no session knows."""
        return [
            f"first prints of {name}" if name in _REVISED else f"values of {name}"
            for name in sorted(claim.features() & set(self.there))
            if all(one.values.null_count() == len(self.spine) for one in self.known(claim, name))
        ]

    def known(self, claim: Claim, name: str) -> list[Known]:
        """Return a feature as known, for each member where it is one of members."""
        if name not in by_member():
            return [self.features[name]]
        nothing = Known(pl.Series([None] * len(self.spine), dtype=pl.Float64), self.spine.dates, self.spine.dates)
        return [self.features.get(f"{name}@{member}", nothing) for member in self.members(claim)]

    def conditions(
        self, claim: Claim, text: str, parameters: Mapping[str, float], seen: dict[str, Seen] | None = None
    ) -> Conditions:
        """Return the condition on each session, NULL before the claim's start, of each member; `seen` is by member."""
        there = self.since(claim.starts)
        names = [name for name in sorted(claim.features()) if name in by_member()]
        found = []
        for place, member in enumerate(self.members(claim)):
            features = {**self.features, **{name: self.known(claim, name)[place] for name in names}}
            one = evaluate(text, features, parameters, None if seen is None else seen.setdefault(member, {}))
            found.append(one.zip_with(there, _UNKNOWN))
        return tuple(found)

    def sample(self, claim: Claim, conditions: Conditions) -> Sample:
        """Return the sample of a condition: of each member from its first known session on."""
        known = np.stack([one.is_not_null().to_numpy() for one in conditions])
        inside = np.logical_or.accumulate(known, axis=1)
        count = len(conditions)
        return Sample(
            self.dates * count, known.ravel(), np.tile(self.buckets, count), inside.ravel(), self.members(claim)
        )

    def onsets(self, conditions: Conditions) -> Places:
        """Return the places at which a condition begins to hold, members end to end."""
        return np.concatenate([onsets(one) + place * len(self.spine) for place, one in enumerate(conditions)])

    def measured(self, claim: Claim, outcome: Outcome, horizon: int) -> Measured:
        """Return what followed each session, members end to end."""
        members = self.members(claim)
        if members == ALL:
            return self.outcomes.measured(outcome, horizon)
        key = outcome, horizon, members
        if key not in self._measured:
            self._measured[key] = joined(
                [self.outcomes.measured(one, horizon) for one in self.of_members(claim, outcome)]
            )
        return self._measured[key]

    def of_members(self, claim: Claim, outcome: Outcome) -> list[Outcome]:
        """Return an outcome as it is of each member."""
        if outcome.is_of_feature and outcome.of in by_member():
            named = [f"{outcome.of}@{member}" for member in self.members(claim)]
            return [outcome.model_copy(update={"of": one}) for one in named]
        return [outcome.of_member(member) for member in self.members(claim)]


def _head(values: pl.Series | None, count: int) -> pl.Series | None:
    return None if values is None else values.head(count)
