"""Faults on demand: what publishers, their web servers and the wire really do wrong."""

from __future__ import annotations

import gzip
import io
import re
import threading
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, get_args

from simulator.render import Request, Response, View
from simulator.render.fred_api import BAD_KEY, RATE_LIMIT
from simulator.render.fred_api import error as fred_error

Kind = Literal[
    "rate_limited",
    "status",
    "timeout",
    "trickle",
    "truncated",
    "html",
    "empty",
    "frozen",
    "shortened",
    "changed_unit",
    "changed_column",
    "wrong_encoding",
    "bad_key",
    "reset",
    "echo",
    "rewritten",
]
_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "rate_limited": frozenset({"retry_after"}),
    "status": frozenset({"code"}),
    "timeout": frozenset({"seconds"}),
    "trickle": frozenset({"chunk", "pause"}),
    "truncated": frozenset({"keep", "declared"}),
    "frozen": frozenset({"as_of"}),
    "shortened": frozenset({"since"}),
    "changed_unit": frozenset({"scale"}),
    "changed_column": frozenset({"old", "new"}),
    "echo": frozenset({"text", "code", "inside", "headers", "gzip"}),
    "rewritten": frozenset({"change"}),
}
_COLUMNS: Final[Mapping[str, str]] = {
    "fred.stlouisfed.org": "observation_date",
    "api.stlouisfed.org": "value=",
    "www.federalreserve.gov": "OBS_VALUE",
    "api.fiscaldata.treasury.gov": "open_today_bal",
    "home.treasury.gov": "10 Yr",
    "markets.newyorkfed.org": "percentRate",
    "www.mof.go.jp": "10Y",
    "cdn-api.cboe.com": "CLOSE",
    "cdn.cboe.com": "ratios",
    "query1.finance.yahoo.com": '"close"',
    "query2.finance.yahoo.com": '"close"',
    "www.financialresearch.gov": "OFR FSI",
    "www.finra.org": "Debit Balances",
    "www.ssga.com": "Shares Outstanding",
    "www.blackrock.com": "Shares Outstanding",
    "www.ishares.com": "Quantity",
    "accounts.profunds.com": "Shares Outstanding (000)",
    "www.ici.org": "Taxable",  # as long as what it becomes: a string of a BIFF file has its length before it
    "raw.githubusercontent.com": "start_date",
    "en.wikipedia.org": "Symbol",
    "www.nasdaqtrader.com": "Symbol|",
    "api.nasdaq.com": '"close"',
}
"""Which column a fault renames where no `old` is given."""

WIRE_KINDS: Final = frozenset({"timeout", "trickle", "truncated", "reset"})
_PAGE = b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body>We will be back soon.</body></html>\n"


@dataclass
class Fault:
    """One fault: which requests it meets, how often it still does (None: always), and its details.

    `after`: so many requests it still lets pass before.
    """

    pattern: re.Pattern[str]
    kind: Kind
    times: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    after: int = 0


class Faults:
    """The faults of one stand-in, in the order in which they were added: the first that matches is taken."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, pattern: str, kind: Kind, times: int | None = None, *, after: int = 0, **options: Any) -> Fault:
        """Add a fault for requests whose `host/path?query` the regular expression finds; None: for ever.

        The first `after` of them it lets pass: a publisher that has had enough in the middle.

        rate_limited    429; retry_after: seconds (absent: no such header)
        status          code: any status (503), an HTML page
        timeout         nothing for `seconds` (30), then the connection closes
        trickle         the answer in pieces of `chunk` bytes (1) with `pause` seconds (0.2) between
        truncated       the first `keep` (0.5) of the body; declared: False makes Content-Length agree with the cut
        html, empty     200 and a page, or nothing
        frozen          200 as of the earlier moment `as_of`
        shortened       the history before the day `since` is gone
        changed_unit    values times `scale` (1000); where the format states a unit, it states another one
        changed_column  the name `old` (each publisher has one) becomes `new`
        wrong_encoding  the text in UTF-16
        bad_key         FRED's 400
        reset           the connection is reset
        echo            the answer says `text`: alone with status `code` (200), or in the place of each string `inside`
                        of the real answer; `headers`: more of them; gzip: True packs it
        rewritten       the body as the function `change` makes it of the right one
        """
        if kind not in get_args(Kind):
            raise ValueError(f"no fault {kind!r}: one of {', '.join(get_args(Kind))}")
        unknown = options.keys() - _OPTIONS.get(kind, frozenset())
        if unknown:
            raise ValueError(f"fault {kind} has no option {', '.join(sorted(unknown))}")
        missing = {"frozen": "as_of", "shortened": "since", "echo": "text", "rewritten": "change"}.get(kind)
        if missing is not None and missing not in options:
            raise ValueError(f"fault {kind} needs {missing}")
        fault = Fault(re.compile(pattern), kind, times, options, after)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._faults.clear()

    def take(self, request: Request) -> Fault | None:
        """Return the fault this request meets, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.times != 0 and fault.pattern.search(request.target):
                    if fault.after > 0:
                        fault.after -= 1
                        continue
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None


def seen_through(fault: Fault, view: View) -> View:
    """Return the view as the fault bends it."""
    if fault.kind == "frozen":
        return replace(view, now=min(view.now, fault.options["as_of"]))
    if fault.kind == "shortened":
        return replace(view, since=fault.options["since"])
    if fault.kind == "changed_unit":
        return replace(view, scale=float(fault.options.get("scale", 1000.0)))
    return view


def spoiled(fault: Fault, request: Request, response: Response) -> Response:
    """Return the answer as the fault spoils it."""
    spoil = _SPOILERS.get(fault.kind)
    return spoil(fault, request, response) if spoil else response


def _rate_limited(fault: Fault, request: Request, _: Response) -> Response:
    seconds = fault.options.get("retry_after")
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    if request.host == "api.stlouisfed.org":
        refused = fred_error(429, RATE_LIMIT, as_json=request.params.get("file_type") == "json")
        return replace(refused, headers=headers)
    return Response(b"Too Many Requests\r\n", "text/plain", status=429, headers=headers)


def _status(fault: Fault, _: Request, __: Response) -> Response:
    return Response(_PAGE, status=int(fault.options.get("code", 503)))


def _html(_: Fault, __: Request, ___: Response) -> Response:
    return Response(_PAGE)


def _empty(_: Fault, __: Request, response: Response) -> Response:
    return replace(response, body=b"", status=200)


def _bad_key(_: Fault, request: Request, __: Response) -> Response:
    return fred_error(400, BAD_KEY, as_json=request.params.get("file_type") == "json")


def _changed_column(fault: Fault, request: Request, response: Response) -> Response:
    old = str(fault.options.get("old", _COLUMNS.get(request.host, "value")))
    if "old" not in fault.options and request.params.get("file_type") == "json":
        old = '"value"'
    new = str(fault.options.get("new", old.replace(old.strip('"='), "renamed")))
    return _rewritten(response, lambda data: data.replace(old.encode(), new.encode()))


def _wrong_encoding(_: Fault, __: Request, response: Response) -> Response:
    return _rewritten(response, lambda data: data.decode("utf-8", errors="replace").encode("utf-16"))


def _echo(fault: Fault, _: Request, response: Response) -> Response:
    text = str(fault.options["text"]).encode()
    if "inside" in fault.options:
        told = _rewritten(response, lambda data: data.replace(str(fault.options["inside"]).encode(), text))
    else:
        told = Response(text, "text/plain", status=int(fault.options.get("code", 200)))
    headers = {**told.headers, **fault.options.get("headers", {})}
    if fault.options.get("gzip"):
        headers["Content-Encoding"] = "gzip"
        return replace(told, body=gzip.compress(told.body), headers=headers)
    return replace(told, headers=headers)


def _changed(fault: Fault, _: Request, response: Response) -> Response:
    if response.status != 200:
        return response
    headers = {name: value for name, value in response.headers.items() if name not in ("ETag", "Last-Modified")}
    return replace(response, body=fault.options["change"](response.body), headers=headers)


def _rewritten(response: Response, change: Callable[[bytes], bytes]) -> Response:
    """Change the text of an answer; of a zip, the text of its members. The validators no longer hold."""
    headers = {name: value for name, value in response.headers.items() if name not in ("ETag", "Last-Modified")}
    if not response.body.startswith(b"PK"):
        return replace(response, body=change(response.body), headers=headers)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(response.body)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info, change(old.read(info)))
    return replace(response, body=buffer.getvalue(), headers=headers)


_SPOILERS: Mapping[str, Callable[[Fault, Request, Response], Response]] = {
    "rate_limited": _rate_limited,
    "status": _status,
    "html": _html,
    "empty": _empty,
    "bad_key": _bad_key,
    "changed_column": _changed_column,
    "wrong_encoding": _wrong_encoding,
    "echo": _echo,
    "rewritten": _changed,
}
