"""The columns that say which period a row of a mart is about. Imports nothing: the status of a home is quick."""

from typing import Final

PERIOD_COLUMNS: Final = (
    *("session_date", "week_date", "week_end_date", "month_date", "quarter_date", "period_date"),
    *("settlement_date", "report_date", "release_date"),
)
"""The column that orders the rows of a mart: the first of these that it has."""
