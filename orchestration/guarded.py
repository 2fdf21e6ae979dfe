"""No secret leaves this process: what is logged, printed or written into Dagster's stores is blotted on its way.

Our own errors and payloads are clean from the start (ingest.secrets). This is for what libraries say: the text of
their exceptions, their log records, the rows of Dagster's events.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from ingest.secrets import blotted, is_guarding

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


class _Record(logging.LogRecord):
    """A log record of whichever library. Handlers format it as any other."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        if self.exc_info and is_guarding():
            # formatters take this text where it is there, and would write the traceback themselves otherwise
            self.exc_text = blotted(logging.Formatter().formatException(self.exc_info))

    def getMessage(self) -> str:
        return blotted(super().getMessage())


class _Stream:
    """A text stream that blots what is written to it; everything else is the stream's own."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(blotted(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream)

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()


def guard_logs() -> None:
    """Blot every log record that is made from now on in this process, whoever makes it."""
    logging.setLogRecordFactory(_Record)


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Blot what is printed meanwhile, on standard output and standard error."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("IO[str]", _Stream(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def guard_stores() -> None:
    """Blot what SQLAlchemy writes from now on in this process: Dagster's events, runs, schedules."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    if not event.contains(Engine, "before_cursor_execute", _blot_parameters):
        event.listen(Engine, "before_cursor_execute", _blot_parameters, retval=True)


def _blot_parameters(
    _connection: Engine, _cursor: Any, statement: str, parameters: Any, _context: Any, _executemany: bool
) -> tuple[str, Any]:
    return (statement, _clean(parameters)) if is_guarding() else (statement, parameters)


def _clean(parameters: Any) -> Any:
    if isinstance(parameters, str):
        return blotted(parameters)
    if isinstance(parameters, Mapping):
        return {name: _clean(value) for name, value in parameters.items()}
    if isinstance(parameters, (tuple, list)):
        return type(parameters)(_clean(value) for value in parameters)
    return parameters
