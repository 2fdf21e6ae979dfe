"""How far a long piece of work is, on standard error: a bar on a terminal, a line per stage elsewhere."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from serving.query.terminal import console, say


class ConsoleProgress:
    """A Progress (what, done, of) that a person can watch. A context manager."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        # Dagster redirects standard error into its own log while a job runs: keep a way to the terminal.
        self._file = os.fdopen(os.dup(2), "w", encoding="utf-8")
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console(file=self._file, force_terminal=self._is_terminal),
            transient=True,
            disable=not self._is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._what: str | None = None
        self._task: TaskID | None = None
        self._began = time.monotonic()
        self._printed = 0.0

    def __enter__(self) -> ConsoleProgress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
        self._file.close()

    def __call__(self, what: str, done: int, of: int | None) -> None:
        """Show that `done` of `of` is done of `what`."""
        if what != self._what:
            self._begin(what, of)
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=of)

    def _begin(self, what: str, of: int | None) -> None:
        self._what = what
        if not self._is_terminal:
            self._print(what)
            return
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(what, total=of)

    def _print(self, what: str) -> None:
        """Write a line, at most one a second: a log wants the stages, not every series."""
        now = time.monotonic()
        if now - self._printed >= 1.0:
            self._printed = now
            say(f"[{now - self._began:6.1f} s] {what}", self._file)
