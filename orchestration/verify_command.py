"""`tidegauge verify --lake`: what the lake has is computed here again, bucket by bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ingest.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    lake: Annotated[
        bool, typer.Option("--lake", help="Compute all that an engine computed into the lake here again.")
    ] = False,
) -> None:
    """Compare what engines computed with what this process computes from the raw tables; 3 where anything differs."""
    if not lake:
        raise typer.BadParameter("say what: --lake")
    from ingest.settings import load_settings

    for line in verify_lake(load_settings()):
        typer.echo(line)


def verify_lake(settings: Settings) -> list[str]:
    """Return what there is to say; AuditFailed where a bucket differs, or nothing can be compared."""
    from analytics.breadth.lake_verify import buckets_in_lake, verified
    from ingest.errors import AuditFailed, ConfigError, NothingPublished
    from ingest.home import home_at
    from orchestration.session import lake_for
    from warehouse.connection import WriterLock, connect, home_errors
    from warehouse.lake.belonging import require_ours

    home = home_at(settings.home)
    held = lake_for(home, settings)
    if held is None:
        raise ConfigError("there is no lake: set TIDEGAUGE_LAKE")
    if not home.warehouse.exists():
        raise NothingPublished(f"{home.root} has no warehouse yet: run `tidegauge run` first")
    with WriterLock(home), home_errors(home):
        con = connect(home, held)
        try:
            require_ours(con, home, held)
            buckets = buckets_in_lake(con)
            verdicts = list(verified(con, buckets, wide=settings.wide_universe))
        finally:
            con.close()
    if len(verdicts) < len(buckets):
        raise AuditFailed("raw tables have grown since the features were computed: run `tidegauge run`, then verify")
    different = [str(one) for one in verdicts if not one.is_equal]
    if different:
        raise AuditFailed(f"{len(different)} of {len(verdicts)} buckets differ: {'; '.join(different[:3])}")
    rows = sum(one.recorded.rows for one in verdicts)
    return [f"breadth.features: {len(verdicts)} buckets, {rows:,} rows, equal to what is computed here"]
