"""The command `accept`: what waits for a person, and letting it in."""

from __future__ import annotations

import getpass
import json
import sys
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.errors import NothingHeld

if TYPE_CHECKING:
    import duckdb

    from ingest.home import Home
    from ingest.settings import Settings
    from warehouse.accepted import Held
    from warehouse.records import LandingResult
    from warehouse.snapshot_store import SnapshotStore

_Source = Annotated[str | None, typer.Argument(help="A source as the list names it.")]
_Group = Annotated[str | None, typer.Argument(help='A series, ticker or fund as the list names it; "" for the whole.')]
_All = Annotated[bool, typer.Option("--all", help="Everything that waits; with SOURCE everything of that source.")]
_Reason = Annotated[
    str | None,
    typer.Option("--reason", help="Why it is right; kept with your name and the moment.", metavar="TEXT"),
]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(accept)


def accept(
    source: _Source = None,
    group: _Group = None,
    everything: _All = False,
    reason: _Reason = None,
    as_json: Annotated[bool, typer.Option("--json", help="The list, for programs; moments are UTC.")] = False,
) -> None:
    """List what waits for a person; with SOURCE show old and new values; with SOURCE, GROUP and --reason let it in.

    What waits: more of a history gone at once than a correction takes back, changes that a publisher is declared not to
    make, and blocks of values that the checks doubt. What is let in lands at once from the archive, known from the
    moment it was seen; the marts have it with the next run or `tidegauge publish`.
    """
    if reason is None:
        if everything:
            raise typer.BadParameter("--all lets things in: say why with --reason TEXT")
        _show(source, group, as_json=as_json)
        return
    if as_json:
        raise typer.BadParameter("--json lists what waits: leave out --reason")
    if not reason.strip():
        raise typer.BadParameter("--reason is empty")
    if group is None and not everything:
        raise typer.BadParameter("name SOURCE and GROUP, or --all")
    _let_in(source, group, reason.strip())


# -- showing --------------------------------------------------------------------------------------------------------


def _show(source: str | None, group: str | None, *, as_json: bool) -> None:
    """Print the list, or the values of one source."""
    held = _held(source, group)
    if as_json:
        from serving.query.documents import say_json

        say_json(held)
        return
    if not held:
        _say("nothing waits for a person")
    for one in held:
        who = " ".join(filter(None, (one.source, one.group)))
        _say(f"{who}  ({one.table_id}, asked {one.batch_at:%Y-%m-%d %H:%M} UTC)\n  {one.check}: {one.message}")
        if source is not None:
            for line in _changes(one):
                _say(f"    {line}")
    if held:
        _say('Let in: tidegauge accept SOURCE GROUP --reason "…"')


def _held(source: str | None, group: str | None) -> list[Held]:
    """Return what waits, read from the build file; NothingHeld where nothing of that name does."""
    from ingest.errors import AnotherWriter
    from warehouse.accepted import waiting
    from warehouse.connection import is_writer_active
    from warehouse.status import build_file

    home = _home(_settings())
    with build_file(home, is_active=is_writer_active(home)) as con:
        if con is None and home.warehouse.exists():
            raise AnotherWriter(f"a run is writing to {home.root}: ask again when it has ended")
        found = waiting(con, source, group) if con is not None and _has_record(con) else []
    if not found and source is not None:
        raise NothingHeld(_nothing(source, group))
    return found


def _nothing(source: str | None, group: str | None) -> str:
    named = " ".join(filter(None, (source, group)))
    return f"nothing of {named} waits for a person; `tidegauge accept` lists what does" if named else "nothing waits"


def _has_record(con: duckdb.DuckDBPyConnection) -> bool:
    """Say whether the build file is of a version that records what is held."""
    found = "select 1 from duckdb_tables() where schema_name = 'ops' and table_name in ('held', 'accepted')"
    return len(con.execute(found).fetchall()) == 2


def _changes(one: Held) -> Iterator[str]:
    """Yield a line for each change: where, what is held, what came."""
    for change in one.changes:
        key = " ".join(str(part) for part in change["key"].values())
        held, came = change["held"], change["came"]
        names = [name for name in (held or came) if held is None or came is None or held[name] != came[name]]
        yield f"{key}: " + ", ".join(f"{name} {_value(held, name)} → {_value(came, name)}" for name in names)
    if one.changes_count > len(one.changes):
        yield f"and {one.changes_count - len(one.changes):,} more"


def _value(row: dict[str, Any] | None, name: str) -> str:
    return "-" if row is None or row[name] is None else json.dumps(row[name], ensure_ascii=False).strip('"')


# -- letting in -----------------------------------------------------------------------------------------------------


def _let_in(source: str | None, group: str | None, reason: str) -> None:
    """Land the answers that wait and print what landed."""
    from ingest.catalog import load_catalog
    from orchestration.session import held_origin, lake_for
    from warehouse.accepted import waiting
    from warehouse.connection import writer
    from warehouse.lake.snapshots import register_snapshots
    from warehouse.recorded import require_clock
    from warehouse.snapshot_store import store_in

    settings = _settings()
    home = _home(settings).ensure()
    settings = settings.model_copy(update={"origin": held_origin(home) or settings.origin})
    require_clock(home, settings.clock())
    lake = lake_for(home, settings)
    store = store_in(home.snapshots, lake)
    with writer(home, lake) as con:
        if lake is not None:
            register_snapshots(con, store)  # what a killed run left to be done
        held = waiting(con, source, group)
        if not held:
            raise NothingHeld(_nothing(source, group))
        # one batch at a time, the older first, as a rebuild will meet them
        ordered = sorted(held, key=lambda one: (one.batch_at, one.source))
        for (batch_at, connector), together in groupby(ordered, key=lambda one: (one.batch_at, one.source)):
            several = list(together)
            result = _land(con, home, settings, load_catalog(), connector, batch_at, several, reason, store)
            if lake is not None:
                register_snapshots(con, store)
            _say(_sentence(connector, several, result))
    _say("The marts have it with the next run, or with `tidegauge publish`.")


def _land(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    settings: Settings,
    catalog: Any,
    name: str,
    batch_at: datetime,
    held: Sequence[Held],
    reason: str,
    store: SnapshotStore,
) -> LandingResult:
    from ingest.archive import Archive
    from ingest.collect import replay
    from ingest.connectors import connector
    from orchestration.ingestion import judge
    from warehouse.landing import land_accepted

    one = connector(name)
    pairs = catalog.of_source(one.source) if one.has_series else ()
    batch = next(iter(replay(Archive(home.archive), one, pairs, at=batch_at.replace(tzinfo=UTC))), None)
    if batch is None:
        raise NothingHeld(f"{name}: the archive has no answer of {batch_at} UTC, nothing was let in")
    return land_accepted(
        con,
        batch,
        judge(con, batch, catalog),
        catalog,
        held,
        reason=reason,
        accepted_by=getpass.getuser(),
        run_id=f"accept-{uuid.uuid4().hex[:8]}",
        now=settings.clock(),
        snapshots=store,
    )


def _sentence(source: str, held: Sequence[Held], result: LandingResult) -> str:
    groups = ", ".join(sorted({one.group or "the whole answer" for one in held}))
    counts = f"{result.rows_new} new, {result.rows_changed} changed, {result.rows_withdrawn} withdrawn"
    return f"{source}: {groups} let in: {counts}" + (f"; still out: {result.error}" if result.error else "")


def _settings() -> Settings:
    from ingest.settings import load_settings

    return load_settings()


def _home(settings: Settings) -> Home:
    from ingest.home import home_at

    return home_at(settings.home)


def _say(text: str) -> None:
    from serving.query.terminal import say

    say(text, sys.stdout)
