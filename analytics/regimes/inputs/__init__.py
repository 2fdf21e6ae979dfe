"""The inputs of a session's rules: which series they need, and how they are read as known at a cut-off."""

from analytics.regimes.inputs.panel import Panel, PanelRows, read_panel
from analytics.regimes.inputs.reader import SERIES, InputReader

__all__ = ["SERIES", "InputReader", "Panel", "PanelRows", "read_panel"]
