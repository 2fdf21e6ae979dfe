"""A release in PostgreSQL: loaded into a new schema, compared, and put in place of the one before, in one transaction.

Readers see the whole release before or the whole new one. Whoever is in a transaction that has read a table keeps that
release until it ends, and the new one waits for it: see `swap`. If anything goes wrong, the schema is what it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ingest import secrets as guarded
from ingest.errors import ConfigError, TargetUnusable
from serving.publish.release import Build, Table

if TYPE_CHECKING:
    import duckdb
    import psycopg

SCHEMA: Final = "tidegauge"
PATIENCE_SECONDS: Final = 900.0
_OLDEST: Final = 130000
_LONGEST_NAME: Final = 63
_CONNECT_SECONDS: Final = 15
_OURS: Final = "tidegauge release "
_UNCHANGED: Final = "the release that is in place stays"


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: an address (a URI or key words, see libpq), the schema, and who may read it."""

    dsn: str = field(repr=False)
    schema: str = SCHEMA
    roles: tuple[str, ...] = ()
    patience_seconds: float = PATIENCE_SECONDS


def publish(
    con: duckdb.DuckDBPyConnection,
    tables: Sequence[Table],
    build: Build,
    target: Target,
    notes: Sequence[str],
    tell: Callable[[str], None],
) -> list[str]:
    """Put `tables` in place of what the schema holds; return what to say of it.

    ConfigError for an address that is none; TargetUnusable where the database cannot be reached, does not allow it, has
    a schema of that name which is not ours, or holds something else than was sent.
    """
    from serving.publish.postgres_check import compare
    from serving.publish.postgres_load import load
    from serving.publish.postgres_swap import swap

    _refuse_names(target, tables)
    fresh = f"{target.schema[: _LONGEST_NAME - 13]}_{secrets.token_hex(4)}"
    with _connected(target) as connection, connection.cursor() as cursor:
        _require_server(cursor)
        _alone(cursor, target.schema)
        is_there = _is_ours(cursor, target.schema)
        cursor.execute(_sql("create schema {}", fresh))
        rows = load(cursor, con, tables, fresh)
        compare(cursor, con, tables, fresh)
        comment = f"{build.mark}{_OURS}{build.build_id}, built {build.built_at:%Y-%m-%d %H:%M} UTC. {' '.join(notes)}"
        cursor.execute(_sql("comment on schema {} is %s", fresh, comment.strip()))
        _grant(cursor, fresh, target.roles)
        swap(cursor, fresh, target.schema, is_there=is_there, patience_seconds=target.patience_seconds, tell=tell)
        connection.commit()
        where = f"{connection.info.dbname} on {connection.info.host or 'this machine'}, schema {target.schema}"
    told = f"{build.mark}PostgreSQL {where}: {len(tables)} tables, {rows:,} rows, release {build.build_id}"
    return [told, *(f"role {role} may read it" for role in target.roles)]


def name_in_database(table: Table) -> str:
    """Return the name of a table in the one schema: that of a mart as it is, others after `meta_`."""
    return table.name if table.schema == "marts" else f"{table.schema}_{table.name}"


@contextmanager
def _connected(target: Target) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection in a transaction. What goes wrong is a TargetUnusable that holds no password."""
    import psycopg

    password = _password_of(target.dsn)
    try:
        with psycopg.connect(
            target.dsn, connect_timeout=_CONNECT_SECONDS, application_name="tidegauge publish", client_encoding="utf8"
        ) as connection:
            connection.prepare_threshold = None
            yield connection
    except psycopg.Error as error:
        raise TargetUnusable(f"PostgreSQL: {_told(error, password)}; {_UNCHANGED}") from None


def _password_of(dsn: str) -> str | None:
    """Return the password of an address, from now on guarded; ConfigError, without a word of it, where it is none."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        password = conninfo_to_dict(dsn).get("password")
    except psycopg.Error:
        raise ConfigError(
            "the address of the database cannot be read: expected postgresql://user@host:5432/database or "
            "host=… dbname=… user=… (TIDEGAUGE_POSTGRES_DSN or --dsn)"
        ) from None
    if password:
        guarded.guard(str(password))
    return str(password) if password else None


def _told(error: psycopg.Error, password: str | None) -> str:
    """Return what the server said, on one line, with what it adds in detail."""
    detail = error.diag.message_detail or error.diag.context
    said = error.diag.message_primary or str(error)
    flat = " ".join(f"{said} ({detail})".split() if detail else said.split())
    return flat.replace(password, guarded.MASK) if password else flat


def _require_server(cursor: psycopg.Cursor[Any]) -> None:
    """Set what this transaction needs; TargetUnusable for a server that cannot take a release."""
    cursor.execute(
        """
        select current_setting('server_version_num')::int, current_setting('server_version'),
            current_setting('server_encoding'), pg_is_in_recovery() or current_setting('transaction_read_only')::bool
        """
    )
    number, version, encoding, is_read_only = cursor.fetchone() or (0, "", "", False)
    if number < _OLDEST:
        raise TargetUnusable(f"PostgreSQL: expected version 13 or later, found {version}; nothing was changed")
    if encoding != "UTF8":
        raise TargetUnusable(f"PostgreSQL: expected a database in UTF8, found {encoding}; nothing was changed")
    if is_read_only:
        raise TargetUnusable("PostgreSQL: the server or this user's transactions are read-only; nothing was changed")
    cursor.execute(
        """
        set local time zone 'UTC'; set local datestyle to iso; set local search_path to pg_catalog;
        set local statement_timeout to 0; set local lock_timeout to 0;
        set local idle_in_transaction_session_timeout to 0
        """
    )


def _alone(cursor: psycopg.Cursor[Any], schema: str) -> None:
    cursor.execute("select pg_try_advisory_xact_lock(hashtext('tidegauge publish'), hashtext(%s))", [schema])
    if cursor.fetchone() != (True,):
        raise TargetUnusable(f"another tidegauge is publishing into schema {schema}: wait for it; nothing was changed")


def _is_ours(cursor: psycopg.Cursor[Any], schema: str) -> bool:
    """Say whether there is a schema of that name; TargetUnusable where it is not one that a release was put into."""
    cursor.execute("select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = %s", [schema])
    row = cursor.fetchone()
    if row is None:
        return False
    if _OURS not in (row[0] or "")[:40]:
        found = f"the comment {row[0]!r}" if row[0] else "none"
        raise TargetUnusable(
            f"PostgreSQL: schema {schema} is there and tidegauge did not make it (expected a comment that begins with "
            f"{_OURS.strip()!r}, found {found}): name another with --schema; nothing was changed"
        )
    return True


def _grant(cursor: psycopg.Cursor[Any], schema: str, roles: Sequence[str]) -> None:
    """Let roles read the schema and do nothing else; one that is not there is created, without a login."""
    for role in roles:
        cursor.execute("select rolsuper, rolname = current_user from pg_roles where rolname = %s", [role])
        row = cursor.fetchone()
        if row is None:
            cursor.execute(_sql("create role {} nologin", role))
        elif any(row):
            what = "a superuser" if row[0] else "the owner of what is published"
            raise TargetUnusable(
                f"PostgreSQL: --role {role}: expected a role that only reads, found {what}; {_UNCHANGED}"
            )
        cursor.execute(_sql("grant usage on schema {} to {}", schema, role))
        cursor.execute(_sql("grant select on all tables in schema {} to {}", schema, role))


def _refuse_names(target: Target, tables: Sequence[Table]) -> None:
    """Refuse names that PostgreSQL would cut, and schemas that are the server's own."""
    if not target.schema or target.schema.startswith("pg_") or target.schema in {"public", "information_schema"}:
        raise TargetUnusable(f"--schema {target.schema}: expected a schema for the release alone; nothing was changed")
    names = [target.schema, *target.roles]
    for table in tables:
        names += [name_in_database(table), *table.names]
    for name in names:
        if len(name.encode()) > _LONGEST_NAME:
            raise TargetUnusable(f"{name}: expected a name of at most {_LONGEST_NAME} bytes; nothing was changed")


def _sql(statement: str, *parts: str) -> Any:
    """Return a statement with names in its braces and, for each %s after them, a text."""
    from psycopg import sql

    names = parts[: statement.count("{}")]
    text = statement.replace("%s", "{}")
    literals = [sql.Literal(part) for part in parts[len(names) :]]
    return sql.SQL(text).format(*map(sql.Identifier, names), *literals)
