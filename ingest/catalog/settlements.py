"""Days on which positions of brokers are reported: twice a month, the 15th and the last day."""

from __future__ import annotations

from datetime import date

import numpy as np

from ingest.catalog.calendars import busday_calendar


def settlement_dates(first: date, last: date) -> list[date]:
    """Return the settlement dates between two days; one that is no session is the session before it."""
    months = np.arange(np.datetime64(first, "M"), np.datetime64(last, "M") + 1)
    named = np.sort(np.concatenate([months.astype("datetime64[D]") + 14, (months + 1).astype("datetime64[D]") - 1]))
    days: list[date] = np.busday_offset(named, 0, roll="backward", busdaycal=busday_calendar("nyse")).tolist()
    return [day for day in days if first <= day <= last]
