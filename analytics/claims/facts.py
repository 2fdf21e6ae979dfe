"""Figures that were said, and dated forecasts, beside what the data has, as known then and as known now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pydantic import model_validator

from analytics.claims.definition import Strict, sources
from ingest.yaml_files import checked, read_yaml
from warehouse.latest import NEWEST_FIRST

if TYPE_CHECKING:
    import duckdb

_FACTS: Final = Path(__file__).with_name("facts.yml")
_PREDICTIONS: Final = Path(__file__).with_name("predictions.yml")
_MORNING_AFTER: Final = timedelta(days=1, hours=14)
"""What was said on a day was said by its morning after, before the market opened in New York."""
_HELD: Final = "claim_observations"
_ROUNDED: Final = 1e-9
Counted = Literal["agreed", "seen_then", "all"]
"""Which values count: those on which providers agree; of these what was seen at the moment, and not loaded later, when
it may have been revised; or all."""
_DISPUTED: Final = "providers differ on it by more than they may: no evidence"
_SAID: Final = re.compile(r"'([a-z][a-z0-9_]*)'")
_INDEX: Final = "select period_date, value from newest where series_id = 'sp500_close' and period_date between"


class Fact(Strict):
    """A figure that was said. It is held against what `sql` gives, or against one period of one series.

    `compared_as` says how: about (within the tolerance), at_least (what was said is true of any figure from there on),
    then (as about, but by what was known when it was said alone: later figures are revised), lower_bound (the true
    figure is at least the one of this data, which can refute and never confirm) or beside (another thing, which bears
    on it and decides nothing). `evidence` says what the figure is where it is not the very thing that was said, `needs`
    what it would take where it is missing.
    """

    id: str
    claim: str | None = None
    source: str
    said: str
    zh: str
    number: float
    unit: str
    tolerance: float = 0.0
    record: str
    verdict: Literal["confirmed", "refuted", "scope"]
    compared_as: Literal["about", "at_least", "then", "lower_bound", "beside"] = "about"
    series: str | None = None
    period: date | None = None
    sql: str | None = None
    evidence: str | None = None
    needs: str | None = None

    @model_validator(mode="after")
    def _has_one_query(self) -> Self:
        if (self.series is None) == (self.sql is None) or (self.series is None) != (self.period is None):
            raise ValueError("give `sql`, or `series` and `period`: each figure has one query")
        if self.evidence is None and self.compared_as not in ("about", "at_least"):
            raise ValueError(f"compared_as {self.compared_as}: `evidence` says what the figure of this data is")
        return self

    @property
    def query(self) -> str:
        """Return the select over `newest` and the marts that gives the figure, NULL where this data has none."""
        if self.sql is not None:
            return self.sql
        where = f"series_id = '{self.series}' and period_date = date '{self.period}'"
        return f"select max(value) from newest where {where}"

    @property
    def lacking(self) -> str:
        """Return in a sentence what it would take for a figure."""
        named = ", ".join(dict.fromkeys(_SAID.findall(self.query)))
        return self.needs or f"values of {named}" + (f" of {self.period}" if self.period else " of the days asked for")


class Prediction(Strict):
    """A forecast with the day on which it is due. `sql` gives the figure that decides it."""

    id: str
    claim: str
    source: str
    en: str
    zh: str
    made: date
    expires: date
    sql: str
    start: date | None = None
    right_at_least: float | None = None
    right_at_most: float | None = None
    decided_early: bool = False

    @property
    def query(self) -> str:
        """Return the select over `newest`, with what is named in braces written out."""
        window = f"({_INDEX} date '{self.start or self.made}' and date '{self.expires}')"
        return self.sql.format(
            drawdown="select 100 * min(value / high - 1) from (select value, max(value) over (order by period_date) as "
            f"high from {window})",
            change=f"select 100 * (arg_max(value, period_date) / arg_min(value, period_date) - 1) from {window}",
            best=f"select 100 * (max(value) / arg_min(value, period_date) - 1) from {window}",
            highest=f"select max(value) from {window}",
        )

    def is_right(self, figure: float) -> bool:
        """Say whether the figure decides for the forecast."""
        low, high = self.right_at_least, self.right_at_most
        return (low is None or figure >= low) and (high is None or figure <= high)


@cache
def facts() -> Sequence[Fact]:
    """Return the facts of the register."""
    return [checked(Fact, one, f"{_FACTS.name}: {one.get('id')}") for one in read_yaml(_FACTS, "facts of claims")]


@cache
def predictions() -> Sequence[Prediction]:
    """Return the forecasts of the register."""
    found = read_yaml(_PREDICTIONS, "forecasts of claims")
    return [checked(Prediction, one, f"{_PREDICTIONS.name}: {one.get('id')}") for one in found]


class Evidence:
    """Asks the observations of one database what was known at a moment."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        queries = [one.query for one in facts()] + [one.query for one in predictions()]
        # each query would look at every observation again
        con.execute(
            f"create or replace temp table {_HELD} as select series_id, period_date, value, known_at, known_basis, "
            f"provider_rank, loaded_at, payload_sha256 from marts.observations where series_id in ({_listed(queries)})"
        )
        row = con.execute("select max(session_date), max(cutoff_at) from marts.market_known_daily").fetchone()
        assert row is not None
        self.newest: date = row[0]
        self.now: datetime = row[1]
        origin = con.execute("select any_value(data_origin) from marts.market_daily").fetchone()
        self.is_simulated = origin is not None and origin[0] == "SIMULATED"

    def numbers(
        self, queries: Mapping[str, str], moment: datetime, count: Counted = "agreed"
    ) -> dict[str, float | None]:
        """Return the figure of each query as known at `moment` (naive UTC); None where there is none."""
        if not queries:
            return {}
        # what stood at the moment is found once, of the series that these queries name
        held = f"(select * from {_HELD} where series_id in ({_listed(queries.values())}))"
        self._con.execute(f"create or replace temp table newest as {newest_sql(moment, count, held)}")
        return {name: self._number(query.replace("$moment", _stamp(moment))) for name, query in queries.items()}

    def _number(self, query: str) -> float | None:
        found = self._con.execute(query).fetchone()
        return None if found is None or found[0] is None else round(float(found[0]), 6)

    def disputed(self) -> set[str]:
        """Return the series with values on which providers differ by more than they may."""
        found = self._con.execute("select distinct series_id from marts.disagreements where is_disputed").fetchall()
        return {row[0] for row in found}


def _listed(queries: Iterable[str]) -> str:
    """Return the names in quotes of some queries, series among them, as SQL lists them."""
    return (
        ", ".join(f"'{name}'" for name in sorted({name for query in queries for name in _SAID.findall(query)})) or "''"
    )


def _stamp(moment: datetime) -> str:
    return f"timestamp '{moment}'"


def newest_sql(moment: datetime, count: Counted = "agreed", observations: str = "marts.observations") -> str:
    """Return the select of each period's newest vintage of the first provider, as known at `moment`.

    A period of which nothing is left has none, nor, unless all values count, one on which providers differ by more
    than they may.
    """
    at = _stamp(moment)
    disputed = f"select series_id, period_date from marts.disagreements where is_disputed and known_at <= {at}"
    counted = "" if count == "all" else f"and (series_id, period_date) not in ({disputed}) "
    if count == "seen_then":
        counted += "and known_basis <> 'latest_only' "
    # a row without a value is a day on which the source has none: it would count as a session
    return (
        f"select * from (select series_id, period_date, value from {observations} where known_at <= {at} {counted}"
        f"qualify row_number() over (partition by series_id, period_date order by provider_rank, {NEWEST_FIRST}) = 1) "
        "where value is not null"
    )


def evidence_sql(query: str, moment: datetime) -> str:
    """Return the whole query, as it runs on a release: with what `newest` is at `moment`."""
    body = query.replace("$moment", _stamp(moment))
    if "newest" not in body:
        return body
    newest = newest_sql(moment)
    if body.startswith("with "):
        return f"with newest as ({newest}), {body.removeprefix('with ')}"
    return f"with newest as ({newest}) {body}"


def fact_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Return the rows of claims.facts."""
    told, rows, register = sources(), [], facts()
    of_then: dict[str, float | None] = {}
    for source, one in told.items():
        if one.said_date is not None:
            asked = {fact.id: fact.query for fact in register if fact.source == source}
            of_then |= evidence.numbers(asked, _moment(one.said_date), "seen_then")
    of_now = evidence.numbers({fact.id: fact.query for fact in register}, evidence.now)
    names = evidence.disputed()
    missing = {
        fact.id: fact.query
        for fact in register
        if of_now[fact.id] is None and names.intersection(_SAID.findall(fact.query))
    }
    disputed = {name for name, found in evidence.numbers(missing, evidence.now, "all").items() if found is not None}
    for fact in register:
        said = told[fact.source].said_date
        now, then = of_now[fact.id], of_then.get(fact.id)
        verdict, undecided = verdict_of(fact, then, now, is_simulated=evidence.is_simulated)
        rows.append(
            {
                "fact_id": fact.id,
                "claim_id": fact.claim,
                "source": fact.source,
                "said_date": said,
                "said_text": fact.said,
                "said_zh_text": fact.zh,
                "said_number": fact.number,
                "unit": fact.unit,
                "public_record_text": fact.record,
                "known_then_number": then,
                "known_now_number": now,
                "tolerance_number": fact.tolerance,
                "compared_as": fact.compared_as,
                "verdict": verdict,
                "verdict_basis": "data" if undecided is None else "public_record",
                "reason_text": _DISPUTED if fact.id in disputed else undecided,
                "evidence_text": fact.evidence,
                "evidence_sql": evidence_sql(fact.query, evidence.now),
            }
        )
    return rows


def _moment(said: date) -> datetime:
    return datetime.combine(said, datetime.min.time()) + _MORNING_AFTER


def verdict_of(fact: Fact, then: float | None, now: float | None, *, is_simulated: bool) -> tuple[str, str | None]:
    """Return the verdict, and why it is that of the public record; None where this data decides.

    What was right as first known was right to say: the figure as known then counts, else the one known now. What is no
    longer known is disputed between providers since, and is no evidence.
    """
    if now is None:
        return fact.verdict, f"not held: {fact.lacking}"
    if is_simulated:
        return fact.verdict, "a simulated market says nothing about the real one"
    if fact.verdict == "scope":
        return fact.verdict, "different things under one name: no figure decides"
    if fact.compared_as == "beside":
        return fact.verdict, "the figure of this data is another thing, which decides nothing"
    if fact.compared_as == "then" and then is None:
        return fact.verdict, "what was known when it was said is not held, and the figure known now has been revised"
    over = (now if then is None else then) - fact.number
    tolerance = fact.tolerance + _ROUNDED
    if fact.compared_as == "lower_bound":
        if over > tolerance:
            return "refuted", None
        return fact.verdict, "the figure of this data is a lower bound, and not above what was said"
    if fact.compared_as == "at_least":
        return ("confirmed" if over >= -tolerance else "refuted"), None
    return ("confirmed" if abs(over) <= tolerance else "refuted"), None


def prediction_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Return the rows of claims.predictions."""
    rows = []
    made = {one.id: one.query for one in predictions() if evidence.newest > one.made}
    figures = evidence.numbers(made, evidence.now)
    for one in predictions():
        figure = figures.get(one.id)
        state = _state(one, figure, evidence.newest)
        rows.append(
            {
                "prediction_id": one.id,
                "claim_id": one.claim,
                "source": one.source,
                "prediction_text": one.en,
                "prediction_zh_text": one.zh,
                "made_date": one.made,
                "expires_date": one.expires,
                "state": state,
                "scored_date": None if state == "open" else min(evidence.newest, one.expires),
                "evidence_number": figure,
                "evidence_sql": evidence_sql(one.query, evidence.now),
            }
        )
    return rows


def _state(one: Prediction, figure: float | None, newest: date) -> str:
    if figure is not None and one.decided_early and one.is_right(figure):
        return "right"
    if newest < one.expires:
        return "open"
    if figure is None:
        return "unknown"
    return "right" if one.is_right(figure) else "wrong"


def verdicts_of_facts(rows: list[dict[str, Any]]) -> Mapping[str, str]:
    """Return per claim the verdict of its facts: refuted where one is, supported where all are confirmed."""
    found: dict[str, set[str]] = {}
    for row in rows:
        if row["claim_id"]:
            found.setdefault(row["claim_id"], set()).add(row["verdict"])
    return {
        claim: "refuted" if "refuted" in said else "supported" if said == {"confirmed"} else "weak"
        for claim, said in found.items()
    }
