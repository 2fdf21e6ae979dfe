"""Charts and readings, a section for each group of marts: all of it as the marts say in their `meta`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from markupsafe import Markup

from serving.readings import NOT_DECLARED, Reading, readings
from serving.report.axes import Axes
from serving.report.charts import Drawn, draw
from serving.report.lineage import read_lineage
from serving.report.phrases import Phrases, phrases
from serving.report.rendering import rendered

if TYPE_CHECKING:
    import duckdb

    from warehouse.presentation import Presentation


@dataclass(slots=True)
class Group:
    """What one group shows; `title` is None for marts that name none."""

    title: str | None
    id: str
    charts: list[Drawn] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)


def groups_section(
    con: duckdb.DuckDBPyConnection, presentation: Presentation | None, axes: Axes, words: Phrases | None = None
) -> Markup:
    """Return the charts and readings of each group, and the charts of many years at the end."""
    words = words or phrases()
    placed = presentation.charts if presentation else ()
    lineage = read_lineage(con)
    drawn = [draw(con, one, axes, lineage, words) for one in placed]
    groups: dict[str | None, Group] = {}

    def of(title: str | None) -> Group:
        return groups.setdefault(title, Group(title, f"group-{len(groups) + 1}"))

    for one in drawn:
        if not one.is_long:
            of(one.group).charts.append(one)
    for reading in readings(con) or []:
        of(reading.group).readings.append(reading)
    return rendered(
        "groups.html",
        words,
        groups=[*groups.values()],
        long=[one for one in drawn if one.is_long],
        note=None if presentation else NOT_DECLARED,
    )
