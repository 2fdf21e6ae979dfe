"""The page's own scripts and styles, and Vega as `vl-convert-python` brings it: nothing is loaded from elsewhere."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "static"
_MEDIA: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
VEGA: Final = "vega.js"
_SNIPPET: Final = "window.vegaEmbed = vegaEmbed;"
_making: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that the page loads."""

    body: bytes
    media: str
    etag: str


def asset(name: str) -> Asset | None:
    """Return a file by its name, None where there is none of that name."""
    if name == VEGA:
        with _making:
            return _vega()
    return _files().get(name)


@cache
def _files() -> dict[str, Asset]:
    return {
        path.name: _asset(path.read_bytes(), _MEDIA[path.suffix]) for path in _FOLDER.iterdir() if path.suffix in _MEDIA
    }


@cache
def _vega() -> Asset:
    """Return Vega, Vega-Lite and vega-embed in one script; making it takes a second or two."""
    import vl_convert

    return _asset(vl_convert.javascript_bundle(_SNIPPET).encode(), _MEDIA[".js"])


def _asset(body: bytes, media: str) -> Asset:
    return Asset(body, media, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
