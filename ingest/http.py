"""The one HTTP client: rate limits, retries, deadlines, redirects and redaction for every source.

A client is one thread's; patience, pace and archive are shared by those of a run. Client libraries that bring their
own transport are wrapped in their source.
"""

from __future__ import annotations

import json
import logging
import random
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Final
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import httpx
import stamina
import stamina.instrumentation

from ingest.archive import Archive, kept_headers, sha256_of
from ingest.clock import Clock
from ingest.errors import SourceChanged, SourceRefused, SourceUnavailable
from ingest.pace import Pace
from ingest.patience import Patience
from ingest.payload import Payload
from ingest.registry import most_bytes
from ingest.secrets import blotted, guard
from ingest.settings import Settings
from ingest.transport import (
    CONNECT_SECONDS,
    MAX_BODY_BYTES,
    MAX_REDIRECTS,
    REDIRECTS,
    Watchdog,
    advice,
    causes,
    excerpt,
    redirect_target,
    retry_after,
    status_text,
)

MAX_WAIT_SECONDS: Final = 30.0

_log = logging.getLogger("tidegauge.http")


class _TryAgainError(Exception):
    """This try failed in a way that another may not. `wait` is what the publisher asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        self.reason = reason
        self.wait = wait
        super().__init__(reason)


class _SilenceError(_TryAgainError):
    """Time passed and nothing came: such a try counts against its host (ingest.patience)."""


class _NoConnectionError(_TryAgainError):
    """The host could not be reached. That costs no time, so it counts once the tries are used up."""


@dataclass(frozen=True, slots=True)
class _Ask:
    """One request as its source wants it. `url` is public and free of secrets."""

    source: str
    name: str
    url: str
    secret_params: Mapping[str, str]
    headers: Mapping[str, str]
    accept_status: tuple[int, ...]
    body: bytes | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def redact(self, text: str) -> str:
        """Return `text` with every secret blacked out: those of this request whatever they look like."""
        for secret in self.secret_params.values():
            for form in {secret, quote(secret, safe=""), quote_plus(secret)}:
                text = text.replace(form, "***") if form else text
        return blotted(text)


@dataclass(slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Upstream:
    """Implements ingest.payload.Http on httpx. Use it as a context manager, or call `close`."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        archive: Archive,
        patience: Patience | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._settings = settings
        self._patience = patience or Patience()
        self._clock = clock
        self._archive = archive
        self._base = settings.upstream.rstrip("/") if settings.upstream else None
        self._is_paced = not settings.is_upstream_local
        self._pace = pace or Pace()
        self._batch = ""
        headers = {"User-Agent": settings.user_agent} if settings.user_agent else {}
        self._sockets: list[socket.socket] = []
        # a proxy of the environment is for the publishers, not for a stand-in on this machine
        self._client = httpx.Client(
            headers=headers, follow_redirects=False, trust_env=self._is_paced, verify=_trusted()
        )
        # httpx logs each URL with its query, so a key would stand in the log
        for library in ("httpx", "httpcore"):
            logging.getLogger(library).setLevel(logging.WARNING)
        # stamina prints through structlog where that is installed; retries belong in our log, see _once
        stamina.instrumentation.set_on_retry_hooks(())

    def __enter__(self) -> Upstream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections and make the archive's index durable."""
        self._client.close()
        self._archive.close()

    def rewrite(self, url: str) -> str:
        """Return where `url` is really asked: `{upstream}/HOST/PATH?QUERY` with a stand-in, `url` itself without."""
        if self._base is None or url.startswith(self._base + "/"):
            return url
        return f"{self._base}/{url.partition('://')[2]}"

    def keep(self, payload: Payload) -> Payload:
        """Archive a payload that a client library fetched by itself, and return it."""
        return self._archive.put(payload, self._batch)

    def latest(self, source: str, name: str) -> Payload | None:
        """Return the newest archived 200 of that name without its body, None when there is none."""
        entry = self._archive.latest(source, name)
        if entry is None:
            return None
        return Payload(
            source=entry.source,
            name=entry.name,
            url=entry.url,
            body=b"",
            sha256=entry.sha256,
            fetched_at=entry.fetched_at,
            status=entry.status,
            headers=entry.headers,
            meta=entry.meta,
        )

    def begin(self, batch: str) -> None:
        """Mark what is archived from now on as one batch."""
        self._batch = batch

    def flush(self) -> None:
        """Make the archive's index durable."""
        self._archive.flush()

    def get(
        self,
        source: str,
        name: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        secret_params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        meta: Mapping[str, str] | None = None,
        accept_status: tuple[int, ...] = (200,),
        body: bytes | None = None,
    ) -> Payload:
        """Return the answer, archived. See ingest.payload.Http.get.

        A request has `request_attempts` tries of `request_timeout_seconds` each. SourceUnavailable: no answer, 429 or
        5xx after every try; NotAsked, one of them: a host silent before in this run, the run's deadline passed.
        SourceRefused: 401, 403. SourceChanged: any other status outside `accept_status`, a body beyond 64 MiB or what
        its publisher declares, a redirect to another publisher or away from https.
        """
        ask = _Ask(
            source=source,
            name=name,
            url=_with_query(url, params or {}),
            secret_params=secret_params or {},
            headers=headers or {},
            accept_status=accept_status,
            body=body,
        )
        guard(*ask.secret_params.values())
        answer = self._with_retries(ask)
        payload = Payload(
            source=source,
            name=name,
            url=ask.redact(ask.url),
            body=answer.body,
            sha256=sha256_of(answer.body),
            fetched_at=self._clock(),
            status=answer.status,
            headers={key: ask.redact(value) for key, value in kept_headers(answer.headers).items()},
            meta=dict(meta or {}),
        )
        return self._archive.put(payload, self._batch)

    def token(self, source: str, name: str, url: str, *, headers: Mapping[str, str]) -> str:
        """Return the access token that a publisher grants for the key in `headers`. See ingest.payload.Http.token."""
        answer = self._with_retries(_Ask(source, name, url, {}, headers, (200,), b""))
        try:
            found = json.loads(answer.body)["access_token"]
        except (ValueError, KeyError, TypeError):
            found = None
        if not isinstance(found, str) or not found.isascii() or not found.isprintable():
            # what came may hold a secret that nobody knows yet: it is not shown
            raise SourceChanged(source, name, expected="JSON with an access_token", seen="another answer")
        guard(found)
        return found

    def _with_retries(self, ask: _Ask) -> _Answer:
        attempts = 1 if self._patience.has_no_network else self._settings.request_attempts
        first_wait = self._settings.retry_wait_seconds
        try:
            for attempt in stamina.retry_context(
                on=_wait_of,
                attempts=attempts,
                timeout=None,
                wait_initial=first_wait,
                wait_max=max(first_wait, MAX_WAIT_SECONDS),
                wait_jitter=first_wait,
            ):
                with attempt:
                    return self._once(ask, attempt.num, attempts)
        except _TryAgainError as error:
            if isinstance(error, _NoConnectionError):
                self._patience.silent(ask.host, error.reason)
            tries = f"{attempts} tries" if attempts > 1 else "1 try"
            raise SourceUnavailable(
                ask.source,
                ask.name,
                f"no answer from {ask.host} after {tries}: {error.reason}. "
                f"{advice(error.reason)}; what was landed before stays.",
            ) from None  # the cause may carry the URL with its key
        raise AssertionError("retry_context either returns an answer or raises")

    def _once(self, ask: _Ask, number: int, attempts: int) -> _Answer:
        """Ask once, following redirects; _TryAgainError where another try may help."""
        self._patience.require(ask.source, ask.name, ask.host)
        try:
            answer = self._follow(ask)
            self._patience.answered(ask.host)
            self._judge(ask, answer)
        except _SilenceError as error:
            _log.warning("%s: %s: try %d of %d failed: %s", ask.source, ask.name, number, attempts, error.reason)
            if self._patience.is_over:
                raise self._patience.over(ask.source, ask.name) from None
            if self._patience.silent(ask.host, error.reason) and number < attempts:
                times = "twice in a row" if number > 1 else "again"
                message = f"{ask.host} was silent {times} ({error.reason}) and is not asked any more in this run"
                raise SourceUnavailable(ask.source, ask.name, f"{message}; what was landed before stays") from None
            raise
        except _TryAgainError as error:
            _log.warning("%s: %s: try %d of %d failed: %s", ask.source, ask.name, number, attempts, error.reason)
            raise
        return answer

    def _follow(self, ask: _Ask) -> _Answer:
        public, secrets = ask.url, ask.secret_params
        seconds = self._patience.seconds_for(self._settings.request_timeout_seconds)
        deadline = time.monotonic() + seconds
        for _ in range(MAX_REDIRECTS + 1):
            self._take_turn(urlsplit(public).hostname or "")
            answer = self._send(ask, _with_query(self.rewrite(public), secrets), deadline, seconds)
            if answer.status not in REDIRECTS:
                return answer
            public, secrets = self._location(ask, public, answer), {}
            _log.info("%s: %s: redirected to %s", ask.source, ask.name, ask.redact(public))
        raise SourceChanged(ask.source, ask.name, expected="an answer", seen=f"more than {MAX_REDIRECTS} redirects")

    def _location(self, ask: _Ask, public: str, answer: _Answer) -> str:
        """Return the public address a redirect leads to; see ingest.transport.redirect_target."""
        location = answer.headers.get("location", "")
        target = redirect_target(public, location, self._base)
        if target is None:
            seen = f"HTTP {answer.status} to {ask.redact(location) or 'nowhere'}"
            raise SourceChanged(ask.source, ask.name, expected="a redirect to an https address of the host", seen=seen)
        return target

    def _take_turn(self, host: str) -> None:
        """Wait until this host may be asked again; a stand-in of ours is not spared."""
        if self._is_paced:
            self._pace.wait(host)

    def _send(self, ask: _Ask, url: str, deadline: float, seconds: float) -> _Answer:
        """Send one request and read its body, all before `deadline` (monotonic seconds), `seconds` from the first."""
        left = max(deadline - time.monotonic(), 0.001)
        late = f"no complete answer within {seconds:.3g} seconds"
        times = httpx.Timeout(left, connect=min(left, CONNECT_SECONDS))
        with Watchdog(left, self._sockets) as watchdog:
            try:
                with self._client.stream(
                    "GET" if ask.body is None else "POST",
                    url,
                    content=ask.body,
                    headers=dict(ask.headers),
                    timeout=times,
                    extensions={"trace": watchdog.trace},
                ) as response:
                    return _Answer(response.status_code, response.headers, _read(ask, response, deadline, late))
            except httpx.ConnectTimeout:
                reason = late if left < CONNECT_SECONDS else f"no connection within {CONNECT_SECONDS:g} seconds"
                raise _SilenceError(reason) from None
            except httpx.TimeoutException:
                raise _SilenceError(late) from None
            except httpx.DecodingError:
                raise SourceChanged(
                    ask.source, ask.name, expected="a body", seen="one that cannot be unpacked"
                ) from None
            except (httpx.TransportError, OSError) as error:
                if watchdog.bit:
                    raise _SilenceError(late) from None
                kind = _NoConnectionError if isinstance(error, httpx.ConnectError) else _TryAgainError
                raise kind(_reason(ask, error)) from None

    def _judge(self, ask: _Ask, answer: _Answer) -> None:
        if answer.status in ask.accept_status:
            return
        if answer.status == 429 or answer.status >= 500:
            raise _TryAgainError(status_text(answer.status), retry_after(answer.headers, self._clock))
        body = ask.redact(answer.body[:4096].decode("utf-8", "replace"))
        seen = f"{status_text(answer.status)} from {ask.host}{excerpt(body)}"
        if answer.status in (401, 403):
            raise SourceRefused(ask.source, ask.name, f"the publisher refused the request: {seen}")
        expected = " or ".join(f"HTTP {status}" for status in ask.accept_status)
        raise SourceChanged(ask.source, ask.name, expected=expected, seen=seen)


@cache
def _trusted() -> ssl.SSLContext:
    """Return the certificates that count. Each source has a client, and reading them takes longer than most answers."""
    return httpx.create_ssl_context()


def _read(ask: _Ask, response: httpx.Response, deadline: float, late: str) -> bytes:
    """Return the unpacked body; h11 raises on one shorter than its Content-Length."""
    parts: list[bytes] = []
    size, most = 0, most_bytes(ask.host) or MAX_BODY_BYTES
    for part in response.iter_bytes():
        size += len(part)
        if size > most:
            limit = f"at most {most // 1024**2} MiB"
            raise SourceChanged(ask.source, ask.name, expected=limit, seen="a larger body")
        if time.monotonic() > deadline:
            raise _SilenceError(late)
        parts.append(part)
    return b"".join(parts)


def _wait_of(error: Exception) -> bool | float:
    """Tell stamina whether to try again, and for how long to wait where the publisher says so."""
    if not isinstance(error, _TryAgainError):
        return False
    if error.wait is None:
        return True
    return error.wait + random.uniform(0, min(1.0, error.wait / 10))  # noqa: S311 - jitter, not a secret


def _with_query(url: str, params: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url


def _reason(ask: _Ask, error: BaseException) -> str:
    """Say in plain words what broke: the system's own reason where there is one."""
    for cause in causes(error):
        if isinstance(cause, socket.gaierror):
            return "its name could not be resolved"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    if isinstance(error, httpx.RemoteProtocolError):
        return "the answer broke off"
    text = ask.redact(str(error)).removeprefix("[Errno 111] ")
    return text.lower() if text else type(error).__name__
