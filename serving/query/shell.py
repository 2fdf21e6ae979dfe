"""A prompt on the published file: SQL behind the guard of `tidegauge query`, now or as of a moment.

Each entry opens the file anew, so the next release is read from the next entry on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingest.clock import NEW_YORK
from ingest.errors import QueryRefused, TidegaugeError
from ingest.home import Home, nothing_published
from serving.query.querying import Format, run_query
from serving.query.terminal import say

if TYPE_CHECKING:
    from warehouse.lake.setting import Lake

HELP: Final = """\
SQL, on one line or several; a semicolon or an empty line ends it. Tables need no schema. Nothing can be written.

.as_of MOMENT    from here on marts are what they were: .as_of 2023-03-10 09:15 (New York time without a zone)
.as_of           as it is now again
.tables          the tables            .describe TABLE   its columns
.search WORD     what mentions it      .format FORMAT    table, record, csv, json, md, or auto
.release         which release this is .help  .quit      also Ctrl-D; Ctrl-C ends a query

SET VARIABLE holds for what is entered together with it."""
HISTORY_LINES: Final = 2000


class Shell:
    """One session. `run` reads lines until they end and returns an exit code: that of the last entry that failed."""

    def __init__(self, home: Home, lake: Lake | None = None) -> None:
        """Take the home, and the lake to read beside it; NothingPublished where the home has no release."""
        if not home.published.exists():
            raise nothing_published(home)
        self._home = home
        self._lake = lake
        self._moment: datetime | None = None
        self._form: Format | None = None
        self._build = ""
        self._names: list[str] = []
        self._code = 0
        self._commands: dict[str, Callable[[str], None]] = {
            ".help": lambda _: say(HELP),
            ".as_of": self._as_of,
            ".tables": self._tables,
            ".describe": self._describe,
            ".search": self._search,
            ".format": self._format,
            ".release": lambda _: say(self._release()),
        }

    def run(self, lines: Iterable[str] | None = None) -> int:
        """Read from a terminal, or from `lines` without a prompt."""
        say(self._release(), sys.stderr)
        if lines is None:
            self._prepare_terminal()
            say(".help says what there is.", sys.stderr)
        source = iter(lines) if lines is not None else None
        entry: list[str] = []
        while True:
            try:
                line = input(self.prompt(is_more=bool(entry))) if source is None else next(source)
            except (EOFError, StopIteration):
                break
            except KeyboardInterrupt:
                say("", sys.stderr)
                entry = []
                continue
            word = line.strip()
            if not entry and word in {".quit", ".exit"}:
                break
            if not entry and word.startswith("."):
                self._do(self._command, word)
                continue
            entry.append(line.rstrip("\n"))
            if not word or word.endswith(";"):
                self._enter(entry)
                entry = []
        self._enter(entry)
        return self._code

    def prompt(self, *, is_more: bool = False) -> str:
        """Return the prompt: what the figures are, and as of when."""
        said = [] if self._origin() == "LIVE" else [self._origin()]
        if self._moment is not None:
            said.append(f"as of {self._moment.astimezone(NEW_YORK):%Y-%m-%d %H:%M} New York")
        name = f"tidegauge ({', '.join(said)})" if said else "tidegauge"
        return "… " if is_more else f"{name}> "

    def _enter(self, entry: list[str]) -> None:
        sql = "\n".join(entry).strip()
        if sql:
            self._do(self._query, sql)

    def _do(self, act: Callable[[str], None], text: str) -> None:
        """Do one entry; an error is a sentence, and the next entry is read."""
        try:
            self._tell_new_release()
            act(text)
        except TidegaugeError as error:
            say(f"{error}", sys.stderr)
            self._code = error.exit_code
        except KeyboardInterrupt:
            say("interrupted", sys.stderr)

    def _query(self, sql: str) -> None:
        run_query(self._home, sql, self._form, moment=self._moment, is_quiet=True, lake=self._lake)

    # -- commands ----------------------------------------------------------------------------------------------------

    def _command(self, line: str) -> None:
        name, _, rest = line.partition(" ")
        if name not in self._commands:
            raise QueryRefused(f"there is no {name}; .help says what there is")
        self._commands[name](rest.strip().rstrip(";"))

    def _as_of(self, text: str) -> None:
        from warehouse.asof import moment_of

        try:
            self._moment = moment_of(text) if text and text != "now" else None
        except ValueError as error:
            raise QueryRefused(str(error)) from None

    def _tables(self, _: str) -> None:
        from serving.query.dictionary import TABLES

        run_query(self._home, TABLES, self._form, is_quiet=True)

    def _describe(self, table: str) -> None:
        from serving.query.dictionary import columns_of

        if not table:
            raise QueryRefused("expected a table: .describe market_daily")
        about, sql = columns_of(self._home, table)
        say(about)
        run_query(self._home, sql, self._form, is_quiet=True)

    def _search(self, word: str) -> None:
        from serving.query.dictionary import mentions_of

        if not word:
            raise QueryRefused("expected a word: .search repo")
        run_query(self._home, mentions_of(word), self._form, is_quiet=True)

    def _format(self, name: str) -> None:
        shown = [Format.table, Format.record, Format.csv, Format.json, Format.md]
        if name not in {"", "auto", *shown}:
            raise QueryRefused(f".format: expected auto, {', '.join(shown)}; got {name}")
        self._form = None if name in {"", "auto"} else Format(name)

    # -- the release -------------------------------------------------------------------------------------------------

    def _release(self) -> str:
        build, through, origin = self._read_build()
        self._build = build
        mark = "" if origin == "LIVE" else f"; {origin}: these figures are not today's market"
        return f"release {build}, sessions to {through}{mark}"

    def _tell_new_release(self) -> None:
        if self._build and self._read_build()[0] != self._build:
            say(f"a new {self._release()}", sys.stderr)
            self._names = []

    def _origin(self) -> str:
        return self._read_build()[2]

    def _read_build(self) -> tuple[str, str, str]:
        import duckdb

        with duckdb.connect(str(self._home.published), read_only=True) as con:
            row = con.execute("select build_id, data_through_date, origin from meta.build").fetchone()
        return ("none", "none", "LIVE") if row is None else (str(row[0]), str(row[1]), str(row[2]))

    # -- the terminal ------------------------------------------------------------------------------------------------

    def _prepare_terminal(self) -> None:
        """Let arrows recall what was entered, in earlier sessions too, and Tab complete names."""
        try:
            import readline
        except ImportError:  # not on every system: the prompt works without it
            return
        import atexit

        path = _history_file()
        with suppress(OSError):  # a first session, or a place that cannot be read: no history
            readline.read_history_file(path)
        readline.set_history_length(HISTORY_LINES)
        readline.set_completer_delims(" \t\n,()=<>+-*/;")
        readline.set_completer(self._complete)
        readline.parse_and_bind("tab: complete")
        atexit.register(_keep_history, path)

    def _complete(self, start: str, number: int) -> str | None:
        from serving.query.names import column_names, table_names

        if not self._names:
            published = self._home.published
            self._names = [*self._commands, *table_names(published), *column_names(published)]
        found = [name for name in self._names if name.startswith(start.removeprefix("marts."))]
        return found[number] if number < len(found) else None


def _history_file() -> Path:
    import os

    folder = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(folder) / "tidegauge" / "shell_history"


def _keep_history(path: Path) -> None:
    import readline

    with suppress(OSError):  # where it cannot be kept, the session was none the worse
        path.parent.mkdir(parents=True, exist_ok=True)
        readline.write_history_file(path)
        path.chmod(0o600)
