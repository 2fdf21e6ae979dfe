"""Messages over a pipe: eight bytes that say how long, and then so many bytes."""

from __future__ import annotations

from typing import IO, Final

NUMBER: Final = 8
"""Bytes of a number in a message, and of its length before it."""


def send(pipe: IO[bytes], *parts: bytes) -> None:
    """Write one message; OSError where nobody reads any more."""
    pipe.write(sum(map(len, parts)).to_bytes(NUMBER))
    for part in parts:
        pipe.write(part)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes | None:
    """Return the next message, None where no whole one comes any more."""
    length = pipe.read(NUMBER)
    if len(length) < NUMBER:
        return None
    size = int.from_bytes(length)
    message = pipe.read(size)
    return message if len(message) == size else None
