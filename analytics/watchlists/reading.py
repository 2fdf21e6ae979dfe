"""The SQL of the watchlists: what each item was at each cut-off, in one select over the marts that there are.

Items of `input` and `known` are read from the row of the session, which was made point in time. Rows of a `select` are
placed at the first session whose cut-off is not before their known_at and whose date is not before their period; of
what has been placed by a session the greatest period counts, as intermediate.int_known has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from datetime import date
from typing import Final

from analytics.watchlists.declared import UNKNOWN, Item, condition, items, watchlists
from warehouse.sql import quoted, text

MISSING: Final = "missing"
STALE: Final = "stale"
NOT_BUILT: Final = "not yet built"

FIRST_SESSION: Final = date(2012, 1, 3)
"""Lists begin here: most of what they watch has no longer history, and each session has a row for every item."""

_ENTRY: Final = ("value", "obs_date", "known_at", "reason")
_PERIOD_ENDS: Final = {
    "daily": "obs_date",
    "monthly": "last_day(obs_date)",
    "quarterly": "last_day(obs_date + interval 2 month)",
}
Columns = Mapping[str, Set[str]]
"""The columns of each mart that there is."""


def daily_sql(there: Columns) -> str:
    """Return the select of watchlist_daily, where the marts have the columns `there`."""
    parts = [*_of_the_session(there), *_placed(there), *_not_built(there)]
    return f"""
with {_days(there)},
{_facts(there)}
found as ({" union all by name ".join(parts)}),
told as (select *, reason is null and coalesce(state, '{UNKNOWN}') <> '{UNKNOWN}' as is_told from found)
select session_date, cutoff_at, i.watchlist, i.item, case when is_told then state else '{UNKNOWN}' end as state,
    case when reason is null then value end as value, i.unit, i.threshold, known_at, obs_date,
    case when not is_told then coalesce(reason, '{MISSING}') end as reason
from told inner join (values {_listed()}) as i (place, watchlist, item, unit, threshold) using (place)
order by session_date, place
"""


def summary_sql() -> str:
    """Return the select of watchlist_summary_daily from watchlist_daily."""
    warns = ", ".join(
        f"({text(name)}, {text(item_name)}, [{', '.join(map(text, item.warns))}]::varchar[])"
        for name, item_name, item in items()
    )
    return f"""
with marked as (
    select d.*, list_contains(i.warns, state) as is_on, state = '{UNKNOWN}' as is_unknown
    from marts.watchlist_daily as d inner join (values {warns}) as i (watchlist, item, warns) using (watchlist, item)
),
counted as (
    select session_date, any_value(cutoff_at) as cutoff_at, watchlist, count(*) as items_count,
        count(*) filter (where is_on) as on_count,
        count(*) filter (where is_unknown) as unknown_count,
        string_agg(item || ' (' || reason || ')', ', ' order by item) filter (where is_unknown) as unknown_items,
        max(known_at) as known_at{"".join(f", {count}" for count in _checklists())}
    from marked group by session_date, watchlist
)
select c.session_date, c.cutoff_at, c.watchlist, case c.watchlist {_summaries()} end as state,
    c.items_count, c.on_count, c.items_count - c.on_count - c.unknown_count as off_count, c.unknown_count,
    c.unknown_items, c.known_at
from counted as c inner join marts.regime_daily as r using (session_date)
order by c.session_date, c.watchlist
"""


def is_built(item: Item, there: Columns) -> bool:
    """Whether the marts that a select reads are there, with the columns that it reads."""
    return all(set(columns) <= set(there.get(mart, ())) for mart, columns in item.needs.items())


def _placed_items() -> Iterator[tuple[int, Item]]:
    """Yield every item with its place in the order."""
    for place, (_, _, item) in enumerate(items(), start=1):
        yield place, item


def _listed() -> str:
    return ", ".join(
        f"({place}, {text(name)}, {text(item_name)}, {text(item.unit)}, {text(item.threshold)})"
        for place, (name, item_name, item) in enumerate(items(), start=1)
    )


def _days(there: Columns) -> str:
    """Return the sessions with what `input`, `leg`, `column` and `known` read; each JSON text is looked at once."""
    paths = [f"$.{item.input}.{part}" for _, item in _placed_items() if item.input for part in _ENTRY]
    legs = [f'$.{item.leg}."5d"' for _, item in _placed_items() if item.leg]
    columns = sorted({item.column for _, item in _placed_items() if item.column})
    known = sorted({item.known for _, item in _placed_items() if item.known} & _known(there))
    beside = [part for name in known for part in (name, _of(name, "obs_date"), _of(name, "known_at"))]
    dimensions = sorted({f"{item.input.partition('.')[0]}_reason" for _, item in _placed_items() if item.input})
    return f"""days as materialized (
    select r.session_date, r.cutoff_at, row_number() over (order by r.session_date) as seq,
        json_extract_string(r.inputs_json, [{", ".join(map(text, paths))}]) as inputs,
        json_extract_string(r.sentiment_legs_json, [{", ".join(map(text, legs))}]) as legs,
        {", ".join(f"r.{quoted(name)}" for name in [*columns, *dimensions])}
        {"".join(f", k.{quoted(name)}" for name in beside)}
    from marts.regime_daily as r{" left join marts.market_known_daily as k using (session_date)" if known else ""}
    where session_date >= date '{FIRST_SESSION}'
)"""


def _known(there: Columns) -> Set[str]:
    return there.get("market_known_daily", frozenset())


def _of(column: str, ending: str) -> str:
    """Return the column beside a value of market_known_daily: its name without the unit, and what it has of it."""
    return f"{column.rpartition('_')[0]}_{ending}"


def _of_the_session(there: Columns) -> Iterator[str]:
    """Yield the items that the row of the session has."""
    inputs = legs = 0
    for place, item in _placed_items():
        state = f"{quoted(item.column)}::varchar" if item.column else ""
        if item.leg:
            legs += 1
            state = f"legs[{legs}]"
        if item.input:
            value, obs_date, known_at, reason = (f"inputs[{inputs + part}]" for part in range(1, 5))
            inputs += 4
            value = f"{value}::double * {item.times!r}"
            of_state = f"coalesce({reason}, {quoted(item.input.partition('.')[0] + '_reason')}, '{MISSING}')"
            state = state or _judged(item, value)
            why = f"case when {value} is null or coalesce({state}, '{UNKNOWN}') = '{UNKNOWN}' then {of_state} end"
        elif item.known and item.known in _known(there):
            value, obs_date, known_at = (
                quoted(part) for part in (item.known, _of(item.known, "obs_date"), _of(item.known, "known_at"))
            )
            why = f"case when {obs_date} is null then {text(item.absent)} when {value} is null then '{STALE}' end"
        else:
            continue
        yield f"""select session_date, cutoff_at, {place} as place, {value} as value, {obs_date}::date as obs_date,
    {known_at}::timestamp as known_at, {state or _judged(item, value)} as state, {why} as reason from days"""


def _judged(item: Item, value: str) -> str:
    """Return the state of a value by its threshold."""
    assert item.holds is not None
    return f"({condition(item.holds, value)})::varchar"


def _facts(there: Columns) -> str:
    """Return the rows of all selects, each from the session on whose cut-off could have had it; of these the newest."""
    selects = [
        f"select {place} as place, obs_date::date as obs_date, value,"
        f" {'state::varchar' if item.gives_state else _judged(item, 'value')} as state, known_at,"
        f" ({_PERIOD_ENDS[item.period]} + {item.stale_days})::date as stale_date"
        # a sum depends in its last digits on the order of its parts
        f" from (select * replace (round(value::double, 6) as value) from ({item.query}))"
        for place, item in _placed_items()
        if item.select and is_built(item, there)
    ]
    if not selects:
        return ""
    return f"""facts as ({" union all ".join(selects)}),
placed as (
    select f.place, f.obs_date, f.known_at, greatest(k.seq, p.seq) as seq,
        struct_pack(obs_date, value, state, known_at, stale_date) as pick
    from facts as f
    asof inner join (select seq, cutoff_at from days) as k on f.known_at <= k.cutoff_at
    asof inner join (select seq, session_date from days) as p on f.obs_date <= p.session_date
),
arrived as (
    select place, seq, arg_max(pick, (obs_date, known_at)) as pick, max(obs_date) as newest_date
    from placed group by place, seq
),
newest as (
    select * from arrived qualify newest_date >= max(newest_date) over (partition by place order by seq)
),"""


def _placed(there: Columns) -> Iterator[str]:
    """Yield the items of selects on every session: one select for them all."""
    found = [
        f"({place}, {text(item.absent)})" for place, item in _placed_items() if item.select and is_built(item, there)
    ]
    if found:
        yield f"""select d.session_date, d.cutoff_at, d.place, n.pick.value as value, n.pick.obs_date as obs_date,
    n.pick.known_at as known_at, n.pick.state as state,
    case when n.pick is null then d.absent when d.session_date > n.pick.stale_date then '{STALE}' end as reason
from (
    select session_date, cutoff_at, seq, place, absent
    from days cross join (values {", ".join(found)}) as i (place, absent)
) as d
asof left join newest as n on d.place = n.place and d.seq >= n.seq"""


def _not_built(there: Columns) -> Iterator[str]:
    """Yield the items whose mart is not there."""
    found = [
        f"({place})"
        for place, item in _placed_items()
        if (item.select and not is_built(item, there)) or (item.known and item.known not in _known(there))
    ]
    if found:
        yield f"""select session_date, cutoff_at, place, null::double as value, null::date as obs_date,
    null::timestamp as known_at, null::varchar as state, '{NOT_BUILT}' as reason
from days cross join (values {", ".join(found)}) as i (place)"""


def _checklists() -> Iterator[str]:
    """Yield, for each list that counts some of its items, how many of them warn and how many are unknown."""
    for name, watchlist in watchlists().items():
        if watchlist.summary.items:
            of = f"watchlist = {text(name)} and item in ({', '.join(map(text, watchlist.summary.items))})"
            yield f"count(*) filter (where {of} and is_on) as {name}_on"
            yield f"count(*) filter (where {of} and is_unknown) as {name}_unknown"


def _summaries() -> str:
    found = []
    for name, watchlist in watchlists().items():
        summary = watchlist.summary
        if summary.column:
            found.append(f"when {text(name)} then r.{quoted(summary.column)}")
        elif summary.items:
            found.append(
                f"when {text(name)} then case when c.{name}_on >= {summary.at_least} then 'true'"
                f" when c.{name}_on + c.{name}_unknown < {summary.at_least} then 'false' else '{UNKNOWN}' end"
            )
    return " ".join(found)
