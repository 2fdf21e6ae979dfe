"""`tidegauge doctor`: what a run needs, looked at one by one, with one line of advice for each finding."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingest.errors import ConfigError, HomeUnusable
from ingest.home import Home, home_at
from ingest.settings import PROJECT_ROOT, Settings, load_settings
from orchestration.archive_check import archive_finding, snapshot_findings
from orchestration.engine_check import engine_finding
from orchestration.finding import Finding
from orchestration.lake_check import lake_finding

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


def examine(*, full: bool = False) -> Iterator[Finding]:
    """Yield what was found, in the order in which a run would need it. Creates and changes nothing.

    With `full` every archived answer is unpacked and hashed; a sample of them otherwise.
    """
    yield _python()
    yield from _versions()
    try:
        settings = load_settings()
    except ConfigError as error:
        yield Finding("settings", "bad", str(error), "Correct the variable or .env.", ConfigError.exit_code)
        return
    try:
        home = home_at(settings.home)
    except HomeUnusable as error:
        yield Finding("home", "bad", str(error), "", HomeUnusable.exit_code)
        return
    looks: tuple[Callable[[Settings, Home], Finding], ...] = (
        _key,
        _finra_key,
        _contact,
        _env_file,
        _clock,
        _catalog,
        _funds,
        _home,
        _disk,
        _writer,
        _build,
        _release,
        _releases,
    )
    for look in looks:
        yield look(settings, home)
    yield archive_finding(home, full=full)
    lake, finding = lake_finding(settings, home)
    engine = engine_finding(lake)
    yield from (one for one in (finding, engine) if one is not None)
    if finding is None or finding.level != "bad":
        yield from snapshot_findings(home, lake, full=full)
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


def _finra_key(settings: Settings, _home: Home) -> Finding:
    both = (settings.finra_client_id, settings.finra_client_secret)
    if both == (None, None):
        advice = (
            "A free key from developer.finra.org gives weekly volumes of alternative trading systems where FINRA "
            "refuses without one; put TIDEGAUGE_FINRA_CLIENT_ID and TIDEGAUGE_FINRA_CLIENT_SECRET into .env."
        )
        return Finding("FINRA key", "note", "not set: the Query API is asked keyless", advice)
    if None in both:
        advice = "TIDEGAUGE_FINRA_CLIENT_ID and TIDEGAUGE_FINRA_CLIENT_SECRET go together: set both, or neither."
        return Finding("FINRA key", "bad", "one of its two halves is missing", advice, ConfigError.exit_code)
    return Finding("FINRA key", "good", "set")


def _contact(settings: Settings, _home: Home) -> Finding:
    if settings.contact is None:
        advice = "Some publishers want to know who asks: put TIDEGAUGE_CONTACT=you@example.org into .env."
        return Finding("contact", "note", "not set: no filings of the SEC, no calendar of the BLS", advice)
    return Finding("contact", "good", "set")


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
        return Finding("catalog", "bad", str(error), "Correct the file that it names.", ConfigError.exit_code)
    return Finding("catalog", "good", f"{len(catalog.series)} series")


def _funds(_settings: Settings, _home: Home) -> Finding:
    from ingest.catalog.funds import load_funds
    from ingest.registry import users_own

    try:
        funds = load_funds()
    except ConfigError as error:
        return Finding("funds", "bad", str(error), "Correct ingest/catalog/funds.yml.", ConfigError.exit_code)
    own = sum(fund.source == users_own() for fund in funds)
    return Finding("funds", "good", f"{len(funds)} funds, {own} of them only from your files")


def _home(_settings: Settings, home: Home) -> Finding:
    try:
        home.look()
    except HomeUnusable as error:
        return Finding("home", "bad", str(error), "", HomeUnusable.exit_code)
    if not home.root.exists():
        return Finding("home", "good", f"{home.root} (the first run makes it)")
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


def _build(_settings: Settings, home: Home) -> Finding:
    import duckdb

    from warehouse.connection import is_writer_active
    from warehouse.status import build_file

    if not home.warehouse.exists():
        if any(home.releases.glob("tidegauge_*.duckdb")):
            seen = f"{home.warehouse} is gone, though releases are kept"
            return Finding("warehouse", "bad", seen, "Run `tidegauge rebuild`.", HomeUnusable.exit_code)
        return Finding("warehouse", "note", "none yet", "Run `tidegauge run` or `tidegauge demo`.")
    try:
        with build_file(home, is_active=is_writer_active(home)) as con:
            if con is None:
                return Finding("warehouse", "note", "in use by a run", "Wait for it and look again.")
            runs = con.execute("select count(distinct run_id) from ops.runs").fetchone()
    except HomeUnusable as error:
        return Finding("warehouse", "bad", str(error), "", HomeUnusable.exit_code)
    except duckdb.Error as error:
        seen = f"{home.warehouse}: {_short(str(error))}"
        return Finding("warehouse", "bad", seen, "Run `tidegauge rebuild`.", HomeUnusable.exit_code)
    return Finding("warehouse", "good", f"{runs[0] if runs else 0} runs on record")


def _release(_settings: Settings, home: Home) -> Finding:
    import duckdb

    if not (home.published.exists() or home.published.is_symlink()):
        return Finding("release", "note", "nothing published yet", "Run `tidegauge run` or `tidegauge demo`.")
    try:
        with duckdb.connect(str(home.published), read_only=True) as con:
            row = con.execute("select build_id, origin from meta.build").fetchone()
    except duckdb.Error as error:
        seen = f"{home.published} cannot be opened: {str(error).splitlines()[0]}"
        return Finding("release", "bad", seen, "Run `tidegauge rollback`.", HomeUnusable.exit_code)
    if row is None:
        seen = f"{home.published} does not say which build it is"
        return Finding("release", "bad", seen, "Run `tidegauge rollback`.", HomeUnusable.exit_code)
    if os.access(home.published, os.W_OK) and os.geteuid() != 0:
        return Finding("release", "note", f"{row[0]}, and it can be written to", f"chmod 444 {home.published}")
    return Finding("release", "good", f"{row[0]} ({row[1]})")


def _releases(_settings: Settings, home: Home) -> Finding:
    from warehouse.releases import expected_sha256, is_published_whole, releases, sha256_of

    kept = releases(home, verify=True)
    damaged = [release for release in kept if release.is_damaged and not release.is_set_aside]
    if damaged:
        names = ", ".join(release.path.name for release in damaged)
        advice = "The next publication sets aside what cannot be read; `tidegauge rollback` goes to none of them."
        return Finding("releases", "bad", f"damaged: {names}", advice, HomeUnusable.exit_code)
    current = next((release for release in kept if release.is_current), None)
    if current is not None and not is_published_whole(home, current):
        seen = (
            f"{home.published}: expected sha256 {expected_sha256(current.path)}, got {sha256_of(home.published)}: "
            "it is damaged"
        )
        return Finding("releases", "bad", seen, "Run `tidegauge publish`.", HomeUnusable.exit_code)
    aside = [release.path.name for release in kept if release.is_set_aside]
    if aside:
        return Finding("releases", "note", f"set aside as damaged: {', '.join(aside)}", "Remove them when you like.")
    return Finding("releases", "good", f"{len(kept)} kept, each with its checksum")


def _panels(settings: Settings, home: Home) -> Iterator[Finding]:
    """Yield what the last run left of desks and funds; nothing before the first run and while one is going on."""
    import duckdb

    from ingest.registry import users_own
    from orchestration.session import lake_for
    from warehouse.connection import is_writer_active
    from warehouse.lake.errors import LakeUnusable
    from warehouse.panel_status import panel_status
    from warehouse.status import build_file

    try:
        with build_file(home, is_active=is_writer_active(home), lake=lake_for(home, settings)) as con:
            held = "select 1 from duckdb_tables() where table_name = 'panel_lacks'"
            if con is None or not con.execute(held).fetchone():
                return
            found = panel_status(con, settings.clock())
    except (ConfigError, LakeUnusable):
        yield Finding("panels", "note", "prices are in the lake, which cannot be read", "See what is said of the lake.")
        return
    except (duckdb.Error, HomeUnusable) as error:
        seen = f"{home.warehouse} cannot be read: {str(error).splitlines()[0]}"
        yield Finding("panels", "bad", seen, "Run `tidegauge rebuild`.", HomeUnusable.exit_code)
        return
    for desk, reason in found.failed:
        yield Finding(
            desk, "note", f"no answer in the last run: {_short(reason)}", "Ask it: `tidegauge doctor --live`."
        )
    issued = [_with_code(fund) for fund in found.without_data if fund.source != users_own()]
    own = [fund.ticker for fund in found.without_data if fund.source == users_own()]
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
    """Return the ticker, with what its issuer calls it where that is something else."""
    code = fund.provider_code
    return fund.ticker if code is None or code.upper() == fund.ticker else f"{fund.ticker} (code {code})"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SEEN_LENGTH else f"{line[: SEEN_LENGTH - 1]}…"
