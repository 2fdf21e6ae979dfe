"""yfinance with its requests led through our address book, and their bytes caught on the way.

It is asked for what it knows: addresses, cookies, crumbs. A chart ends its work: frames that nobody reads would cost
more than ours.

Import it where it is used: yfinance brings pandas. Rate limits, retries and time-outs of the other sources live in
ingest.http; this is the same for the one client library that insists on its own transport.
"""

from __future__ import annotations

import logging
import re
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import yfinance
from curl_cffi import requests
from yfinance.data import YfData
from yfinance.exceptions import YFException, YFRateLimitError

from ingest.errors import SourceChanged, SourceError
from ingest.patience import Patience
from ingest.settings import Settings
from ingest.transport import MAX_BODY_BYTES, MAX_REDIRECTS, REDIRECTS, redirect_target

SECONDS_BETWEEN_REQUESTS = 0.5
_CHART_PATH = "/v8/finance/chart/"
_CHART_HOST = "query2.finance.yahoo.com"
_COOKIE_HOST = "fc.yahoo.com"

# yfinance opens its caches (time zones, cookies) once per process and cannot move them later: ours vanish with it.
_CACHES = tempfile.TemporaryDirectory(prefix="tidegauge-yfinance-")
yfinance.set_tz_cache_location(_CACHES.name)

# A malformed chart trips yfinance in many ways. The bytes are kept, and our own parser says what is wrong with them.
_TROUBLE = (YFException, requests.exceptions.RequestException, LookupError, ValueError, TypeError, AttributeError)


_HERE = threading.local()
"""The answer of each thread. yfinance has one session for the process: another client's may carry a request of ours."""

_REFUSED = 429
"""From this status on an answer refuses, or fails; Yahoo gives its cookie with a 404."""

_STOP = 0xFFFFFFFF  # what curl takes from a callback for "no more"

# A price among the closes; without one the parser is asked whether there is any.
_CLOSE = re.compile(rb'"close"\s*:\s*\[[^\]]*\d')


class TooManyRequests(Exception):
    """Yahoo answered 429: whatever is asked next will be refused too."""


class _AgainstTheRulesError(Exception):
    """An answer that no client of ours takes: too large, or a redirect elsewhere."""

    def __init__(self, expected: str, seen: str) -> None:
        self.expected, self.seen = expected, seen
        super().__init__(seen)


class _ChartCaughtError(Exception):
    """The bytes are here: there is nothing left for yfinance to do."""


@dataclass(slots=True)
class Answer:
    """What came of one call of Ticker.history.

    `body` are the bytes of its last chart answer, empty when there was none. `is_history` is False when that answer
    was only the one yfinance asks to learn a symbol's time zone. `has_bars` says whether a close stands in it.
    `problem` is set where nothing was asked, or the answer broke the rules of every client: too large, elsewhere.
    """

    url: str = ""
    status: int = 0
    body: bytes = b""
    is_history: bool = False
    has_bars: bool = False
    failure: str = "no chart was asked for"
    problem: SourceError | None = None


class YahooClient:
    """Asks for daily bars, one symbol at a time in each thread; all threads together keep the pace.

    yfinance keeps session and answers for the whole process. Both are set anew here, so that no run is answered with
    another run's bytes.
    """

    def __init__(self, settings: Settings, rewrite: Callable[[str], str], patience: Patience | None = None) -> None:
        logging.getLogger("yfinance").setLevel(logging.CRITICAL)  # what it logs, we raise
        # yfinance's own use of pandas, nothing a reader could change; catch_warnings does not go with threads
        warnings.filterwarnings("ignore", module="yfinance")
        yfinance.config.debug.hide_exceptions = False
        YfData.cache_get.cache_clear()
        self._timeout = settings.request_timeout_seconds
        self._patience = patience or Patience()
        self._session = _Session(settings, rewrite, self._patience)

    def history(self, symbol: str, start: date, end: date, *, zone: str | None = None) -> Answer:
        """Return what Yahoo has from `start` to before `end`; TooManyRequests on the first 429.

        `zone` is the exchange's time zone where the caller knows it: yfinance asks a second time to learn it.
        """
        answer = self._session.answer = Answer()
        try:
            self._patience.require("yahoo", symbol, _CHART_HOST)
        except SourceError as error:
            answer.problem = error
            return answer
        ticker = yfinance.Ticker(symbol, session=self._session)
        if zone is not None:
            ticker._tz = zone
        try:
            ticker.history(start=start, end=end, auto_adjust=False, actions=True, timeout=self._timeout)
        except _ChartCaughtError:
            answer.has_bars = _CLOSE.search(answer.body) is not None
        except YFRateLimitError:
            raise TooManyRequests from None
        except _AgainstTheRulesError as error:
            answer.problem = SourceChanged("yahoo", symbol, expected=error.expected, seen=error.seen)
        except _TROUBLE as error:
            answer.failure += f"; yfinance: {type(error).__name__}"
        return answer


class _Session(requests.Session):  # type: ignore[misc]  # mypy is told to skip curl_cffi
    """Asks where `rewrite` says, keeps what a chart request brought, and stops at the first 429."""

    def __init__(self, settings: Settings, rewrite: Callable[[str], str], patience: Patience | None = None) -> None:
        super().__init__(impersonate="chrome")
        self._patience = patience or Patience()
        self._timeout = settings.request_timeout_seconds
        self._base = settings.upstream.rstrip("/") if settings.upstream else None
        self._rewrite = rewrite
        self._attempts = settings.request_attempts
        self._first_wait = settings.retry_wait_seconds
        self._pause = 0.0 if settings.is_upstream_local else SECONDS_BETWEEN_REQUESTS
        self._free_at = 0.0
        self._turn = threading.Lock()
        self._with_cookie: Any = None  # the answer whose cookie this session has

    @property
    def answer(self) -> Answer:
        """What the call of this thread has brought so far."""
        answer: Answer = _HERE.answer
        return answer

    @answer.setter
    def answer(self, answer: Answer) -> None:
        _HERE.answer = answer

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Ask for a chart with retries; for cookie and crumb, which are not vital, without.

        yfinance asks for a cookie before each chart, unless it found one of Yahoo's own domain: never through a proxy.
        """
        if _CHART_PATH not in urlsplit(url).path:
            if urlsplit(url).hostname != _COOKIE_HOST:
                return self._once(method, url, *args, **kwargs)
            if self._with_cookie is None:
                response = self._once(method, url, *args, **kwargs)
                if not response.headers.get("set-cookie") or response.status_code >= _REFUSED:
                    return response
                self._with_cookie = response
            return self._with_cookie
        self.answer.body = b""
        attempts = 1 if self._patience.has_no_network else self._attempts
        for attempt in range(1, attempts + 1):
            if attempt > 1:
                time.sleep(self._first_wait * 2 ** (attempt - 2))
            response, is_given_up = self._try(attempt, attempts, method, url, *args, **kwargs)
            if response is not None:
                self._keep(url, kwargs.get("params") or {}, response)
                return response
            if is_given_up:
                break
        raise requests.exceptions.RequestException(self.answer.failure)

    def _try(self, attempt: int, attempts: int, method: str, url: str, *args: Any, **kwargs: Any) -> tuple[Any, bool]:
        """Return the answer, None where another try may help; and whether the host is not to be asked any more."""
        try:
            response = self._once(method, url, *args, **kwargs)
        except requests.exceptions.RequestException as error:
            self.answer.failure = f"{type(error).__name__} on try {attempt} of {attempts}"
            is_silence = isinstance(error, requests.exceptions.Timeout) or attempt == attempts
            host = urlsplit(url).hostname or ""
            return None, is_silence and self._patience.silent(host, self.answer.failure)
        self._patience.answered(urlsplit(url).hostname or "")
        if response.status_code >= 500:
            self.answer.failure = f"HTTP {response.status_code} on try {attempt} of {attempts}"
            return None, False
        return response, False

    def _once(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Ask once, redirects followed on the same host alone; all of it before the deadline of one request."""
        deadline = time.monotonic() + self._patience.seconds_for(self._timeout)
        is_chart = _CHART_PATH in urlsplit(url).path
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send(method, url, deadline, *args, **kwargs)
            if response.status_code not in REDIRECTS:
                return response
            target = redirect_target(url, response.headers.get("location", ""), self._base, same_host=True)
            if target is None:
                if not is_chart:
                    return response  # a page of consent, say: nothing that is needed
                seen = f"HTTP {response.status_code} to {response.headers.get('location') or 'nowhere'}"
                raise _AgainstTheRulesError("a redirect to an https address of the same host", seen)
            url = target
            kwargs.pop("params", None)  # the address of a redirect has its own
        raise _AgainstTheRulesError("an answer", f"more than {MAX_REDIRECTS} redirects")

    def _send(self, method: str, url: str, deadline: float, *args: Any, **kwargs: Any) -> Any:
        """Send one request and keep its body as it comes, up to what any answer may have."""
        with self._turn:
            mine = max(self._free_at, time.monotonic())
            self._free_at = mine + self._pause
        time.sleep(max(0.0, mine - time.monotonic()))
        parts: list[bytes] = []
        size = 0

        def take(part: bytes) -> int:
            nonlocal size
            size += len(part)
            if size > MAX_BODY_BYTES:
                return _STOP
            parts.append(part)
            return len(part)

        asked = {
            **kwargs,
            "allow_redirects": False,
            "content_callback": take,
            "timeout": max(deadline - time.monotonic(), 0.001),
        }
        try:
            response = super().request(method, self._rewrite(url), *args, **asked)
        except requests.exceptions.RequestException:
            if size > MAX_BODY_BYTES:
                expected = f"at most {MAX_BODY_BYTES // 1024**2} MiB"
                raise _AgainstTheRulesError(expected, "a larger body") from None
            raise
        response.content = b"".join(parts)
        return response

    def _keep(self, url: str, params: Mapping[str, object], response: Any) -> None:
        if response.status_code == 429:
            raise YFRateLimitError
        self.answer.failure = f"HTTP {response.status_code}"
        self.answer.url = _public(url, params)
        self.answer.status = response.status_code
        self.answer.body = response.content
        self.answer.is_history = "period1" in params
        if self.answer.is_history and response.status_code == 200:
            raise _ChartCaughtError


def _public(url: str, params: Mapping[str, object]) -> str:
    """Return the publisher's address without the crumb, which belongs to a cookie."""
    shown = {name: value for name, value in params.items() if name != "crumb"}
    return f"{quote(url, safe=':/%')}?{urlencode(shown)}"
