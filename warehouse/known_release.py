"""What a release was made from: the moment that its marts take as now, and the answers that had landed by then."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from ingest.archive import Archive, Entry
from ingest.clock import naive_utc
from ingest.errors import ArchiveDamaged, QueryRefused
from warehouse.published_table import BUILD


@dataclass(frozen=True, slots=True)
class KnownRelease:
    """A release as it can be made again. `evaluated_at` is naive UTC; `answers`: sha256 to connector and address."""

    build_id: str
    run_id: str
    code_version: str
    origin: str
    evaluated_at: datetime
    answers: Mapping[str, tuple[str, str]]


def known_release(con: duckdb.DuckDBPyConnection) -> KnownRelease:
    """Read what the release `con` was made from; QueryRefused where it does not say for which moment."""
    found = con.execute(f"from {BUILD.path}")
    names = [column[0] for column in found.description or ()]
    build = dict(zip(names, found.fetchone() or (), strict=True))
    if build.get("evaluated_at") is None:
        raise QueryRefused(
            f"release {build['build_id']} does not say for which moment it was computed (meta.build.evaluated_at): "
            "`tidegauge publish --full-build` makes one that does"
        )
    rows = con.execute("select payload_sha256, source, url from meta.payloads").fetchall()
    return KnownRelease(
        build["build_id"],
        build["run_id"],
        build["code_version"],
        build["origin"],
        build["evaluated_at"],
        {sha: (name, url) for sha, name, url in rows},
    )


class KnownArchive(Archive):
    """The answers of an archive that a release was made from, and no later ones. It is only read."""

    def __init__(self, root: Path, release: KnownRelease) -> None:
        super().__init__(root)
        self._release = release

    def entries(self) -> Iterator[Entry]:
        """Yield the index in the order of the fetches, without what the release did not know."""
        for entry in super().entries():
            if naive_utc(entry.fetched_at) <= self._release.evaluated_at and entry.sha256 in self._release.answers:
                yield entry

    def require(self, connectors: Collection[str]) -> None:
        """ArchiveDamaged where an answer to one of these connectors that the release knew is not in the index."""
        held = {entry.sha256 for entry in self.entries()}
        for sha, (name, url) in self._release.answers.items():
            if name in connectors and sha not in held:
                raise ArchiveDamaged(
                    f"archive: {self.index_path} does not name the answer {sha} of {name} ({url}), which release "
                    f"{self._release.build_id} was made from. Put the index back from a copy."
                )
