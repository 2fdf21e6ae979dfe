"""A line of text that shows a series at a glance."""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """Return `values` (oldest first) as at most `width` bars with first, last, low and high; "no data" for none."""
    if not values:
        return "no data"
    step = max(1, -(-len(values) // width))
    shown = list(values[::-1][::step][::-1])  # every step-th, counted from the newest
    low, high = min(shown), max(shown)
    span = high - low
    bars = "".join(BARS[round((value - low) / span * (len(BARS) - 1)) if span else 0] for value in shown)
    return f"{bars}  {values[0]:,.6g} … {values[-1]:,.6g} (low {min(values):,.6g}, high {max(values):,.6g})"
