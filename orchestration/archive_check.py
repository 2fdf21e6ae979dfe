"""Whether the archive, and the files of snapshot tables, are still what was put there: a sample, or all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ingest.archive import Archive
from ingest.errors import ArchiveDamaged, HomeUnusable
from ingest.home import Home
from ingest.secrets import blotted_body
from orchestration.finding import Finding

if TYPE_CHECKING:
    from warehouse.lake.setting import Lake

SAMPLE: Final = 60
"""So many answers, the newest among them and the others spread over the archive: a fraction of a second."""


def archive_finding(home: Home, *, full: bool) -> Finding:
    """Unpack and hash archived answers; a key in one of them (an older version put it there) is told too."""
    archive = Archive(home.archive)
    try:
        digests = list(dict.fromkeys(entry.sha256 for entry in archive.entries()))
    except ArchiveDamaged as error:
        return Finding("archive", "bad", str(error), "", ArchiveDamaged.exit_code)
    looked_at = digests if full else _sample(digests)
    damaged, with_key = [], 0
    for digest in looked_at:
        try:
            body = archive.body(digest)
        except ArchiveDamaged as error:
            damaged.append(str(error))
            continue
        with_key += blotted_body(body) is not body
    of = f"{len(looked_at):,} of {len(digests):,} answers"
    if damaged:
        more = f"; {len(damaged)} of {len(looked_at):,} looked at are damaged" if len(damaged) > 1 else ""
        return Finding("archive", "bad", f"{damaged[0]}{more}", "", ArchiveDamaged.exit_code)
    if with_key:
        advice = (
            "A version before this one kept them. Get a new key from the publisher, which makes this one worthless."
        )
        return Finding("archive", "note", f"{of} looked at: {with_key} hold a key that was sent back", advice)
    more = "" if full or len(looked_at) == len(digests) else "; `tidegauge doctor --full` looks at all"
    return Finding("archive", "good", f"{of} are what was put there{more}")


def snapshot_findings(home: Home, lake: Lake | None, *, full: bool) -> Iterator[Finding]:
    """Yield how the files of snapshot tables, in the home or its lake, compare with their index.

    Nothing in a home without such files.

    Each must be there in its length; with `full` each is hashed. Nothing is said while a writer has the build file.
    """
    if lake is None and not home.snapshots.is_dir():
        return
    import duckdb

    from warehouse.connection import is_writer_active
    from warehouse.snapshot_files import damaged_files, left_over_files
    from warehouse.snapshot_store import store_in
    from warehouse.status import build_file

    try:
        with build_file(home, is_active=is_writer_active(home)) as con:
            held = "select count(*) from duckdb_tables() where schema_name = 'ops' and table_name = 'snapshot_files'"
            if con is None or con.execute(held).fetchone() != (1,):
                return
            store = store_in(home.snapshots, lake)
            damaged = damaged_files(con, store, full=full)
            left_over = left_over_files(con, store)
            count = con.execute("select count(*) from ops.snapshot_files").fetchone()
    except (duckdb.Error, HomeUnusable):
        return  # what is said of the build file says it
    if damaged:
        more = f"; {len(damaged)} files are damaged" if len(damaged) > 1 else ""
        advice = "Run `tidegauge rebuild`: the archive gives it again."
        yield Finding("snapshots", "bad", f"{damaged[0].said}{more}", advice, HomeUnusable.exit_code)
    elif left_over:
        size = sum(size for _, size in left_over) / 1e6
        seen = f"{len(left_over)} files ({size:,.0f} MB) that no index names, {left_over[0][0]} the first"
        yield Finding(
            "snapshots", "note", seen, "A killed run or a rebuild left them; nothing reads them. Remove them."
        )
    else:
        more = "" if full else " in their length; `tidegauge doctor --full` hashes them"
        yield Finding("snapshots", "good", f"{0 if count is None else count[0]:,} files are what was put there{more}")


def _sample(digests: list[str]) -> list[str]:
    newest, older = digests[-SAMPLE // 2 :], digests[: -SAMPLE // 2]
    step = max(1, len(older) // (SAMPLE // 2))
    return [*older[::step][: SAMPLE // 2], *newest]
