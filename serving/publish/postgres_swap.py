"""The new release takes the place of the one before, when nobody is reading that one.

All tables of the old release are locked first: a transaction that has read one of them holds it until it ends, so
nobody can meet two releases in one transaction. The lock is asked for briefly, less long than PostgreSQL lets two sides
of a deadlock wait for each other, and then again: a long reader delays the new release, other readers wait for a moment
at most, and none of them is ever ended for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import TargetUnusable
from serving.publish.dictionary import DICTIONARY
from warehouse.sql import quoted

if TYPE_CHECKING:
    import psycopg

_LONGEST_WAIT_MS: Final = 500
_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 3.0
"""Between tries, longer from one to the next: while one is made, new readers wait."""
_SAY_AGAIN_SECONDS: Final = 60.0


def swap(
    cursor: psycopg.Cursor[Any],
    fresh: str,
    schema: str,
    *,
    is_there: bool,
    patience_seconds: float,
    tell: Callable[[str], None],
) -> None:
    """Give the schema `fresh` the name `schema`, and drop what had it. The caller commits.

    TargetUnusable when readers do not end in time, or when something of somebody else hangs on the old tables.
    """
    import psycopg

    old = f"{fresh}_old"[-63:]
    try:
        if is_there:
            tables = _tables(cursor, schema)
            _lock(cursor, schema, tables, patience_seconds, tell)
            _run(cursor, f"alter schema {quoted(schema)} rename to {quoted(old)}")
            _run(cursor, f"alter schema {quoted(fresh)} rename to {quoted(schema)}")
            if tables:
                _run(cursor, f"drop table {', '.join(f'{quoted(old)}.{quoted(name)}' for name in tables)} restrict")
            _run(cursor, f"drop schema {quoted(old)} restrict")
        else:
            _run(cursor, f"alter schema {quoted(fresh)} rename to {quoted(schema)}")
    except psycopg.errors.DependentObjectsStillExist as error:
        hanging = " ".join((error.diag.message_detail or "").replace(quoted(old), schema).replace(old, schema).split())
        raise TargetUnusable(
            f"PostgreSQL: something that tidegauge did not make hangs on schema {schema} and would be lost: {hanging} "
            "Move it elsewhere or drop it, and publish again; the release that is in place stays"
        ) from None


def _tables(cursor: psycopg.Cursor[Any], schema: str) -> list[str]:
    """Return the tables that the release before brought, by its own dictionary: any other is somebody else's."""
    own = f"{quoted(schema)}.{quoted(f'meta_{DICTIONARY[0]}')}"
    cursor.execute("select to_regclass(%s) is not null", [own])
    if cursor.fetchone() != (True,):
        return []
    cursor.execute(
        f"""
        select relname from pg_class
        where relkind = 'r' and relnamespace = to_regnamespace(%s) and (oid = to_regclass(%s) or relname in (
            select regexp_replace(replace(table_path, '.', '_'), '^marts_', '') from {own})) order by relname
        """,
        [quoted(schema), own],
    )
    return [name for (name,) in cursor.fetchall()]


def _lock(
    cursor: psycopg.Cursor[Any], schema: str, tables: list[str], patience_seconds: float, tell: Callable[[str], None]
) -> None:
    import psycopg

    if not tables:
        return
    wait = _wait_ms(cursor)
    began = time.monotonic()
    said = float("-inf")
    for tries in count(1):
        _run(cursor, "savepoint before_lock")
        try:
            _run(cursor, f"set local lock_timeout to {wait}; set local statement_timeout to {wait}")
            names = ", ".join(f"{quoted(schema)}.{quoted(name)}" for name in tables)
            _run(cursor, f"lock table {names} in access exclusive mode")
            _run(cursor, "set local lock_timeout to 0; set local statement_timeout to 0")
            return
        except (
            psycopg.errors.LockNotAvailable,
            psycopg.errors.QueryCanceled,
            psycopg.errors.DeadlockDetected,
        ):
            _run(cursor, "rollback to savepoint before_lock")
        readers = _readers(cursor, schema)
        now = time.monotonic()
        if now - began > patience_seconds:
            raise TargetUnusable(
                f"PostgreSQL: readers held the release in schema {schema} for {patience_seconds:,.0f} seconds "
                f"({readers}): end them, or publish again later; the release that is in place stays"
            )
        if now - said > _SAY_AGAIN_SECONDS:
            said = now
            tell(f"waiting for readers of schema {schema} to end their transactions: {readers}")
        time.sleep(min(tries * _PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS))


def _wait_ms(cursor: psycopg.Cursor[Any]) -> int:
    """Return for how long to wait for the locks: less than after which PostgreSQL looks for deadlocks."""
    cursor.execute("select setting::int from pg_settings where name = 'deadlock_timeout'")
    (deadlock_ms,) = cursor.fetchone() or (2 * _LONGEST_WAIT_MS,)
    return max(1, min(_LONGEST_WAIT_MS, int(deadlock_ms) // 2))


def _readers(cursor: psycopg.Cursor[Any], schema: str) -> str:
    cursor.execute(
        """
        select distinct a.pid, a.usename, a.application_name, to_char(a.xact_start at time zone 'UTC', 'HH24:MI:SS')
        from pg_locks as l join pg_class as c on c.oid = l.relation join pg_stat_activity as a on a.pid = l.pid
        where c.relnamespace = to_regnamespace(%s) and l.granted and l.pid <> pg_backend_pid() order by a.pid limit 5
        """,
        [quoted(schema)],
    )
    found = [
        f"pid {pid}, {' '.join(filter(None, (user, application))) or 'nobody known'}, since {since or '?'} UTC"
        for pid, user, application, since in cursor.fetchall()
    ]
    return "; ".join(found) or "they have just ended"


def _run(cursor: psycopg.Cursor[Any], statement: str) -> None:
    cursor.execute(statement)
