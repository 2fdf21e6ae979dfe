"""Every configured secret, and the one place where it is blotted out of whatever is kept or shown.

A publisher may send a key back: in an error page, in a document that quotes the request, in a header, in any encoding
of the web. What is guarded here is masked in errors (ingest.errors), in bodies before they are archived and hashed
(ingest.archive), and wherever the process writes (orchestration.guarded: log records, streams, Dagster's stores).

A value is guarded only when it could not be data: 20 characters or more, or 8 or more with letters and digits. To
blot out "2026" or "date" would destroy the answers; such a value is no key of any publisher, and none is sent.
"""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

from ingest.damaged_zip import DAMAGED_ZIP

MASK: Final = "***"
LONG_ENOUGH: Final = 20
MIXED_ENOUGH: Final = 8
"""Characters of a value that has letters and digits."""

_UNPACKED_AT_MOST: Final = 64 * 1024 * 1024
_NAMED_LIKE_A_SECRET: Final = re.compile(r"(api_?key|token|secret|passw(or)?d|credentials?)$", re.IGNORECASE)
_NAMED_LIKE_AN_ADDRESS: Final = re.compile(r"(^|_)(proxy|url|upstream|dsn|lake)$", re.IGNORECASE)
_KEY_WORD: Final = re.compile(r"(?:^|[\s?&])password\s*=\s*'?([^\s'&]+)", re.IGNORECASE)
"""How key words and the parameters of an address give a password."""
_OURS: Final = re.compile(r"(TIDEGAUGE|FRED)_|([A-Z]+_)?PROXY$", re.IGNORECASE)

_guarded: frozenset[str] = frozenset()
"""Replaced, never changed: threads read it while another adds."""


def is_guardable(value: str) -> bool:
    """Say whether `value` can be told from data wherever it stands."""
    if len(value) >= LONG_ENOUGH:
        return True
    return len(value) >= MIXED_ENOUGH and bool(re.search(r"[^\W\d_]", value)) and bool(re.search(r"\d", value))


def guard(*values: str) -> None:
    """Blot out these values from now on, in this process."""
    global _guarded
    _guarded |= {value for value in (v.strip() for v in values) if is_guardable(value)}


def guard_configured(environment: Mapping[str, str], env_file: Path) -> None:
    """Guard what an environment and a `.env` hold under the name of a key, and passwords in addresses there.

    Of the environment only what is named as ours is looked at, and its proxies; of the file everything.
    """
    guard(*_configured((name, value) for name, value in environment.items() if _OURS.match(name)))
    if env_file.is_file():
        from dotenv import dotenv_values

        guard(*_configured(dotenv_values(env_file).items()))


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what is named as a key, or as an address that may hold one: for our own helpers."""
    return {
        name: value
        for name, value in environment.items()
        if not (_NAMED_LIKE_A_SECRET.search(name) or _NAMED_LIKE_AN_ADDRESS.search(name))
    }


def is_open_address(name: str, value: str) -> bool:
    """Say whether the value of a setting is an address that has no password."""
    return bool(_NAMED_LIKE_AN_ADDRESS.search(name)) and "://" in value and not any(_password_of(value))


def is_guarding() -> bool:
    """Say whether there is any secret to blot out."""
    return bool(_guarded)


def forget() -> None:
    """Guard nothing any more: for tests, which share a process."""
    global _guarded
    _guarded = frozenset()


def blotted(text: str) -> str:
    """Return `text` with every secret, however it is written, as `***`."""
    if not _guarded:
        return text
    raw = text.encode("utf-8", "surrogatepass")
    clean = _masked(raw, keeps_length=False)
    return text if clean is raw else clean.decode("utf-8", "surrogatepass")


def blotted_mapping(texts: Mapping[str, str]) -> dict[str, str]:
    """Return a mapping with its names and values blotted."""
    return {blotted(name): blotted(value) for name, value in texts.items()}


def blotted_body(body: bytes) -> bytes:
    """Return `body` with every secret as asterisks of the same length; packed bodies (gzip, zip) are looked into.

    The very object is returned where there is nothing to blot. What cannot be unpacked is judged as it is.
    """
    if not _guarded or not body:
        return body
    if body.startswith(b"\x1f\x8b"):
        body = _gzip_blotted(body)
    elif body.startswith(b"PK\x03\x04"):
        body = _zip_blotted(body)
    return _masked(body, keeps_length=True)


def _configured(named: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    for name, value in named:
        if value and _NAMED_LIKE_A_SECRET.search(name):
            yield value
        elif value and _NAMED_LIKE_AN_ADDRESS.search(name):
            yield from _password_of(value)


def _password_of(address: str) -> Iterator[str]:
    try:
        password = urlsplit(address).password
    except ValueError:  # not an address: whoever uses it will say so
        password = None
    for found in (password, *_KEY_WORD.findall(address)):
        if found:
            yield from {found, unquote(found)}


# -- how a secret may be written ---------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def _forms(secret: str) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the ways to write a secret: those in which case does not matter (in lower case), and the others."""
    raw = secret.encode("utf-8", "surrogatepass")
    escaped = {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        quote(quote(secret, safe=""), safe=""),
        "".join(f"%{byte:02x}" for byte in raw),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        repr(secret)[1:-1],
        html.escape(secret),
        html.escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        html.escape(secret).replace("&#x27;", "&apos;"),
        secret.replace('"', '""'),
        secret.replace("'", "''"),
        "".join(f"\\u{ord(letter):04x}" for letter in secret if ord(letter) < 0x10000),
        "".join(f"\\x{byte:02x}" for byte in raw),
        "".join(f"&#{ord(letter)};" for letter in secret),
        "".join(f"&#x{ord(letter):x};" for letter in secret),
        raw.hex(),
    }
    loose = {form.encode("utf-8", "surrogatepass").lower() for form in escaped}
    loose |= {secret.encode(name, "surrogatepass").lower() for name in ("utf-16-le", "utf-16-be")}
    return tuple(sorted(loose - {b""}, key=len, reverse=True)), tuple(_base64_forms(raw))


def _base64_forms(raw: bytes) -> Iterator[bytes]:
    """Yield what base64 makes of a secret inside a longer text, at each of the three places where it may begin."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + raw)
        inner = whole[(0, 2, 3)[before] : (before + len(raw)) * 8 // 6]
        yield from {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}


def _masked(body: bytes, *, keeps_length: bool) -> bytes:
    spans = _spans(body)
    if not spans:
        return body
    parts, done = [], 0
    for start, end in spans:
        parts.append(body[done:start])
        parts.append(_stars(body[start:end]) if keeps_length else MASK.encode())
        done = end
    parts.append(body[done:])
    return b"".join(parts)


def _stars(found: bytes) -> bytes:
    """Return asterisks in place of `found`; the empty halves of UTF-16 stay, or what follows would be misread."""
    return bytes(byte and ord("*") for byte in found)


def _spans(body: bytes) -> list[tuple[int, int]]:
    """Return where secrets stand, as (start, end), apart from each other and in order."""
    lower = body.lower()
    found = []
    for secret in _guarded:
        loose, strict = _forms(secret)
        for text, forms in ((lower, loose), (body, strict)):
            for form in forms:
                start = text.find(form)
                while start != -1:
                    found.append((start, start + len(form)))
                    start = text.find(form, start + len(form))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


# -- packed bodies -----------------------------------------------------------------------------------------------


def _gzip_blotted(body: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
            inner = packed.read(_UNPACKED_AT_MOST + 1)
    except (OSError, EOFError, zlib.error):
        return body
    if len(inner) > _UNPACKED_AT_MOST:
        return body
    clean = _masked(inner, keeps_length=True)
    return body if clean is inner else gzip.compress(clean, mtime=0)


def _zip_blotted(body: bytes) -> bytes:
    """Return a zip (a workbook is one) with its members blotted, packed anew only if one of them held a secret."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            if sum(info.file_size for info in packed.infolist()) > _UNPACKED_AT_MOST:
                return body
            members = [(info, packed.read(info)) for info in packed.infolist()]
    except DAMAGED_ZIP:
        return body
    clean = [(info, _masked(inner, keeps_length=True)) for info, inner in members]
    if all(after is before for (_, before), (_, after) in zip(members, clean, strict=True)):
        return body
    again = io.BytesIO()
    with zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as target:
        for info, inner in clean:
            target.writestr(zipfile.ZipInfo(blotted(info.filename), info.date_time), inner, zipfile.ZIP_DEFLATED)
    return again.getvalue()
