"""One host of several that share Dagster's state: runs a small job that logs a word, which may be a password."""

from __future__ import annotations

import sys

from dagster import job, op
from pydantic import SecretStr

from ingest.home import Home
from ingest.settings import load_settings
from orchestration.guarded import guard_stores
from orchestration.instance import open_instance


def run(home: Home, dsn: SecretStr | None, name: str, word: str) -> None:
    """Run the job once, tagged with the name of the host."""

    @op
    def measure(context) -> None:
        context.log.info(f"measured with {word}")

    @job
    def tide() -> None:
        measure()

    guard_stores()
    with open_instance(home.ensure(), dsn) as instance:
        assert tide.execute_in_process(instance=instance, tags={"host": name}).success


if __name__ == "__main__":
    settings = load_settings()
    run(Home(settings.home), settings.dagster_postgres_dsn, *sys.argv[1:])
