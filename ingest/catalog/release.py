"""Release rules: the earliest moment at which someone in New York could have read a period's value."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, model_validator

from ingest.catalog.calendars import CalendarName, busday_calendar

_WEEKDAYS = {"monday": "Mon", "tuesday": "Tue", "wednesday": "Wed", "thursday": "Thu", "friday": "Fri"}


class ReleaseRule(BaseModel):
    """When a provider prints the value of a period. Exactly one of the three lags is set.

    business_days: so many working days of `calendar` after the period (0: the same day, or the next working one).
    calendar_days: so many plain days after it (negative: announced ahead).
    weekday: the first such weekday after the period, or the next working day of `calendar` when that is closed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    calendar: CalendarName = "every_day"
    business_days: int | None = None
    calendar_days: int | None = None
    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday"] | None = None
    time: time
    zone: str = "America/New_York"

    @model_validator(mode="after")
    def _one_lag(self) -> ReleaseRule:
        if sum(lag is not None for lag in (self.business_days, self.calendar_days, self.weekday)) != 1:
            raise ValueError("give exactly one of business_days, calendar_days, weekday")
        return self

    def released_at(self, periods: pl.Series) -> pl.Series:
        """Return the release moments of `periods` (Date) as naive UTC Datetime("us"), in the same order."""
        days = periods.cast(pl.Date).to_numpy().astype("datetime64[D]")
        working = busday_calendar(self.calendar)
        if self.business_days == 0:
            moved = np.busday_offset(days, 0, roll="forward", busdaycal=working)
        elif self.business_days is not None:
            moved = np.busday_offset(days, self.business_days, roll="backward", busdaycal=working)
        elif self.calendar_days is not None:
            moved = (days.astype("int64") + self.calendar_days).astype("datetime64[D]")
        else:
            assert self.weekday is not None
            following = np.busday_offset(days + 1, 0, roll="forward", weekmask=_WEEKDAYS[self.weekday])
            moved = np.busday_offset(following, 0, roll="forward", busdaycal=working)
        local = pl.Series(periods.name, moved).cast(pl.Datetime("us"))
        local = local.dt.offset_by(f"{self.time.hour}h{self.time.minute}m")
        return local.dt.replace_time_zone(self.zone).dt.convert_time_zone("UTC").dt.replace_time_zone(None)

    def released_at_one(self, period: date) -> datetime:
        """Return the release moment of one period, naive UTC."""
        moment: datetime = self.released_at(pl.Series("period_date", [period]))[0]
        return moment
