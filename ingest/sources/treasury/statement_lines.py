"""What the lines of the Daily Treasury Statement are counted as: `bucket_of()` reads lines.yml."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from ingest.errors import ConfigError
from ingest.payload import Payload
from ingest.readers.parsing import changed, quoted
from ingest.yaml_files import checked, read_mapping

LINES_FILE: Final = Path(__file__).with_name("lines.yml")

Side = Literal["deposits", "withdrawals", "refunds"]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    valid_from: date = date.min
    valid_to: date = date.max


class Placed(NamedTuple):
    """A line of the map: what it is counted as, and from when to when it goes by that name."""

    bucket: str
    valid_from: date
    valid_to: date


@cache
def load_lines(path: Path = LINES_FILE) -> Mapping[tuple[str, str], tuple[Placed, ...]]:
    """Return the map by side and name; ConfigError names an entry that cannot be used or overlaps another one."""
    found: defaultdict[tuple[str, str], list[Placed]] = defaultdict(list)
    for side, buckets in read_mapping(path, "lines").items():
        for bucket, entries in buckets.items():
            for entry in entries:
                line = checked(_Line, {"name": entry} if isinstance(entry, str) else entry, f"lines: {side}: {bucket}")
                found[side, plain(line.name)].append(Placed(bucket, line.valid_from, line.valid_to))
    for (side, name), places in found.items():
        ordered = sorted(places, key=lambda place: place.valid_from)
        if any(one.valid_to >= other.valid_from for one, other in pairwise(ordered)):
            raise ConfigError(f"lines {path.name}: {side}: {name!r} stands twice for the same days")
    return {key: tuple(places) for key, places in found.items()}


def plain(name: str) -> str:
    """Return a name with single spaces and none inside brackets: the statement writes ( EFT ) and (EFT)."""
    return re.sub(r"\(\s+|\s+\)", lambda found: found[0].strip(), " ".join(name.split()))


def bucket_of(payload: Payload, side: Side, name: Any, on: date) -> str:
    """Return what a line of a day is counted as; SourceChanged names a line that nobody has placed."""
    places = load_lines().get((side, plain(name)), ()) if isinstance(name, str) else ()
    for place in places:
        if place.valid_from <= on <= place.valid_to:
            return place.bucket
    seen = f"{quoted(name)} of {side} on {on}"
    if places:
        spans = " and ".join(f"{place.valid_from} to {place.valid_to}" for place in places)
        seen += f", which is placed from {spans}"
    raise changed(payload, f"a line of {LINES_FILE.name}", seen)
