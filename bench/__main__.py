"""Print what is fast beside what people would use instead, measured in one run on this machine."""

from __future__ import annotations

import os
import platform

from rich.console import Console
from rich.table import Table

from bench import BenchRow, as_of, breadth, commands, landing, prices, publish, snapshots, waiting

MODULES = (commands, waiting, breadth, landing, prices, publish, as_of, snapshots)


def main() -> None:
    """Run every benchmark and print one table."""
    rows: list[BenchRow] = [row for module in MODULES for row in module.run()]
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    table = Table(title=f"Medians of 3, or measured once where the note says so, on {machine}")
    for column in ("work", "ours", "budget", "alternative", "takes", "ours is", "note"):
        table.add_column(column, justify="right" if column in ("ours", "budget", "takes") else "left")
    for row in rows:
        table.add_row(
            row.work,
            f"{row.ours_seconds:.2f} s",
            _budget(row),
            row.alternative or "",
            "" if row.alternative_seconds is None else f"{row.alternative_seconds:.2f} s",
            _ratio(row),
            row.note,
        )
    console = Console()
    Console(width=max(console.width, 150)).print(table)


def _budget(row: BenchRow) -> str:
    if row.budget_seconds is None:
        return ""
    verdict = "kept" if row.ours_seconds <= row.budget_seconds else "BROKEN"
    return f"{row.budget_seconds:g} s, {verdict}"


def _ratio(row: BenchRow) -> str:
    if row.alternative_seconds is None:
        return ""
    ratio = row.alternative_seconds / row.ours_seconds
    return f"{ratio:.1f} x faster" if ratio >= 1 else f"{1 / ratio:.1f} x slower"


if __name__ == "__main__":
    main()
