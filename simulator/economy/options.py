"""Option volumes: whole contracts, so that every ratio is the rounded quotient of what was traded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.economy.grid import Grid, Path
from simulator.economy.regimes import pressure_path


@dataclass(frozen=True, slots=True)
class Volumes:
    """Puts and calls of one group of products, in contracts."""

    puts: Path
    calls: Path

    @property
    def ratio(self) -> Path:
        """Return puts / calls as printed: two decimals."""
        return np.round(self.puts / self.calls, 2)


@dataclass(frozen=True, slots=True)
class OptionVolumes:
    """The groups of the daily page. `total` is the sum of index, products (etp) and equity."""

    total: Volumes
    equity: Volumes
    index: Volumes
    etp: Volumes
    spx: Volumes
    vix: Volumes


def option_volumes(grid: Grid, stress: Path) -> OptionVolumes:
    """Return volumes that grow with the years and lean to puts in stress."""
    years = (grid.days - grid.days[0]).astype(float) / 365.25
    activity = np.exp(0.055 * years + 0.12 * np.maximum(stress, 0.0)) * np.exp(0.13 * grid.normal("option activity"))
    fear = pressure_path(grid, stress, "put call", pull=0.25, noise=0.15)
    equity = _group(grid, "equity", 1_350_000 * activity, 0.62 + 0.13 * fear)
    index = _group(grid, "index", 780_000 * activity, 1.10 + 0.14 * fear)
    etp = _group(grid, "etp", 900_000 * activity, 1.15 + 0.22 * fear)
    return OptionVolumes(
        total=Volumes(puts=equity.puts + index.puts + etp.puts, calls=equity.calls + index.calls + etp.calls),
        equity=equity,
        index=index,
        etp=etp,
        spx=_group(grid, "spx", 520_000 * activity, 1.30 + 0.16 * fear),
        vix=_group(grid, "vix", 170_000 * activity, np.maximum(0.52 - 0.06 * fear, 0.12)),
    )


def _group(grid: Grid, name: str, calls: Path, ratio: Path) -> Volumes:
    noisy = np.clip(ratio * np.exp(0.09 * grid.normal(f"{name} ratio")), 0.05, 5.0)
    traded = np.round(calls * np.exp(0.06 * grid.normal(f"{name} calls")))
    return Volumes(puts=np.round(traded * noisy), calls=traded)
