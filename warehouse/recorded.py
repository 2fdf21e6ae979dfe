"""The newest moment that a home has recorded: a clock that stands before it would write the past anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from ingest.archive import Archive
from ingest.errors import ClockBehind, HomeUnusable
from ingest.home import Home
from warehouse.connection import is_writer_active
from warehouse.releases import build_of, releases
from warehouse.status import build_file

TOLERANCE: Final = timedelta(minutes=5)
"""So much a clock may be set back by whoever keeps it right."""


def require_clock(home: Home, now: datetime) -> None:
    """ClockBehind when `now` (aware) is before the newest fetch or build of `home`. Writes nothing.

    A run in the past would publish less than is known, and give what it fetches a moment before what is held.
    """
    newest = max(_moments(home, now), default=None)
    if newest is None or newest[0] - now <= TOLERANCE:
        return
    moment, what = newest
    raise ClockBehind(
        f"the clock stands at {now:%Y-%m-%d %H:%M} UTC, before the newest {what} in {home.root} "
        f"({moment:%Y-%m-%d %H:%M} UTC): nothing was touched. Set the clock right (TIDEGAUGE_NOW, or the machine's), "
        "or set TIDEGAUGE_HOME to another folder."
    )


def _moments(home: Home, now: datetime) -> Iterator[tuple[datetime, str]]:
    """Yield moments (aware UTC) and what they are of. Of releases only those whose name is after `now` are opened."""
    fetched = Archive(home.archive).newest_fetch()
    if fetched is not None:
        yield fetched, "fetch"
    for release in releases(home):
        # Of several releases at one moment each has a name of its own, a second later: the build tells the moment.
        build = build_of(release.path) if release.stamp > now and not release.is_damaged else None
        if build is not None:
            yield build.built_at.replace(tzinfo=UTC), "build"
    built = _newest_run(home)
    if built is not None:
        yield built, "build"


def _newest_run(home: Home) -> datetime | None:
    """Return when a run last built the marts; None where the build file cannot tell now."""
    try:
        with build_file(home, is_active=is_writer_active(home)) as con:
            if con is None or not con.execute("from duckdb_tables() where table_name = 'runs'").fetchone():
                return None
            found = con.execute("select max(recorded_at) from ops.runs where state not in ('started', 'failed')")
            newest = (found.fetchone() or (None,))[0]
    except HomeUnusable:
        return None  # damaged: whoever opens it to write will say so, and a rebuild must not be kept from it
    return newest.replace(tzinfo=UTC) if newest is not None else None
