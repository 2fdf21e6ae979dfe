"""The catalog's types: what a series is, who provides it, in which unit, and when it becomes known."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ingest.catalog.calendars import CalendarName
from ingest.catalog.frequency import Frequency
from ingest.catalog.release import ReleaseRule
from ingest.registry import Licence, Revisions, users_own

SourceName = str
"""A publisher of ingest/sources; the catalog refuses a name that none has."""

MartUnit = str
"""A unit of ingest/catalog/units.yml."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Plausible(_Entry):
    """Bounds in the mart's unit: outside them a value is quarantined; a larger step is reported."""

    min: float
    max: float
    max_step: float = Field(gt=0)
    spike_pct: float | None = Field(
        default=None,
        gt=0,
        description="A value that leaves those around it by more, and comes back, needs a second provider's word.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Plausible:
        if self.min >= self.max:
            raise ValueError(f"min {self.min} is not below max {self.max}")
        return self


class Unit(_Entry):
    """A unit of the marts. Columns in it end in `suffix`; units of one kind may be converted into each other."""

    kind: Literal["money", "share", "ratio", "index", "count", "price", "energy", "weight"]
    suffix: str = Field(pattern=r"^_[a-z0-9_]+$")
    title: str


class UnitFactor(_Entry):
    """`mart value = published value x factor`, for this exact published unit string."""

    published: str
    mart: MartUnit
    factor: float = Field(gt=0)


class Provider(_Entry):
    """One publisher of a series: its code there, the unit it prints, when it prints it."""

    source: SourceName
    code: str
    unit: str
    release: ReleaseRule
    derived_from: tuple[str, ...] = Field(
        default=(),
        description="Series that the provider computes this one from: its release waits for theirs from that provider.",
    )
    stale_limit_days: int | None = Field(default=None, ge=1, description="Overrides the series' limit.")


class Series(_Entry):
    """One logical series with its providers in order of preference."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    register_id: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{2,3}-\d\d(, [A-Z]{2,3}-\d\d)*$",
        description="The rows of the indicator register that it serves.",
    )
    publisher: str
    frequency: Frequency
    calendar: CalendarName | None = Field(
        default=None,
        description="The days that are periods of a daily series; rows of other days stay observations and no more.",
    )
    week_ends: Literal["wednesday", "friday", "saturday"] | None = Field(
        default=None, description="The weekday that dates a weekly period, where the release rule does not tell."
    )
    months: tuple[Annotated[int, Field(ge=1, le=12)], ...] = Field(
        default=(), description="The months of the year that a monthly series has at all; none given: every one."
    )
    unit: MartUnit
    scope: str | None = Field(
        default=None, description="What the values of one period are told apart by; such a series has no single value."
    )
    stale_limit_days: int = Field(ge=1)
    stale_limit_long_holiday_days: int | None = Field(
        default=None, description="The limit around New Year and Golden Week, when Tokyo closes for a week."
    )
    plausible: Plausible
    licence: Licence
    is_revised: bool = Field(default=False, description="History without vintages may differ from what was then known.")
    revisions: Revisions = Field(
        default="routine", description="A change of what is held beyond this does not land until a person accepts it."
    )
    rolling_history_years: int | None = Field(default=None, description="The provider keeps only so many years.")
    starts: date | None = Field(default=None, description="First period that any provider ever printed.")
    ends: date | None = Field(default=None, description="Last period of a discontinued series.")
    agree_within: float | None = Field(
        default=None, gt=0, description="How far two publishers may be apart and print one value, in the mart's unit."
    )
    agree_within_ratio: float | None = Field(default=None, gt=0, lt=1, description="The same as a share of the value.")
    simulate: dict[str, Any] = Field(
        default_factory=dict,
        description="How the simulator draws it: `like` another, in its range or `between` two values; `decimals`.",
    )
    providers: tuple[Provider, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_entry_per_provider(self) -> Series:
        sources = [provider.source for provider in self.providers]
        if len(sources) != len(set(sources)):
            raise ValueError(f"a source stands twice in providers: {sources}")
        return self

    @model_validator(mode="after")
    def _tolerance_where_publishers_can_differ(self) -> Series:
        publishers = [provider.source for provider in self.published_by]
        tolerances = [self.agree_within, self.agree_within_ratio].count(None)
        if len(publishers) > 1 and tolerances != 1:
            raise ValueError(f"{publishers} print it: give agree_within or agree_within_ratio, and not both")
        if len(publishers) == 1 and tolerances != 2:
            raise ValueError("only one publisher prints it: there is nothing to agree with")
        return self

    @model_validator(mode="after")
    def _scopes_come_in_user_files(self) -> Series:
        if self.scope is not None and self.published_by:
            raise ValueError(f"only a user file tells values apart by scope, not {self.published_by[0].source}")
        return self

    @model_validator(mode="after")
    def _daily_series_keep_a_calendar(self) -> Series:
        if (self.calendar is not None) != (self.frequency == "daily"):
            raise ValueError(f"a daily series has a calendar, any other none: {self.frequency}, {self.calendar}")
        return self

    @model_validator(mode="after")
    def _months_of_a_monthly_series(self) -> Series:
        if self.months and self.frequency != "monthly":
            raise ValueError(f"months are said of a monthly series only: {self.frequency}")
        return self

    @property
    def published_by(self) -> tuple[Provider, ...]:
        """The providers without the user's own files."""
        own = users_own()
        return tuple(provider for provider in self.providers if provider.source != own)

    def provider(self, source: str) -> Provider:
        """Return the provider entry of `source`; KeyError when the series has none."""
        for provider in self.providers:
            if provider.source == source:
                return provider
        raise KeyError(f"{self.id} has no provider {source}")


class Catalog(BaseModel):
    """All series and units. Every series can also be fed by a user file, as its last provider."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    units: tuple[UnitFactor, ...]
    mart_units: dict[str, Unit]
    series: tuple[Series, ...]

    def by_id(self, series_id: str) -> Series:
        """Return one series; KeyError when the catalog has none of that id."""
        for series in self.series:
            if series.id == series_id:
                return series
        raise KeyError(f"no series {series_id} in the catalog")

    def of_source(self, source: str) -> tuple[tuple[Series, Provider], ...]:
        """Return the (series, provider) pairs that `source` serves, in catalog order."""
        return tuple(
            (series, provider) for series in self.series for provider in series.providers if provider.source == source
        )

    def factor(self, published: str, mart: MartUnit) -> float:
        """Return what to multiply a published value by; KeyError for a pair nobody declared."""
        for unit in self.units:
            if unit.published == published and unit.mart == mart:
                return unit.factor
        raise KeyError(f"no conversion from {published!r} to {mart}")
