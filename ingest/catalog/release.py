"""Release rules: the earliest moment at which someone in New York could have read a period's value."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ingest.catalog.calendars import CalendarName, busday_calendar
from ingest.catalog.zones import in_utc

_LAGS = (
    "business_days",
    "calendar_days",
    "weekday",
    "day_of_next_month",
    "business_day_of_month",
    "days_after_quarter",
    "days_after_year",
    "fridays_after_survey_week",
)
_WEEKDAYS = {"monday": "Mon", "tuesday": "Tue", "wednesday": "Wed", "thursday": "Thu", "friday": "Fri"}


class ReleaseRule(BaseModel):
    """When a provider prints the value of a period. Exactly one of the lags is set.

    business_days: so many working days of `calendar` after the period (0: the same day, or the next working one).
    calendar_days: so many plain days after it (negative: announced ahead).
    weekday: the first such weekday after the period, or `weeks_later` than that.
    day_of_next_month: that day of the month after the period's, or `months_later` than that.
    business_day_of_month: that working day of the month so many months (`months_later`) after the period's.
    days_after_quarter, days_after_year: so many plain days after the last day of the period's quarter or year.
    fridays_after_survey_week: so many Fridays after the week (Sunday to Saturday) with the 12th of the period's month,
    a week later where that is one of the first three days of a year: the US jobs report.

    Where a day found by one of the last six is closed in `calendar` it is the working day after it, or before it
    (`when_closed`). `exceptions` says on which day single periods came out instead, at the same time of day.
    `not_before` has the rules of what a provider computes the value from: it is not out before the last of them.
    `until` has the rules of earlier times, each by the last period that it is for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    calendar: CalendarName = "every_day"
    business_days: int | None = None
    calendar_days: int | None = None
    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday"] | None = None
    day_of_next_month: int | None = Field(default=None, ge=1, le=28)
    business_day_of_month: int | None = Field(default=None, ge=1, le=15)
    days_after_quarter: int | None = Field(default=None, ge=0)
    days_after_year: int | None = Field(default=None, ge=0)
    fridays_after_survey_week: int | None = Field(default=None, ge=1)
    weeks_later: int = Field(default=0, ge=0)
    months_later: int = Field(default=0, ge=0, le=12)
    when_closed: Literal["after", "before"] = "after"
    exceptions: dict[date, date] = Field(default_factory=dict)
    time: time
    zone: str = "America/New_York"
    not_before: tuple[ReleaseRule, ...] = ()
    until: dict[date, ReleaseRule] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_lag(self) -> ReleaseRule:
        lags = {name: getattr(self, name) for name in _LAGS}
        if sum(lag is not None for lag in lags.values()) != 1:
            raise ValueError(f"give exactly one of {', '.join(lags)}")
        by_month = self.day_of_next_month is not None or self.business_day_of_month is not None
        if (self.weeks_later and self.weekday is None) or (self.months_later and not by_month):
            raise ValueError("weeks_later goes with weekday, months_later with a day of the month")
        return self

    def released_at(self, periods: pl.Series) -> pl.Series:
        """Return the release moments of `periods` (Date) as naive UTC Datetime("us"), in the same order."""
        days = periods.cast(pl.Date).to_numpy().astype("datetime64[D]")
        return pl.Series(periods.name, self._released(days))

    def _released(self, days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
        moved = self._moved(days)
        moved[np.isnat(days)] = np.datetime64("NaT")
        for period, day in self.exceptions.items():
            moved[days == np.datetime64(period)] = np.datetime64(day)
        released = in_utc(moved, self.time, self.zone)
        for rule in self.not_before:
            released = np.fmax(released, rule._released(days))
        for last, rule in sorted(self.until.items(), reverse=True):
            is_earlier = days <= np.datetime64(last)
            if is_earlier.any():
                released[is_earlier] = rule._released(days[is_earlier])
        return released

    def _moved(self, days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
        """Return the days on which the rule has the periods printed."""
        working = busday_calendar(self.calendar)
        if self.business_days is not None:
            roll: Literal["forward", "backward"] = "forward" if self.business_days == 0 else "backward"
            return np.busday_offset(days, self.business_days, roll=roll, busdaycal=working)
        if self.calendar_days is not None:
            return (days.astype("int64") + self.calendar_days).astype("datetime64[D]")
        months = days.astype("datetime64[M]")
        if self.weekday is not None:
            named = np.busday_offset(days + 1, self.weeks_later, roll="forward", weekmask=_WEEKDAYS[self.weekday])
        elif self.day_of_next_month is not None:
            named = (months + 1 + self.months_later).astype("datetime64[D]") + (self.day_of_next_month - 1)
        elif self.business_day_of_month is not None:
            begins = (months + self.months_later).astype("datetime64[D]") - 1
            named = np.busday_offset(begins, self.business_day_of_month, roll="backward", busdaycal=working)
        elif self.days_after_quarter is not None:
            named = ((months.astype("int64") // 3 + 1) * 3).astype("datetime64[M]").astype("datetime64[D]")
            named = named + (self.days_after_quarter - 1)
        elif self.days_after_year is not None:
            named = (days.astype("datetime64[Y]") + 1).astype("datetime64[D]") + (self.days_after_year - 1)
        else:
            assert self.fridays_after_survey_week is not None
            saturdays = np.busday_offset(months.astype("datetime64[D]") + 11, 0, roll="forward", weekmask="Sat")
            named = np.busday_offset(saturdays, self.fridays_after_survey_week - 1, roll="forward", weekmask="Fri")
            year_began = named - named.astype("datetime64[Y]").astype("datetime64[D]")
            named = np.where(year_began < np.timedelta64(3, "D"), named + 7, named)
        return np.busday_offset(
            named, 0, roll="forward" if self.when_closed == "after" else "backward", busdaycal=working
        )

    def released_at_one(self, period: date) -> datetime:
        """Return the release moment of one period, naive UTC."""
        moment: datetime = self._released(np.array([period], dtype="datetime64[D]"))[0].item()
        return moment
