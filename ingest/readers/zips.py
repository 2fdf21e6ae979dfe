"""Zip archives from outside, unpacked within bounds that are counted while unpacking: their directory may lie."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from ingest.damaged_zip import DAMAGED_ZIP
from ingest.payload import Payload
from ingest.readers.limits import MAX_MEMBERS
from ingest.readers.parsing import changed, quoted

_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CHUNK: Final = 1 << 16


@contextmanager
def opened(payload: Payload, expected: str, broken: str = "a zip that cannot be unpacked") -> Iterator[zipfile.ZipFile]:
    """Open the body as a zip with sound member names; SourceChanged for whatever is wrong with it, also inside.

    `broken` is what such a body is called.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(payload.body)) as packed:
            _require_sound(payload, packed)
            yield packed
    except DAMAGED_ZIP as error:
        start = quoted(payload.body[:40].decode("utf-8", "replace"))
        seen = f"{broken}: {error or type(error).__name__}" if payload.body.startswith(b"PK") else start
        raise changed(payload, expected, seen) from None


def members(payload: Payload, expected: str, most: int, broken: str) -> dict[str, bytes]:
    """Return every member unpacked. SourceChanged once they have more than `most` bytes together."""
    found: dict[str, bytes] = {}
    left = most
    with opened(payload, expected, broken) as packed:
        for member in packed.infolist():
            with packed.open(member) as file:
                found[member.filename] = body = _read(payload, file, left, most)
            left -= len(body)
    return found


def repacked(found: dict[str, bytes]) -> bytes:
    """Return members as an archive without compression: another reader sees what was counted here."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, body in found.items():
            archive.writestr(zipfile.ZipInfo(name), body)
    return packed.getvalue()


def _read(payload: Payload, file: IO[bytes], left: int, most: int) -> bytes:
    parts: list[bytes] = []
    while chunk := file.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise changed(payload, f"at most {most // 1024**2} MiB unpacked", "a zip with more")
        parts.append(chunk)
    return b"".join(parts)


def _require_sound(payload: Payload, packed: zipfile.ZipFile) -> None:
    entries = packed.infolist()
    if len(entries) > MAX_MEMBERS:
        raise changed(payload, f"at most {MAX_MEMBERS} members in the zip", str(len(entries)))
    names = [entry.filename for entry in entries]
    for entry in entries:
        parts = entry.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] in ("", "~") or ":" in parts[0]:
            seen = f"one that leads out of it: {quoted(entry.filename)}"
            raise changed(payload, "member names inside the zip", seen)
        if entry.compress_type not in _METHODS or entry.flag_bits & 0x1:
            raise changed(payload, "members packed with deflate, not encrypted", quoted(entry.filename))
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise changed(payload, "each member of the zip once", f"{quoted(doubled)} twice")
