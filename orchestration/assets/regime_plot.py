"""The newest regime and how it came, as Dagster's page of marts.regime_daily shows it.

A line of text is shown at once; Dagster opens a drawing, which is longer, on a click.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from dagster import MetadataValue

from orchestration.sparkline import sparkline

if TYPE_CHECKING:
    import duckdb

SESSIONS: Final = 500
_WIDTH, _HEIGHT, _TOP_SCORE = 600, 90, 12
_UNKNOWN: Final = "#dddddd"


def regime_facts(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return class, sentence and drawing of the newest sessions; nothing where there is no row."""
    rows = con.execute(
        "select session_date, regime_class, core_score, explain_text from marts.regime_daily"
        " order by session_date desc limit $1",
        [SESSIONS],
    ).fetchall()[::-1]
    if not rows:
        return {}
    day, name, _, sentence = rows[-1]
    return {
        "regime_class": MetadataValue.md(f"**{name}** on {day}"),
        "explain_text": MetadataValue.text(sentence or ""),
        "core_score": MetadataValue.md(sparkline([float(row[2]) for row in rows if row[2] is not None])),
        "class_and_core_score": MetadataValue.md(
            f"![Class and core score of {len(rows)} sessions]({_address(drawing([row[1:3] for row in rows]))})\n\n"
            f"{rows[0][0]} to {day}: the class in colour, the core score (0 to {_TOP_SCORE}) as a line."
        ),
    }


def drawing(rows: list[tuple[str, int | None]]) -> str:
    """Return an SVG of classes, oldest first, as bands in the report's colours, and the score as a line over them."""
    from serving.report.colours import CLASS_COLOURS

    step = _WIDTH / len(rows)
    bands, began = [], 0
    for place in range(1, len(rows) + 1):
        if place == len(rows) or rows[place][0] != rows[began][0]:
            name = rows[began][0]
            bands.append(
                f'<rect x="{began * step:.1f}" width="{(place - began) * step:.1f}" height="{_HEIGHT}"'
                f' fill="{CLASS_COLOURS.get(name, _UNKNOWN)}"><title>{name}</title></rect>'
            )
            began = place
    lines, line = [], []
    for place, (_, score) in enumerate(rows):
        if score is not None:
            height = _HEIGHT - 2 - score / _TOP_SCORE * (_HEIGHT - 4)
            line.append(f"{(place + 0.5) * step:.1f},{height:.1f}")
        if line and (score is None or place == len(rows) - 1):
            lines.append(f'<polyline points="{" ".join(line)}" fill="none" stroke="#111" stroke-width="1.5"/>')
            line = []
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(bands)}{"".join(lines)}</svg>'


def _address(svg: str) -> str:
    """Return the drawing as an address that needs no request."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
