"""Rows of breadth and flows of the marts, by session, each with the moment at which it was settled."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    import duckdb


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
