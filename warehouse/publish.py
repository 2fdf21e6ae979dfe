"""Publication: marts and meta of the build file become one new, whole, read-only file that analysts open.

A release is complete under releases/ before it gets its name, and the published file is switched to it by one
rename. Whenever we are killed, the published file is one whole release: the old one or the new one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import duckdb

from ingest.clock import naive_utc
from ingest.errors import HomeUnusable, NothingPublished
from ingest.home import Home
from ingest.settings import Origin
from warehouse.asof import AsOf, as_of_queries, new_york_statements
from warehouse.connection import WriterLock, connect, home_errors

STORAGE_VERSION: Final = "v1.0.0"
"""Drivers of DuckDB 1.x and 2.x open it."""

SIMULATED_PREFIX: Final = "SIMULATED. "

_ALIAS: Final = "tidegauge"
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_RELEASE: Final = re.compile(r"tidegauge_((\d{8}T\d{6}Z)-[0-9a-f]{8})\.duckdb")


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table of the published file: its schema, name, comment and columns as (name, type, comment)."""

    schema: str
    name: str
    comment: str | None
    columns: tuple[tuple[str, str, str | None], ...]  # name, type, comment

    @property
    def path(self) -> str:
        return f"{_quoted(self.schema)}.{_quoted(self.name)}"


BUILD: Final = PublishedTable(
    "meta",
    "build",
    "Which release this file is. One row.",
    (
        ("build_id", "varchar", "Moment and content of the release: unique and sortable"),
        ("built_at", "timestamp", "UTC; the moment of the run that built it"),
        ("run_id", "varchar", "The run that built it"),
        ("code_version", "varchar", "Version of the code that built it"),
        ("origin", "varchar", "What the figures are: LIVE, SIMULATED or REAL FOLDER"),
        ("is_simulated", "boolean", "The figures come from the simulated market"),
        ("data_through_date", "date", "Newest session with a row in the marts"),
        (
            "content_sha256",
            "varchar",
            "Fingerprint of the marts, their schema and comments, the freshness states and the code version",
        ),
        ("tables_count", "bigint", "Tables in the schema marts"),
        ("rows_count", "bigint", "Rows in the schema marts"),
    ),
)
QUALITY: Final = PublishedTable(
    "meta",
    "quality",
    "Every check of the run that built this file. One row per stage, asset and check.",
    (
        ("run_id", "varchar", "The run that checked"),
        ("stage", "varchar", "gate, dbt, reconciliation, freshness or regimes"),
        ("asset", "varchar", "The table the check guards"),
        ("check_name", "varchar", "The check"),
        ("severity", "varchar", "error: a failure stops the publication; warn: it is reported"),
        ("is_passed", "boolean", "The check passed"),
        ("failed_count", "bigint", "Rows that failed, where rows were counted"),
        ("detail", "varchar", "What was expected and seen"),
        ("checked_at", "timestamp", "UTC; when it was checked"),
    ),
)
PUBLISH_TABLES: Final = (BUILD, QUALITY)
"""What publication itself writes; every other table of the file is a dbt model."""


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What a publication did; `unchanged` means that the current release says the same and nothing was written."""

    state: Literal["published", "unchanged"]
    build_id: str
    path: Path
    seconds: float


@dataclass(frozen=True, slots=True)
class Release:
    """One kept release."""

    build_id: str
    path: Path
    stamp: datetime  # aware UTC; in the order of publication
    size_bytes: int
    is_current: bool


def publish(
    home: Home,
    *,
    run_id: str,
    now: datetime,
    origin: Origin,
    code_version: str,
    keep: int,
) -> PublishResult:
    """Publish the marts of the build file, unless the current release already says the same.

    The caller holds WriterLock and has audited the build file. `now` is aware. Keeps the last `keep` releases.
    HomeUnusable when the disk is full or read-only; the published file is then what it was.
    """
    start = time.perf_counter()
    with home_errors(home):
        home.releases.mkdir(parents=True, exist_ok=True)
        home.published.parent.mkdir(parents=True, exist_ok=True)
        _sweep(home)
        con = connect(home)
        try:
            tables = _tables(con)
            queries = as_of_queries(con, tables)
            content = _fingerprint(con, tables, queries, code_version, origin)
            same = _same(home, content)
            if same is not None:
                if not same.is_current:  # it was rolled back from, or we were killed before the switch
                    _switch(home, same.path)
                state: Literal["published", "unchanged"] = "unchanged" if same.is_current else "published"
                return PublishResult(state, same.build_id, same.path, time.perf_counter() - start)
            build_id = f"{_stamp(home, now)}-{content[:8]}"
            path = home.releases / f"tidegauge_{build_id}.duckdb"
            build = (build_id, naive_utc(now), run_id, code_version, origin, origin == "SIMULATED")
            _write(con, _unfinished(path), tables, queries, build, content)
        finally:
            con.close()
        _check_opens(_unfinished(path), build_id, tables)
        _seal(path)
        _switch(home, path)
        _forget(home, keep)
    return PublishResult("published", build_id, path, time.perf_counter() - start)


def releases(home: Home) -> list[Release]:
    """Return the kept releases, newest first."""
    named = [(path, _RELEASE.fullmatch(path.name)) for path in home.releases.glob("tidegauge_*.duckdb")]
    found = sorted(((match[1], match[2], path) for path, match in named if match), reverse=True)
    current = _current_path(home, [path for *_, path in found])
    return [
        Release(
            build_id,
            path,
            datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC),
            path.stat().st_size,
            path == current,
        )
        for build_id, stamp, path in found
    ]


def rollback(home: Home, to: str | None = None) -> Release:
    """Make an older release the published one and return it: the one before the current, or the one of id `to`.

    Takes the writer lock. NothingPublished when there is no such release, HomeUnusable when its checksum is wrong.
    """
    with WriterLock(home), home_errors(home):
        chosen = _chosen(releases(home), to)
        expected, seen = _expected_sha256(chosen.path), _sha256(chosen.path)
        if seen != expected:
            raise HomeUnusable(
                f"release {chosen.build_id}: expected sha256 {expected}, got {seen}; the file is damaged and was not "
                "published. Name another release to go back to."
            )
        _switch(home, chosen.path)
        return next(release for release in releases(home) if release.build_id == chosen.build_id)


def _chosen(kept: list[Release], to: str | None) -> Release:
    if to is not None:
        for release in kept:
            if release.build_id == to:
                return release
        names = ", ".join(release.build_id for release in kept) or "none"
        raise NothingPublished(f"no release {to}; kept are: {names}")
    places = [place for place, release in enumerate(kept) if release.is_current]
    after = kept[places[0] + 1 :] if places else kept
    if not after:
        raise NothingPublished("there is no release before the current one to go back to")
    return after[0]


# -- what is copied ----------------------------------------------------------------------------------------------


def _tables(con: duckdb.DuckDBPyConnection) -> list[PublishedTable]:
    """Return tables and views of marts and meta, with comments, in order of name."""
    relations = con.execute(
        """
        select schema_name, table_name, comment from duckdb_tables()
        where database_name = current_database() and schema_name in ('marts', 'meta') and not internal
        union all
        select schema_name, view_name, comment from duckdb_views()
        where database_name = current_database() and schema_name in ('marts', 'meta') and not internal
        order by all
        """
    ).fetchall()
    columns = con.execute(
        """
        select schema_name, table_name, column_name, data_type, comment from duckdb_columns()
        where database_name = current_database() and schema_name in ('marts', 'meta') and not internal
        order by schema_name, table_name, column_index
        """
    ).fetchall()
    found: dict[tuple[str, str], list[tuple[str, str, str | None]]] = {}
    for schema, table, *column in columns:
        found.setdefault((schema, table), []).append((column[0], column[1], column[2]))
    return [
        PublishedTable(schema, name, comment, tuple(found[schema, name]))
        for schema, name, comment in relations
        if not (schema == "meta" and name in {BUILD.name, QUALITY.name})
    ]


def _fingerprint(
    con: duckdb.DuckDBPyConnection, tables: list[PublishedTable], queries: list[AsOf], code_version: str, origin: str
) -> str:
    """Return a sha256 of what an analyst would see differ: not of row order, run ids or ages."""
    lines = [f"code {code_version}", f"origin {origin}"]
    for table in tables:
        if table.schema == "marts":
            lines.append(repr(table))
            lines.append(repr(_content(con, table, [name for name, *_ in table.columns])))
        elif table.name == "freshness":
            names = {name for name, *_ in table.columns}
            lines.append(repr(_content(con, table, [n for n in ("series_id", "provider", "state") if n in names])))
    lines += [repr(query) for query in queries]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _content(con: duckdb.DuckDBPyConnection, table: PublishedTable, columns: list[str]) -> tuple[Any, ...]:
    """Return row count and two order-independent sums of row hashes (equal rows cancel in the first alone)."""
    if not columns:
        return ()
    listed = ", ".join(_quoted(column) for column in columns)
    found = con.execute(
        f"select count(*), bit_xor(hash({listed})), sum(hash({listed})::hugeint) from {table.path}"
    ).fetchone()
    assert found is not None
    return found


def _write(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    tables: list[PublishedTable],
    queries: list[AsOf],
    build: tuple[Any, ...],
    content: str,
) -> None:
    """Write the new file at `path` and close it."""
    con.execute(f"attach {_text(str(path))} as {_ALIAS} (storage_version '{STORAGE_VERSION}')")
    try:
        _fill(con, tables, queries, build, content)
        con.execute(f"checkpoint {_ALIAS}")
    finally:
        con.execute(f"detach {_ALIAS}")


def _fill(
    con: duckdb.DuckDBPyConnection,
    tables: list[PublishedTable],
    queries: list[AsOf],
    build: tuple[Any, ...],
    content: str,
) -> None:
    """Copy everything in one transaction: each of hundreds of comments would wait for the disk on its own."""
    source = _quoted(_one(con, "select current_database()"))
    prefix = SIMULATED_PREFIX if build[-1] else ""
    con.begin()
    try:
        con.execute(f"create schema {_ALIAS}.marts; create schema {_ALIAS}.meta")
        rows_count = 0
        for table in tables:
            con.execute(f"create table {_ALIAS}.{table.path} as from {source}.{table.path}")
            _comment(con, table, prefix)
            if table.schema == "marts":
                rows_count += int(_one(con, f"select count(*) from {_ALIAS}.{table.path}"))
        _write_quality(con, source, str(build[2]), prefix)
        tables_count = sum(table.schema == "marts" for table in tables)
        row = (*build, _data_through(con, tables), content, tables_count, rows_count)
        _write_build(con, row, prefix)
        _write_as_of(con, source, queries, str(build[0]), prefix)
        con.commit()
    except BaseException:
        con.rollback()
        raise


def _comment(con: duckdb.DuckDBPyConnection, table: PublishedTable, prefix: str) -> None:
    text = prefix + (table.comment or "")
    if text:
        con.execute(f"comment on table {_ALIAS}.{table.path} is {_text(text)}")
    for column, _, comment in table.columns:
        if comment:
            con.execute(f"comment on column {_ALIAS}.{table.path}.{_quoted(column)} is {_text(comment)}")


def _write_quality(con: duckdb.DuckDBPyConnection, source: str, run_id: str, prefix: str) -> None:
    con.execute(
        f"""
        create table {_ALIAS}.meta.quality as
        select {", ".join(name for name, *_ in QUALITY.columns)} from {source}.ops.checks
        where run_id = coalesce(
            (select any_value(run_id) from {source}.ops.checks where run_id = $run_id),
            (select arg_max(run_id, checked_at) from {source}.ops.checks)
        )
        order by stage, asset, check_name
        """,
        {"run_id": run_id},
    )
    _comment(con, QUALITY, prefix)


def _write_build(con: duckdb.DuckDBPyConnection, row: tuple[Any, ...], prefix: str) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind, _ in BUILD.columns)
    con.execute(f"create table {_ALIAS}.meta.build ({columns})")
    con.execute(f"insert into {_ALIAS}.meta.build values ({', '.join('?' * len(row))})", row)
    _comment(con, BUILD, prefix)


def _write_as_of(con: duckdb.DuckDBPyConnection, source: str, queries: list[AsOf], build_id: str, prefix: str) -> None:
    """Store the as-of macros and views. Their names are looked up in the file in use, so that is the new one."""
    con.execute(f"use {_ALIAS}")
    try:
        for statement in new_york_statements(prefix):
            con.execute(statement)
        for query in queries:
            for statement in query.statements(build_id, prefix):
                con.execute(statement)
    finally:
        con.execute(f"use {source}")


def _data_through(con: duckdb.DuckDBPyConnection, tables: list[PublishedTable]) -> Any:
    """Return the newest session of market_daily, or of the marts by session where that one is not built."""
    by_session = [
        table
        for table in tables
        if table.schema == "marts"
        and table.name != "sessions"  # the calendar reaches into the future
        and any(name == "session_date" for name, *_ in table.columns)
    ]
    wide = [table for table in by_session if table.name == "market_daily"]
    newest = [_one(con, f"select max(session_date) from {_ALIAS}.{table.path}") for table in wide or by_session]
    return max((day for day in newest if day is not None), default=None)


# -- files -------------------------------------------------------------------------------------------------------


def _check_opens(path: Path, build_id: str, tables: list[PublishedTable]) -> None:
    """Open the finished file as an analyst would; HomeUnusable when it is not what was written."""
    with duckdb.connect(str(path), read_only=True) as con:
        seen = _one(con, "select build_id from meta.build")
        count = _one(con, "select count(*) from duckdb_tables() where schema_name in ('marts', 'meta')")
    if seen != build_id or count != len(tables) + len(PUBLISH_TABLES):
        raise HomeUnusable(
            f"{path}: expected build {build_id} with {len(tables) + len(PUBLISH_TABLES)} tables, "
            f"got {seen} with {count}; it was not published"
        )


def _seal(path: Path) -> None:
    """Give the finished file its checksum, its mode and, last, its name."""
    unfinished = _unfinished(path)
    _flush(unfinished)
    checksum = _checksum_file(path)
    checksum.write_text(f"{_sha256(unfinished)}  {path.name}\n", encoding="ascii")
    _flush(checksum)
    unfinished.chmod(0o444)
    unfinished.rename(path)
    _flush(path.parent)


def _switch(home: Home, path: Path) -> None:
    """Make `path` the published file, by one rename; a hard link where the file system has them, else a copy."""
    waiting = home.published.with_name(f"{home.published.name}.tmp")
    waiting.unlink(missing_ok=True)
    try:
        os.link(path, waiting)
    except OSError:
        shutil.copyfile(path, waiting)
        waiting.chmod(0o444)
        _flush(waiting)
    waiting.replace(home.published)
    # A rename between two links to one file does nothing, by POSIX: published is that file already.
    waiting.unlink(missing_ok=True)
    _flush(home.published.parent)


def _forget(home: Home, keep: int) -> None:
    for release in releases(home)[keep:]:
        if not release.is_current:
            release.path.unlink()
            _checksum_file(release.path).unlink(missing_ok=True)


def _sweep(home: Home) -> None:
    """Remove what a killed publication left behind."""
    for leftover in (*home.releases.glob("*.tmp"), *home.releases.glob("*.tmp.wal")):
        leftover.unlink()
    home.published.with_name(f"{home.published.name}.tmp").unlink(missing_ok=True)
    for checksum in home.releases.glob("*.sha256"):
        if not checksum.with_suffix("").exists():
            checksum.unlink()


def _same(home: Home, content: str) -> Release | None:
    """Return the release that says `content` already: the current one before the others."""
    for release in sorted(releases(home), key=lambda release: not release.is_current):
        if _build_of(release.path)[1] == content and _sha256(release.path) == _expected_sha256(release.path):
            return release
    return None


def _current_path(home: Home, kept: list[Path]) -> Path | None:
    """Return the release that is published: the same file, or a copy that says the same build."""
    if not home.published.exists():
        return None
    for path in kept:
        if path.samefile(home.published):
            return path
    build_id = _build_of(home.published)[0]
    return next((path for path in kept if path.name == f"tidegauge_{build_id}.duckdb"), None)


def _build_of(path: Path) -> tuple[str, str]:
    with duckdb.connect(str(path), read_only=True) as con:
        found = con.execute("select build_id, content_sha256 from meta.build").fetchone()
    assert found is not None
    return str(found[0]), str(found[1])


def _stamp(home: Home, now: datetime) -> str:
    """Return the moment for a new build id: `now`, or just after the newest release where the clock stands still."""
    newest = max((release.stamp for release in releases(home)), default=None)
    moment = now.astimezone(UTC).replace(microsecond=0)
    if newest is not None and moment <= newest:
        moment = newest + timedelta(seconds=1)
    return moment.strftime(_STAMP)


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.tmp")


def _checksum_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _expected_sha256(path: Path) -> str:
    """Return the checksum written beside a release, or nothing that could match where it is missing."""
    checksum = _checksum_file(path)
    return checksum.read_text(encoding="ascii").split()[0] if checksum.exists() else "none on record"


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _one(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    found = con.execute(query).fetchone()
    assert found is not None
    return found[0]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
