"""What a claim is: its entry in the register, checked. The register is data; users add files of the same form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from analytics.claims.expressions import names_in
from ingest.errors import ConfigError
from ingest.yaml_files import checked, read_mapping, read_yaml

if TYPE_CHECKING:
    import duckdb

REGISTER: Final = Path(__file__).with_name("register")
SOURCES: Final = Path(__file__).with_name("sources.yml")
HORIZONS: Final = (5, 21, 63, 126, 252)
USER: Final = "user"

_LONGEST_TEXT: Final = 400
Way = Literal["up", "down"]
Kind = Literal["test", "fact", "forecast", "untestable"]
OutcomeKind = Literal[
    "return",
    "best_return",
    "max_adverse",
    "max_drawdown",
    "absolute_return",
    "realised_volatility",
    "relative_return",
    "return_within",
    "change",
    "relative_change",
    "dovish_event",
]
EACH: Final = "each"
"""Of an outcome of a panel: the member itself."""
_FREE_HORIZONS: Final = ("dovish_event", "relative_change")
_NEEDS_OF: Final = ("relative_return", "change", "relative_change")
_OF_FEATURES: Final = ("change", "relative_change")


class Strict(BaseModel):
    """No field that is not declared: a slip of the pen must not change a test in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Texts(Strict):
    """The claim in our own words."""

    en: Annotated[str, Field(min_length=10, max_length=_LONGEST_TEXT)]
    zh: Annotated[str, Field(min_length=4, max_length=_LONGEST_TEXT)]


class Parameter(Strict):
    """A threshold, tried 10 % lower and higher, or a window, tried `step` sessions shorter and longer."""

    value: float
    step: int | None = None
    is_fixed: bool = False

    def tried(self) -> tuple[float, ...]:
        """Return the values of the grid, the claim's own in the middle."""
        if self.is_fixed:
            return (self.value,)
        if self.step is not None:
            return tuple(one for one in (self.value - self.step, self.value, self.value + self.step) if one >= 1)
        return (round(0.9 * self.value, 9), self.value, round(1.1 * self.value, 9))


class Outcome(Strict):
    """What is measured after an event, and which way the claim says it goes.

    `threshold`: what counts as a hit, beyond it in the claimed way; without one 0 for returns and changes, the median
    of all sessions for volatility. `of` is a fund, or for `change` a feature; `against` the fund it is compared with.
    """

    kind: OutcomeKind
    claimed: Way
    threshold: float | None = None
    low: float | None = None
    high: float | None = None
    of: str | None = None
    against: str | None = None
    after_days: int | None = None

    @property
    def is_share(self) -> bool:
        """Say whether it is a yes or a no, of which the share counts and no median."""
        return self.kind in ("return_within", "dovish_event")

    @property
    def name(self) -> str:
        """Return the name of the measure, which with the horizon tells the rows of a claim apart."""
        parts = [self.kind, *(one for one in (self.of, self.against) if one)]
        return "_".join(parts).lower() + (f"_after_{self.after_days}d" if self.after_days else "")

    @property
    def is_of_feature(self) -> bool:
        """Say whether `of` is a feature, and no fund."""
        return self.kind in _OF_FEATURES

    def of_member(self, member: str) -> Outcome:
        """Return the same outcome of a member of a panel."""
        return self.model_copy(update={"of": member}) if self.of == EACH else self

    @model_validator(mode="after")
    def _is_whole(self) -> Outcome:
        if self.kind == "return_within" and (self.low is None or self.high is None):
            raise ValueError("return_within takes low and high")
        if self.kind in _NEEDS_OF and self.of is None:
            raise ValueError(f"{self.kind} takes `of`")
        if self.kind == "best_return" and self.of is not None:
            raise ValueError("best_return is of the index")
        return self


class Placebo(Strict):
    """A condition that should do nothing, or a control, tested beside the claim and outside of its verdict."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    parameters: dict[str, float] = {}
    condition: str | None = None


class Panel(Strict):
    """Many funds or stocks tested as one claim: the distinct values of a column of a mart."""

    mart: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    column: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    leave_out: tuple[str, ...] = ()


class Regression(Strict):
    """A figure beside the events: `slope` of what followed on `of`, or `lead_lag` of `against` and `of`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    kind: Literal["slope", "lead_lag"]
    of: str
    against: str | None = None
    per: Annotated[float, Field(gt=0)] = 1.0
    """The unit of `of` for which a slope is given: 1000 of billions is one of a trillion."""
    horizon: int = 21
    lags: Annotated[int, Field(ge=1)] = 5
    hac_lags: Annotated[int, Field(ge=0)] = 8
    text: str

    @model_validator(mode="after")
    def _is_whole(self) -> Regression:
        if (self.kind == "lead_lag") != (self.against is not None):
            raise ValueError("lead_lag takes `against`, a slope does not")
        if self.horizon not in HORIZONS:
            raise ValueError(f"the horizon is one of {HORIZONS}")
        return self


class Claim(Strict):
    """One claim as it is tested. `condition` is an expression over features known at the cut-off."""

    id: Annotated[str, Field(pattern=r"^[A-Z]+-[A-Z0-9]+-[0-9]{2,3}$")]
    text: Texts
    source: str
    kind: Kind = "test"
    condition: str | None = None
    parameters: dict[str, Parameter] = {}
    cooldown_sessions: Annotated[int, Field(ge=1)] = 21
    horizons: tuple[int, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    starts: date = date(1990, 1, 2)
    placebos: tuple[Placebo, ...] = ()
    universal_horizons: tuple[int, ...] = ()
    """Horizons for which the claim says `always`: one counter-example refutes it."""
    panel: Panel | None = None
    waits_for_history: bool = False
    """Its history began a short while ago: pending until there are events enough to judge it."""
    regressions: tuple[Regression, ...] = ()
    needs: str = ""
    untestable_because: str | None = None
    register_ids: tuple[str, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _is_whole(self) -> Claim:
        if self.kind == "test":
            if not (self.condition and self.horizons and self.outcomes):
                raise ValueError("a test takes condition, horizons and outcomes")
            for outcome in self.outcomes:
                wrong = [] if outcome.kind in _FREE_HORIZONS else sorted(set(self.horizons) - set(HORIZONS))
                if wrong:
                    raise ValueError(f"horizons are of {HORIZONS}, got {wrong}")
                if outcome.of == EACH and self.panel is None:
                    raise ValueError("an outcome of `each` takes a panel")
            names = [outcome.name for outcome in self.outcomes]
            if len(set(names)) != len(names):
                raise ValueError("two outcomes are the same")
        if self.kind == "untestable" and not self.untestable_because:
            raise ValueError("an untestable claim says why: untestable_because")
        return self

    @property
    def values(self) -> dict[str, float]:
        """Return the claim's own parameters."""
        return {name: one.value for name, one in self.parameters.items()}

    def grid(self) -> list[dict[str, float]]:
        """Return every cell of the grid around the claim's own parameters."""
        names = list(self.parameters)
        return [
            dict(zip(names, cell, strict=True)) for cell in product(*(one.tried() for one in self.parameters.values()))
        ]

    def features(self) -> set[str]:
        """Return the features that its conditions and outcomes name."""
        texts = [self.condition, *(one.condition for one in self.placebos)]
        texts += [text for one in self.regressions for text in (one.of, one.against)]
        named: set[str] = set().union(*(names_in(text) for text in texts if text))
        named |= {one.of for one in self.outcomes if one.is_of_feature and one.of}
        return named - set(self.parameters)

    @property
    def definition_json(self) -> str:
        """Return what is registered: all that decides the test, in one way of writing."""
        held = self.model_dump(mode="json", exclude={"text", "note", "register_ids", "needs"})
        # what claims could not say at first is left out where it is not said: their hashes are those of then
        for name in _LATER:
            if getattr(self, name) == type(self).model_fields[name].default:
                del held[name]
        return json.dumps(held, sort_keys=True, separators=(",", ":"))

    @property
    def definition_sha256(self) -> str:
        """Return the hash under which the definition is registered."""
        return hashlib.sha256(self.definition_json.encode()).hexdigest()


_LATER: Final = ("panel", "waits_for_history", "regressions")


class Source(Strict):
    """Where claims come from. What happened before `out_of_sample_from` its author may have seen; NULL: all of it."""

    title: str
    said_date: date | None
    out_of_sample_from: date | None


def sources() -> dict[str, Source]:
    """Return the sources by tag."""
    return {
        tag: checked(Source, entry, f"{SOURCES.name}: {tag}") for tag, entry in read_mapping(SOURCES, "sources").items()
    }


def register(user_folder: Path | None = None) -> list[Claim]:
    """Return the claims of the register and, behind them, of the user's folder; ConfigError names file and entry."""
    found = [claim for path in sorted(REGISTER.glob("*.yml")) for claim in read_claims(path)]
    if user_folder is not None and user_folder.is_dir():
        for path in sorted(user_folder.glob("*.yml")):
            found += [claim.model_copy(update={"source": USER}) for claim in read_claims(path)]
    seen: set[str] = set()
    for claim in found:
        if claim.id in seen:
            raise ConfigError(f"claim {claim.id} is there twice: give it another id")
        seen.add(claim.id)
    return found


def read_definitions(con: duckdb.DuckDBPyConnection, ids: Sequence[str] = ()) -> tuple[list[Claim], dict[str, int]]:
    """Return the claims of a release as they were run, all or those named, with their versions."""
    rows = con.execute(
        """
        select c.claim_id, c.claim_version, c.claim_text, c.claim_zh_text, c.needs_text, d.definition_json
        from claims.claims as c join claims.definitions as d using (claim_id, claim_version) order by 1
        """
    ).fetchall()
    found, versions = [], {}
    for claim_id, version, en, zh, needs, definition in rows:
        if ids and claim_id not in ids:
            continue
        entry = {**json.loads(definition), "text": {"en": en, "zh": zh}, "needs": needs or ""}
        found.append(checked(Claim, entry, f"claims.definitions: {claim_id}"))
        versions[claim_id] = version
    return found, versions


def read_claims(path: Path) -> Sequence[Claim]:
    """Return the claims of a file; ConfigError names the entry and the field."""
    document: Any = read_yaml(path, "claims")
    if not isinstance(document, list):
        raise ConfigError(f"claims {path.name}: expected a list of claims, got {type(document).__name__}")
    found = []
    for place, entry in enumerate(document, start=1):
        name = entry.get("id", place) if isinstance(entry, dict) else place
        found.append(checked(Claim, entry, f"claims {path.name}: {name}"))
    return found
