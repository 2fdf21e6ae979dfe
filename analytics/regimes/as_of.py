"""How the regime tables are read at a past moment, as models of the dbt project say it in their `meta: as_of`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from analytics.regimes.forward_returns import HORIZONS
from warehouse.as_of_text import Compiled

# Episodes whose beginning was known, and of one that was not yet over then, no end.
_EPISODES: Final = """
with begun as (
    select
        *,
        coalesce(ended_known_at <= $moment, false) as is_over,
        (select max(session_date) from stored.regime_daily) as newest_date
    from marts.regime_episodes
    where began_known_at <= $moment
)
select * exclude (is_over, newest_date) replace (
    case when is_over then ended_date end as ended_date,
    case when is_over then ended_known_at end as ended_known_at,
    case
        when is_over then sessions_count
        else (select count(*) from stored.regime_daily as k where k.session_date >= begun.began_date)
    end as sessions_count,
    case when is_over then calendar_days else newest_date - began_date + 1 end as calendar_days,
    case when is_over then went_to_state end as went_to_state,
    not is_over as is_running
)
from begun
"""


def _forward_returns() -> str:
    """Return the select of what followed, as far as it had: returns of horizons over by the last close known then."""
    shown = [
        f"case when r.entry_date <= p.last_date then r.{name} end as {name}"
        for name in ("entry_basis", "entry_open_index", "entry_close_index")
    ]
    for days in HORIZONS:
        for kind, leaves, known in (("", "exit", "p"), ("close_", "close_exit", "p"), ("total_", "close_exit", "f")):
            is_over = f"r.{leaves}_{days}d_date <= {known}.last_date"
            for measure in ("return",) if kind == "total_" else ("return", "max_adverse"):
                name = f"{kind}{measure}_{days}d_ratio"
                shown.append(f"case when {is_over} then r.{name} end as {name}")
            name = f"{kind}return_{days}d_reason"
            shown.append(f"case when {is_over} then r.{name} else 'pending' end as {name}")
    return f"""
select r.* replace ({", ".join(shown)})
from stored.forward_returns_daily as r
cross join (
    select max(period_date) as last_date from stored.observations
    where series_id = 'sp500_close' and value is not null
) as p
cross join (select max(session_date) as last_date from stored.prices_daily where ticker = 'SPY') as f
"""


_SCORES: Final = {"none": "scores the rules over all of the history that this file holds"}
AS_OF: Final[Mapping[str, Mapping[str, str]]] = {
    "forward_returns_daily": {"select": _forward_returns()},
    "regime_episodes": {"select": _EPISODES},
    "regime_falsification": _SCORES,
    "regime_known_episodes": _SCORES,
    "regime_outcomes": _SCORES,
    "regime_truth": {"none": "is the simulator's own, which nobody could know"},
    "regime_truth_confusion": _SCORES,
    "regime_truth_detection": _SCORES,
    "regime_validity": _SCORES,
}
"""The `as_of` of each regime table that is not its stored rows."""


def regime_relations() -> Iterator[Compiled]:
    """Yield the regime tables as the build keeps them beside dbt's models."""
    for name, as_of in AS_OF.items():
        yield Compiled("marts", name, as_of, "")
