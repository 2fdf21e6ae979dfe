"""The figures of tests, worked out here or in a run's second process while this one goes on with other claims.

The rows of a test stand in the ledger before their figures are there, so their order does not depend on who works them
out. A figure hangs on its test and a fixed seed alone: it is the same here and there, and in whatever order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from analytics.claims.events import Places
from analytics.claims.testing import Trial, figures_of, sign_of_effect
from ingest.second_process import READ, Work, done

if TYPE_CHECKING:
    from ingest.second_process import SecondProcess


@dataclass(frozen=True, slots=True)
class Question:
    """A trial, and of a headline what began in each cell of the claim's grid."""

    trial: Trial
    cells: tuple[Places, ...] | None = None


def prepare(second: SecondProcess) -> None:
    """Let the second process import what figures need, so that the first claim need not wait for it."""
    second.begin(READ, lambda: None, _imported)


class Figuring:
    """The figures of a ledger that are being worked out; without a second process each is there when it is begun."""

    def __init__(self, second: SecondProcess | None) -> None:
        self._second = second
        self._begun: list[tuple[list[dict[str, Any]], Work[list[dict[str, Any]]]]] = []

    def begin(self, rows: list[dict[str, Any]], questions: list[Question]) -> None:
        """Begin the figures of the tests of one claim, which belong into `rows`.

        They are sent together: nearly all of them look at the same sessions and the same outcomes.
        """
        if self._second is None:
            work = done(figures(questions))
        else:
            work = self._second.begin(READ, lambda: figures(questions), figures, questions)
        self._begun.append((rows, work))

    def finish(self) -> None:
        """Wait for all figures, and write them into their rows."""
        for rows, work in self._begun:
            for row, found in zip(rows, work.result(), strict=True):
                row.update(found)


def figures(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Return the figures of each test, in columns of claims.results; those of equal events are worked out once.

    Rare events lie as far apart for the one cool-down as for the other.
    """
    seen: dict[object, dict[str, Any]] = {}
    rows = []
    for question in questions:
        trial = question.trial
        key = id(trial.sample), trial.outcome, trial.horizon, trial.events.tobytes()
        if key not in seen:
            seen[key] = figures_of(trial)
        rows.append(seen[key] | {"cooldown_sessions": trial.cooldown} | _grid(question))
    return rows


def _grid(question: Question) -> dict[str, Any]:
    """Return how many cells of the parameter grid there are, and the share of those with events on the claimed side."""
    if question.cells is None:
        return _NO_GRID
    signs = [sign_of_effect(replace(question.trial, onsets=one)) for one in question.cells]
    known = [one for one in signs if one is not None]
    share = round(sum(one > 0 for one in known) / len(known), 6) if known else None
    return {"grid_cells_count": len(signs), "grid_cells_tested_count": len(known), "grid_same_sign_ratio": share}


_NO_GRID: Final = {"grid_cells_count": None, "grid_cells_tested_count": None, "grid_same_sign_ratio": None}


def _imported() -> None:
    """Be called over there: to find this function, its module and all that it needs are imported."""
