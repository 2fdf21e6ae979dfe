"""The command line. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import gc
import sys
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from ingest.errors import SourceError, TidegaugeError
from ingest.kept_memory import keep_freed_memory
from orchestration.accept_command import register as register_accept
from orchestration.claims_command import register as register_claims
from orchestration.dictionary_command import register as register_dictionary
from orchestration.explain_command import register as register_explain
from orchestration.explore_command import register as register_explore
from orchestration.lake_command import register as register_lake
from orchestration.mcp_command import register as register_mcp
from orchestration.publish_command import AcceptLoss, FullBuild
from orchestration.publish_command import register as register_publish
from orchestration.query_command import register as register_queries
from orchestration.release_commands import register as register_releases
from orchestration.report_command import register as register_report
from orchestration.shell_command import register as register_shell
from orchestration.state_commands import register as register_states
from orchestration.unexpected import complain, explained, use_home
from orchestration.verify_command import register as register_verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from ingest.home import Home
    from ingest.settings import Settings
    from orchestration.finding import Finding
    from orchestration.run import RunOutcome

EXIT_CODES = """\
Exit codes: 0 done; 1 a bug (the log has the details); 2 wrong usage; 3 the audit failed, nothing was published;
4 settings, catalog or clock unusable; 5 the home folder cannot be written, its disk is full or a file in it is damaged;
6 another run is writing; 7 nothing published yet; 8 no source answered (doctor --live: a source is not as agreed);
9 a copy cannot go where it should (publish --to); 130 interrupted.
"""
UI_PORT = 3000
INTERRUPTED = 130


class _ReaderGone(Exception):  # no error: the reader of our output has seen enough
    """Nobody reads standard output any more."""


class _Commands(TyperGroup):
    """The commands; a broken pipe gets past typer, which would end with 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            found = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            raise _ReaderGone from None
        return found


app = typer.Typer(
    name="tidegauge",
    cls=_Commands,
    help="Market liquidity: every value with the moment it became known, in one DuckDB file.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


AsJson = Annotated[bool, typer.Option("--json", help="For programs: one document on standard output.")]


def _version(is_asked: bool) -> None:
    if is_asked:
        from orchestration.version import code_version

        _say(f"tidegauge {code_version()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Say which code this is.")
    ] = False,
) -> None:
    """Market liquidity: every value with the moment it became known, in one DuckDB file."""


@app.command()
def run(
    accept_loss: AcceptLoss = False,
    full_build: FullBuild = False,
    only_plan: Annotated[bool, typer.Option("--plan", help="Only say what would be asked of whom.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --plan: for programs.")] = False,
) -> None:
    """Fetch, check, land, build, audit, publish, report: the daily job, once, against the publishers."""
    settings = _accepting(_settings(), accept_loss=accept_loss, full_build=full_build)
    from orchestration.plan import say_plan, show_plan

    if as_json:
        if not only_plan:
            raise typer.BadParameter("--json goes with --plan")
        say_plan(settings, _home(settings))
        return
    if show_plan(settings, _home(settings), _console(), whole=only_plan):
        return
    from orchestration.run import run_daily

    outcome = _watched(settings, lambda progress: run_daily(settings, progress))
    _show_outcome(settings, outcome)


@app.command()
def demo() -> None:
    """The same on a simulated market: no key, no network. Home: data/demo, unless TIDEGAUGE_HOME is set."""
    from orchestration.rehearsal import simulated

    _rehearse(simulated(_settings()))


@app.command()
def real() -> None:
    """The same over the recorded history in TIDEGAUGE_REAL_DATA. Home: data/real, unless TIDEGAUGE_HOME is set."""
    from orchestration.rehearsal import recorded

    _rehearse(recorded(_settings()))


def build_release(*, accept_loss: bool, full_build: bool) -> None:
    """Build the marts from what has landed, audit, publish, report: `publish` without --to."""
    settings = _accepting(_as_held(_settings()), accept_loss=accept_loss, full_build=full_build)
    from orchestration.run import run_marts

    outcome = _watched(settings, lambda progress: run_marts(settings, progress))
    _show_outcome(settings, outcome)


@app.command()
def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = UI_PORT) -> None:
    """Dagster's pages on this machine: the asset graph with its checks, the runs, two schedules to switch on."""
    import os

    from orchestration.instance import dagster_environment

    settings = _as_held(_settings())
    home = _home(settings).ensure()
    arguments = ["-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port), "-m", "orchestration.definitions"]
    complain(f"Dagster's pages: http://127.0.0.1:{port} (home {home.root}; Ctrl-C ends it)")
    arguments += ["-d", str(_project_root())]
    os.execve(sys.executable, [sys.executable, *arguments], dagster_environment(settings, home))  # noqa: S606


@app.command()
def status(as_json: AsJson = False) -> None:
    """Per source and mart: newest period, age, expected by, state, last error."""
    from orchestration.status_page import say_status, show_status

    settings = _settings()
    if as_json:
        say_status(_home(settings), settings)
    else:
        show_status(_home(settings), _console(), settings)


register_states(app)
register_queries(app)
register_shell(app)
register_accept(app)
register_explain(app)
register_claims(app)
register_report(app)
register_publish(app)
register_mcp(app)
register_releases(app)
register_dictionary(app)
register_explore(app)
register_lake(app)
register_verify(app)


@app.command()
def rebuild(
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Go on where records or answers are lost for good; each is named.")
    ] = False,
) -> None:
    """Replay the archive into a new warehouse, and say whether the same rows came out.

    Where the old file is gone or damaged, what was said of regimes at the time and the records of runs come from the
    newest sound release.
    """
    settings = _as_held(_settings())
    from orchestration.progress import ConsoleProgress
    from orchestration.rebuilding import rebuild_home, told_of

    def report(sentence: str) -> None:
        complain(f"tidegauge: {sentence}")

    with ConsoleProgress() as progress:
        result = rebuild_home(settings, progress, accept_loss=accept_loss, tell=report)
    for sentence in told_of(result):
        _say(sentence)


@app.command()
def doctor(
    live: Annotated[bool, typer.Option("--live", help="Ask each publisher for its smallest answer.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Look at every archived answer, not at a sample.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at what a run needs and at what is kept; nothing is changed. One line of advice for each finding."""
    from orchestration.doctor import examine

    findings: list[Finding] = []
    for finding in chain(examine(full=full), _probed() if live else ()):
        findings.append(finding)
        if not as_json:
            _line(finding.level, finding.what, finding.seen, finding.advice)
    if as_json:
        from serving.query.documents import say_json

        say_json(findings)
    raise typer.Exit(max(finding.exit_code for finding in findings))


# -- what the commands share -------------------------------------------------------------------------------------


def _probed() -> Iterator[Finding]:
    """Yield what each publisher answered, as a finding."""
    from orchestration.finding import Finding
    from orchestration.probe import probe_all

    for probe in probe_all(_settings()):
        level: Literal["good", "note", "bad"] = "bad" if probe.moved else "note" if probe.not_asked else "good"
        yield Finding(probe.source, level, probe.line, exit_code=SourceError.exit_code if probe.moved else 0)


def _settings() -> Settings:
    from ingest.settings import load_settings

    return load_settings()


def _home(settings: Settings) -> Home:
    from ingest.home import home_at

    return home_at(settings.home)


def _project_root() -> Path:
    from ingest.settings import PROJECT_ROOT

    return PROJECT_ROOT


def _as_held(settings: Settings) -> Settings:
    """Return the settings with the origin of the figures of the home."""
    from orchestration.session import held_origin

    return settings.model_copy(update={"origin": held_origin(_home(settings)) or settings.origin})


def _accepting(settings: Settings, **asked: bool) -> Settings:
    """Return the settings with what the command line switches on."""
    return settings.model_copy(update={name: True for name, is_on in asked.items() if is_on})


def _console() -> Console:
    from serving.query.terminal import console

    # Off a terminal tables are as wide as they need: cut columns would lose figures.
    return console(width=None if sys.stdout.isatty() else 180)


def _rehearse(rehearsal: AbstractContextManager[Settings]) -> None:
    from orchestration.run import run_daily
    from serving.readings_table import show_readings

    with rehearsal as settings:
        outcome = _watched(settings, lambda progress: run_daily(settings, progress))
        _show_outcome(settings, outcome)
        show_readings(_home(settings).published, _console())


def _watched(settings: Settings, work: Callable[[Any], RunOutcome]) -> RunOutcome:
    from orchestration.log import log_to
    from orchestration.progress import ConsoleProgress

    log_to(_home(settings).ensure())
    with ConsoleProgress() as progress:
        return work(progress)


def _show_outcome(settings: Settings, outcome: RunOutcome) -> None:
    """Print what a run did."""
    from orchestration.status_page import show_outcome

    show_outcome(_home(settings), settings, outcome, _console())


def _line(level: str, what: str, seen: str, advice: str) -> None:
    mark = {"good": "ok  ", "note": "note", "bad": "BAD "}[level]
    _say(f"{mark}  {what}: {seen}" + (f"  → {advice}" if advice else ""))


def _say(text: str) -> None:
    from serving.query.terminal import say

    say(text)


def call(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit code; expected errors are one sentence on standard error."""
    from orchestration.guarded import guard_logs, guarded_streams

    guard_logs()
    use_home(None)
    with guarded_streams():
        return _called(arguments)


def _called(arguments: list[str] | None) -> int:
    from typer._click.exceptions import ClickException  # typer brings its own click and exports no base of its errors

    try:
        code = app(args=arguments, standalone_mode=False)
    except _ReaderGone:
        return _reader_gone()
    except TidegaugeError as error:
        complain(f"tidegauge: {error}")
        return error.exit_code
    except ClickException as error:
        complain(_usage(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the last net: it goes to the log with its traceback
        return explained(error)
    if code == INTERRUPTED:  # typer turns Ctrl-C into this code without a word
        complain("tidegauge: interrupted; what had landed is whole, the published file is what it was")
    return code if isinstance(code, int) else 0


def _reader_gone() -> int:
    """End well where a reader such as `head` has seen enough; nothing more may be written at the exit."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _usage(error: Any) -> str:
    """Return what is wrong with a command line, and after it how the command is used."""
    usage = f"\n{error.ctx.get_usage()}" if getattr(error, "ctx", None) is not None else ""
    return f"tidegauge: {error.format_message()}{usage}"


def main() -> None:
    """Be the console script `tidegauge`."""
    keep_freed_memory()
    code = call()
    gc.freeze()  # at its end Python looks for garbage among all that was ever imported: a second or two of a run
    sys.exit(code)


if __name__ == "__main__":
    main()
