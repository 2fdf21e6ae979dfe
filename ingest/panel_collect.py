"""One panel desk, from its publisher to typed rows: fetch, archive, parse. What breaks is named; the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from ingest.archive import Archive
from ingest.clock import naive_utc
from ingest.errors import SourceError, SymbolUnknown
from ingest.gathering import archived_batches, fetched, parsed
from ingest.kit import Http, Payload
from ingest.panel import PanelTable, panel_table
from ingest.panel_desks import PanelDesk
from ingest.panel_kit import (
    FORMER,
    STANDING,
    HasSecondOpinion,
    PanelBatch,
    PanelContext,
    PanelModule,
    PanelWindow,
    PartOfPanelChanged,
)
from ingest.rules.doubles import one_row_each, panel_key


def collect_panel(desk: PanelDesk, context: PanelContext, *, module: PanelModule | None = None) -> PanelBatch:
    """Ask one desk's publisher for everything and return what came, with a problem for each thing that broke.

    Fails as ingest.collect.collect does. Payloads are archived under the name of the desk.
    """
    asking = module or desk.module
    told = replace(context, http=_Desk(context.http, desk.name))
    gathered = _Gathered(desk)
    fetched_at = context.clock()
    context.http.begin(fetched_at.isoformat())
    try:
        for item in fetched(desk.name, lambda: asking.fetch(told)):
            if isinstance(item, SourceError):
                gathered.fetch_failed(item)
            else:
                gathered.take(asking, item)
    finally:
        context.http.flush()
    return gathered.batch(fetched_at)


def replay_panel(archive: Archive, desk: PanelDesk, *, module: PanelModule | None = None) -> Iterator[PanelBatch]:
    """Parse what the archive holds of a desk again, batch by batch in the order in which it was fetched."""
    asking = module or desk.module
    for fetched_at, payloads in archived_batches(archive, desk.name):
        gathered = _Gathered(desk)
        for payload in payloads:
            gathered.take(asking, payload)
        yield gathered.batch(fetched_at)


def empty_table(table: PanelTable) -> pl.DataFrame:
    """Return no rows of a batch's table: rows_schema and fetched_at."""
    return pl.DataFrame(schema={**table.rows_schema, "fetched_at": pl.Datetime("us")})


@dataclass(frozen=True, slots=True)
class _Desk:
    """The run's Http as a desk sees it: what it asks for is archived under the desk's own name.

    Yahoo and user files are asked by two desks, and a rebuild tells them apart by it.
    """

    http: Http
    name: str

    def get(
        self,
        source: str,  # noqa: ARG002 - the desk's name stands in its place
        name: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        secret_params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        meta: Mapping[str, str] | None = None,
        accept_status: tuple[int, ...] = (200,),
    ) -> Payload:
        return self.http.get(
            self.name,
            name,
            url,
            params=params,
            secret_params=secret_params,
            headers=headers,
            meta=meta,
            accept_status=accept_status,
        )

    def keep(self, payload: Payload) -> Payload:
        return self.http.keep(replace(payload, source=self.name))

    def rewrite(self, url: str) -> str:
        return self.http.rewrite(url)

    def latest(self, source: str, name: str) -> Payload | None:  # noqa: ARG002 - as in get
        return self.http.latest(self.name, name)

    def begin(self, batch: str) -> None:
        self.http.begin(batch)

    def flush(self) -> None:
        self.http.flush()


@dataclass(slots=True)
class _Gathered:
    """What has come so far."""

    desk: PanelDesk
    frames: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    windows: list[PanelWindow] = field(default_factory=list)
    payloads: list[Payload] = field(default_factory=list)
    problems: list[SourceError] = field(default_factory=list)
    lacks: list[SymbolUnknown] = field(default_factory=list)
    compared: dict[str, pl.DataFrame] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)  # groups of which a part is missing from this batch
    is_whole: bool = True  # nothing at all is missing

    def fetch_failed(self, error: SourceError) -> None:
        """Take the error of one request, or of the whole fetch."""
        self.problems.append(error)
        self.doubtful.add(error.payload)
        self.is_whole = False

    def take(self, module: PanelModule, payload: Payload) -> None:
        """Parse one payload; keep its rows and windows, or the reason why there are none."""
        self.payloads.append(replace(payload, body=b"", bytes_count=len(payload.body)))
        found = parsed(self.desk.name, payload, module.parse)
        if isinstance(found, PartOfPanelChanged):
            tables = found.tables
            self.problems.extend(found.problems)
            self.doubtful |= found.groups
        elif isinstance(found, SymbolUnknown) and payload.meta.get(STANDING) == FORMER:
            self.lacks.append(found)
            return
        elif isinstance(found, SourceError):
            self.problems.append(found)
            self.doubtful |= {found.payload, *payload.meta.values()}
            self.is_whole = False
            return
        else:
            tables = found
        self._hold_to_contract(payload, tables)
        if isinstance(module, HasSecondOpinion):
            self.compared |= module.second_opinion(payload)
        self.windows.extend(module.windows(payload, tables))
        moment = pl.lit(naive_utc(payload.fetched_at), dtype=pl.Datetime("us"))
        for table_id, rows in tables.items():
            if not rows.is_empty():
                self.frames.setdefault(table_id, []).append(rows.with_columns(moment.alias("fetched_at")))

    def batch(self, fetched_at: datetime) -> PanelBatch:
        """Return everything as one batch."""
        return PanelBatch(
            source=self.desk.source,
            tables={table.id: self._rows(table) for table in self.desk.tables},
            windows=self._trusted_windows(),
            payloads=tuple(self.payloads),
            problems=tuple(self.problems),
            fetched_at=fetched_at,
            desk=self.desk.name,
            lacks=tuple(self.lacks),
            compared=dict(self.compared),
        )

    def _rows(self, table: PanelTable) -> pl.DataFrame:
        """Return all rows, repeats left out. Where payloads overlap the later one speaks; clashes are for the gate."""
        frames = self.frames.get(table.id)
        if not frames:
            return empty_table(table)
        rows = pl.concat([frame.with_columns(_order=pl.lit(number)) for number, frame in enumerate(frames)])
        if len(frames) > 1:
            keys = [column.name for column in table.keys]
            last = rows.group_by(keys).agg(pl.col("_order").max().alias("_last"))
            if last.height < rows.height:
                rows = rows.join(last, on=keys, nulls_equal=True, maintain_order="left").filter(
                    pl.col("_order") == pl.col("_last")
                )
                rows = rows.drop("_last")
        return one_row_each(rows.drop("_order"), panel_key(table))

    def _trusted_windows(self) -> tuple[PanelWindow, ...]:
        """Return the windows, each once, but for groups of which a part may have been lost.

        What is absent there may have stood in the lost part: it must look neither withdrawn nor late. A source that
        has no groups answers whole or not at all.
        """
        kept = (w for w in self.windows if (w.group not in self.doubtful if w.group else self.is_whole))
        return tuple(dict.fromkeys(kept))

    def _hold_to_contract(self, payload: Payload, tables: Mapping[str, pl.DataFrame]) -> None:
        """Raise on what only a bug of ours can cause: another table, other columns than agreed."""
        for table_id, rows in tables.items():
            if table_id not in self.desk.table_ids:
                raise ValueError(f"bug: parse of {self.desk.name}: {payload.name} returned {table_id}")
            if dict(rows.schema) != dict(panel_table(table_id).rows_schema):
                raise TypeError(f"bug: {self.desk.name}: {payload.name}: {table_id} has {rows.schema}")
