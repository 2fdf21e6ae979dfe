"""Whether the archive still holds what was put into it: a sample of it, or all."""

from __future__ import annotations

from typing import Final

from ingest.archive import Archive
from ingest.errors import ArchiveDamaged
from ingest.home import Home
from ingest.secrets import blotted_body
from orchestration.finding import Finding

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


def _sample(digests: list[str]) -> list[str]:
    newest, older = digests[-SAMPLE // 2 :], digests[: -SAMPLE // 2]
    step = max(1, len(older) // (SAMPLE // 2))
    return [*older[::step][: SAMPLE // 2], *newest]
