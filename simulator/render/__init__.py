"""One file per publisher: the market at a moment in the publisher's own bytes. `render` finds the right one.

A renderer says in HOSTS which hosts it answers for. A host that a publisher declares and no renderer answers for is
served by simulator.render.fallback.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ingest.registry import publishers
from simulator.render import fallback
from simulator.render.view import Request, Response, View, not_found

__all__ = ["Request", "Response", "View", "render", "renderers"]

Renderer = Callable[[View, Request], Response]


@cache
def renderers() -> Mapping[str, Renderer]:
    """Return who answers for which host."""
    found: dict[str, Renderer] = {}
    for module in iter_modules(__path__):
        found |= getattr(import_module(f"{__name__}.{module.name}"), "HOSTS", {})
    for publisher in publishers().values():
        for host in publisher.hosts:
            found.setdefault(host, fallback.renderer(publisher))
    return found


def render(view: View, request: Request) -> Response:
    """Return the publisher's answer, as it was recorded where it was; 404 for a host that no publisher declares."""
    recorded = view.market.recorded.get(f"{request.host}{request.path}")
    if recorded is not None:
        return Response(recorded, "application/octet-stream")
    publisher = renderers().get(request.host)
    return publisher(view, request) if publisher else not_found()
