"""`tidegauge doctor`: what a run needs, looked at one by one, with one line of advice for each finding."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ingest.errors import ConfigError, HomeUnusable, TidegaugeError
from ingest.home import Home
from ingest.settings import PROJECT_ROOT, Settings, load_settings

if TYPE_CHECKING:
    from ingest.catalog.funds import Fund

WANTED_FREE_BYTES: Final = 2 * 1024**3
NEEDED_FREE_BYTES: Final = 200 * 1024**2
SEEN_LENGTH: Final = 160
LOOKED_AT: Final = (
    "dagster",
    "dagster-dbt",
    "dbt-core",
    "dbt-duckdb",
    "duckdb",
    "polars",
    "great-expectations",
    "yfinance",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `exit_code` is what the command ends with when the level is "bad"."""

    what: str
    level: Literal["good", "note", "bad"]
    seen: str
    advice: str = ""
    exit_code: int = 0


def examine() -> Iterator[Finding]:
    """Yield what was found, in the order in which a run would need it."""
    yield _python()
    yield from _versions()
    try:
        settings = load_settings()
    except ConfigError as error:
        yield Finding("settings", "bad", str(error), "Correct the variable or .env.", ConfigError.exit_code)
        return
    home = Home(settings.home.resolve())
    looks: tuple[Callable[[Settings, Home], Finding], ...] = (
        _key,
        _env_file,
        _clock,
        _catalog,
        _funds,
        _home,
        _disk,
        _writer,
        _release,
    )
    for look in looks:
        yield look(settings, home)
    yield from _panels(settings, home)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("python", "good", version)
    return Finding("python", "bad", version, "Use Python 3.11, 3.12 or 3.13.", ConfigError.exit_code)


def _versions() -> Iterator[Finding]:
    pinned = dict(
        re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", (PROJECT_ROOT / "requirements.txt").read_text(), re.MULTILINE)
    )
    wanted = {name.lower().replace("_", "-"): version for name, version in pinned.items()}
    others = []
    for name in LOOKED_AT:
        try:
            seen = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding(name, "bad", "not installed", "Run `make setup`.", ConfigError.exit_code)
            continue
        if seen != wanted.get(name, seen):
            others.append(f"{name} {seen} (tried with {wanted[name]})")
    if others:
        yield Finding(
            "packages", "note", ", ".join(others), "Run `make setup` for the versions that were tried together."
        )
    else:
        yield Finding("packages", "good", "the versions that were tried together")


def _key(settings: Settings, _home: Home) -> Finding:
    if settings.fred_api_key is None:
        advice = "A free key from fred.stlouisfed.org gives FRED's vintages; put FRED_API_KEY into .env."
        return Finding("FRED key", "note", "not set: FRED is asked keyless", advice)
    if not re.fullmatch(r"[0-9a-z]{32}", settings.fred_api_key.get_secret_value()):
        return Finding(
            "FRED key",
            "bad",
            "set, but not 32 lower-case letters and digits",
            "Copy it again from your FRED account.",
            ConfigError.exit_code,
        )
    return Finding("FRED key", "good", "set")


def _env_file(_settings: Settings, _home: Home) -> Finding:
    path = Path(".env")
    if not path.exists():
        return Finding(".env", "good", "none")
    if path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return Finding(".env", "note", "others on this machine can read it", "chmod 600 .env")
    return Finding(".env", "good", "only you can read it")


def _clock(settings: Settings, _home: Home) -> Finding:
    if settings.now is not None:
        return Finding("clock", "note", f"stands at {settings.now.isoformat()}", "Unset TIDEGAUGE_NOW for daily runs.")
    return Finding("clock", "good", "the system's")


def _catalog(_settings: Settings, _home: Home) -> Finding:
    from ingest.catalog import load_catalog

    try:
        catalog = load_catalog()
    except ConfigError as error:
        return Finding("catalog", "bad", str(error), "Correct ingest/catalog/series.yml.", ConfigError.exit_code)
    return Finding("catalog", "good", f"{len(catalog.series)} series")


def _funds(_settings: Settings, _home: Home) -> Finding:
    from ingest.catalog.funds import load_funds

    try:
        funds = load_funds()
    except ConfigError as error:
        return Finding("funds", "bad", str(error), "Correct ingest/catalog/funds.yml.", ConfigError.exit_code)
    own = sum(fund.source == "user_file" for fund in funds)
    return Finding("funds", "good", f"{len(funds)} funds, {own} of them only from your files")


def _home(_settings: Settings, home: Home) -> Finding:
    try:
        home.ensure()
    except HomeUnusable as error:
        return Finding("home", "bad", str(error), "Set TIDEGAUGE_HOME to a folder you own.", HomeUnusable.exit_code)
    return Finding("home", "good", str(home.root))


def _disk(_settings: Settings, home: Home) -> Finding:
    folder = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    seen = f"{free / 1024**3:.1f} GiB free"
    if free < NEEDED_FREE_BYTES:
        return Finding("disk", "bad", seen, "Free some space: a run needs 200 MiB.", HomeUnusable.exit_code)
    if free < WANTED_FREE_BYTES:
        return Finding("disk", "note", seen, "A first run with its archive and five releases takes up to 2 GiB.")
    return Finding("disk", "good", seen)


def _writer(_settings: Settings, home: Home) -> Finding:
    from warehouse.connection import is_writer_active

    if is_writer_active(home):
        return Finding("writer", "note", "a run is writing now", "Wait for it before you start another.")
    return Finding("writer", "good", "no run is writing")


def _release(_settings: Settings, home: Home) -> Finding:
    import duckdb

    if not home.published.exists():
        return Finding("release", "note", "nothing published yet", "Run `tidegauge run` or `tidegauge demo`.")
    try:
        with duckdb.connect(str(home.published), read_only=True) as con:
            row = con.execute("select build_id, origin from meta.build").fetchone()
    except duckdb.Error as error:
        seen = f"cannot be opened: {str(error).splitlines()[0]}"
        return Finding("release", "bad", seen, "Run `tidegauge rollback`.", TidegaugeError.exit_code)
    assert row is not None
    if os.access(home.published, os.W_OK) and os.geteuid() != 0:
        return Finding("release", "note", f"{row[0]}, and it can be written to", f"chmod 444 {home.published}")
    return Finding("release", "good", f"{row[0]} ({row[1]})")


def _panels(settings: Settings, home: Home) -> Iterator[Finding]:
    """Yield what the last run left of desks and funds; nothing before the first run and while one is going on."""
    import duckdb

    from warehouse.connection import is_writer_active
    from warehouse.panel_status import panel_status
    from warehouse.status import build_file

    try:
        with build_file(home, is_active=is_writer_active(home)) as con:
            held = "select 1 from duckdb_tables() where table_name = 'panel_lacks'"
            if con is None or not con.execute(held).fetchone():
                return
            found = panel_status(con, settings.clock())
    except duckdb.Error as error:
        seen = f"{home.warehouse} cannot be read: {str(error).splitlines()[0]}"
        yield Finding("panels", "bad", seen, "Run `tidegauge rebuild`.", TidegaugeError.exit_code)
        return
    for desk, reason in found.failed:
        yield Finding(
            desk, "note", f"no answer in the last run: {_short(reason)}", "Ask it: `tidegauge doctor --live`."
        )
    issued = [_with_code(fund) for fund in found.without_data if fund.source != "user_file"]
    own = [fund.ticker for fund in found.without_data if fund.source == "user_file"]
    if issued:
        yield Finding(
            "funds", "note", f"no data of {', '.join(issued)}", "Check their codes in ingest/catalog/funds.yml."
        )
    if own:
        advice = f"Their issuers publish no counts: put them into {home.user_files / 'fund_days'}/<TICKER>.csv."
        yield Finding("funds", "note", f"no data of {', '.join(own)}", advice)
    for one in found.strange:
        seen = f"{_with_code(one.fund)}: NAV {one.ratio:+.0%} off the close up to {one.newest_date}"
        yield Finding("funds", "note", seen, "The code may be another fund's: correct ingest/catalog/funds.yml.")
    if not (found.failed or issued or own or found.strange):
        yield Finding("panels", "good", "every desk answered, every fund has data")


def _with_code(fund: Fund) -> str:
    """Return the ticker, with the number by which iShares knows it."""
    return f"{fund.ticker} (portfolioId {fund.provider_code})" if fund.source == "ishares" else fund.ticker


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SEEN_LENGTH else f"{line[: SEEN_LENGTH - 1]}…"
