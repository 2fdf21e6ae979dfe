"""Runs the stand-in alone: python -m simulator --market simulated --port 8765 --now 2026-10-30T09:15."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from ingest.clock import NEW_YORK, Clock, clock_at, system_clock
from simulator.economy.cross_section import DEFAULT_MEMBERS
from simulator.folder import folder_market
from simulator.market import Market
from simulator.server import StandIn
from simulator.simulate import DEFAULT_SEED, simulate

_AHEAD = timedelta(days=370)
"""How far beyond the clock the simulated market has days, for a stand-in that runs on."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; return 2 for a market that cannot be had."""
    options = _parser().parse_args(arguments)
    clock = _clock(options.now)
    if options.market == "folder" and options.folder is None:
        print("--market folder needs --folder or TIDEGAUGE_REAL_DATA", file=sys.stderr)
        return 2
    market = _market(options, clock)
    stand_in = StandIn(market, clock, port=options.port)
    print(f"{options.market} market at {stand_in.url}, now {clock().isoformat()}", flush=True)
    try:
        stand_in.serve_forever()
    except KeyboardInterrupt:
        print("stopped")
    return 0


def _parser() -> argparse.ArgumentParser:
    named = os.environ.get("TIDEGAUGE_REAL_DATA")
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--market", choices=("simulated", "folder"), default="simulated")
    parser.add_argument("--folder", type=Path, default=Path(named) if named else None)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--members", type=int, default=DEFAULT_MEMBERS, help="stocks in the simulated index")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--now", type=datetime.fromisoformat, help="New York time without a zone; absent: the clock")
    return parser


def _clock(now: datetime | None) -> Clock:
    if now is None:
        return system_clock
    return clock_at(now if now.tzinfo else now.replace(tzinfo=NEW_YORK))


def _market(options: argparse.Namespace, clock: Clock) -> Market:
    if options.market == "folder":
        return folder_market(options.folder)
    return simulate((clock() + _AHEAD).date(), seed=options.seed, members=options.members)


if __name__ == "__main__":
    sys.exit(main())
