"""The command `publish`: a new release from what has landed, or the published one elsewhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ingest.home import Home
    from ingest.settings import Settings
    from serving.publish.publishing import Copied


class Form(StrEnum):
    """Where a release can go."""

    parquet = "parquet"
    csv = "csv"
    xlsx = "xlsx"
    postgres = "postgres"


AcceptLoss = Annotated[
    bool, typer.Option("--accept-loss", help="Publish although a headline loses values that the release before shows.")
]
FullBuild = Annotated[
    bool, typer.Option("--full-build", help="Build and test every mart and claim, also those that nothing new feeds.")
]
_To = Annotated[Form | None, typer.Option("--to", help="Copy the published release there; nothing is built.")]
_Out = Annotated[
    Path | None, typer.Option(help="Folder for files: the newest are in FOLDER/<format>.", metavar="FOLDER")
]
_Tables = Annotated[list[str] | None, typer.Option("--table", help="Only this table, whole; may be repeated.")]
_Dsn = Annotated[
    str | None,
    typer.Option(
        help="Address of the database. Others on this machine see it: TIDEGAUGE_POSTGRES_DSN keeps a password private."
    ),
]
_Schema = Annotated[str | None, typer.Option(help="Schema of the database, for releases alone.  [default: tidegauge]")]
_Roles = Annotated[
    list[str] | None, typer.Option("--role", help="Role that may read it, created if need be; may be repeated.")
]
_Restricted = Annotated[
    bool, typer.Option("--include-restricted", help="Put in what its licence does not let you pass on.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(publish)


def publish(
    to: _To = None,
    out: _Out = None,
    table: _Tables = None,
    dsn: _Dsn = None,
    schema: _Schema = None,
    role: _Roles = None,
    include_restricted: _Restricted = False,
    accept_loss: AcceptLoss = False,
    full_build: FullBuild = False,
) -> None:
    """Build the marts from what has landed, audit, publish, report. With --to: copy the published release elsewhere.

    No source is asked. A copy is whole or not at all, and readers of the one before are not disturbed.
    """
    if to is None:
        if out or table or dsn or schema or role or include_restricted:
            raise typer.BadParameter("say where to with --to parquet, csv, xlsx or postgres")
        _build(accept_loss=accept_loss, full_build=full_build)
        return
    if accept_loss or full_build:
        raise typer.BadParameter("--accept-loss and --full-build are for a new release; --to copies the published one")
    from serving.query.terminal import say

    for line in _copied(to, out, table or [], dsn, schema, role or [], include_restricted).lines:
        say(line)


def _copied(
    to: Form,
    out: Path | None,
    tables: list[str],
    dsn: str | None,
    schema: str | None,
    roles: list[str],
    include_restricted: bool,
) -> Copied:
    from serving.publish.publishing import copy_to_folder, copy_to_postgres

    settings = _settings()
    home = _home(settings)
    if to is not Form.postgres:
        if dsn or schema or roles:
            raise typer.BadParameter("--dsn, --schema and --role go with --to postgres")
        if out is None:
            raise typer.BadParameter(f"--to {to} needs --out FOLDER")
        return copy_to_folder(home, to.value, out, include_restricted=include_restricted, only=tables)
    if out or tables:
        raise typer.BadParameter("--out and --table go with files; PostgreSQL gets the whole release")
    from orchestration.unexpected import complain
    from serving.publish.postgres import SCHEMA, Target

    kept = settings.postgres_dsn
    address = dsn or (kept.get_secret_value() if kept else None)
    if address is None:
        raise typer.BadParameter("--to postgres needs TIDEGAUGE_POSTGRES_DSN or --dsn")
    target = Target(address, schema or SCHEMA, tuple(roles))
    return copy_to_postgres(
        home, target, include_restricted=include_restricted, tell=lambda told: complain(f"tidegauge: {told}")
    )


def _build(*, accept_loss: bool, full_build: bool) -> None:
    from orchestration.cli import build_release

    build_release(accept_loss=accept_loss, full_build=full_build)


def _settings() -> Settings:
    from ingest.settings import load_settings

    return load_settings()


def _home(settings: Settings) -> Home:
    from ingest.home import home_at

    return home_at(settings.home)
