"""What we collect: `load_catalog()` reads and validates series/<pack>.yml, units.yml and releases.yml."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ingest.catalog.models import Catalog, Series, SourceName
from ingest.catalog.release import ReleaseRule
from ingest.errors import ConfigError
from ingest.registry import is_publisher, users_own
from ingest.yaml_files import checked, read_mapping

__all__ = ["CATALOG_FOLDER", "Catalog", "Series", "SourceName", "load_catalog", "release_rule"]

CATALOG_FOLDER = Path(__file__).parent

_Places = dict[int, str]
"""The file and the name of each entry, for errors."""


@cache
def load_catalog(folder: Path = CATALOG_FOLDER) -> Catalog:
    """Read the catalog; ConfigError names the file, the entry and the field that cannot be used.

    The series are in the order of their packs' names, and in that of their file within one. A pack may have conversions
    of units of its own beside those of units.yml.
    """
    releases = _section(folder / "releases.yml", "releases", dict)
    units = _section(folder / "units.yml", "units", dict)
    conversions = _section(folder / "units.yml", "conversions", list)
    entries: list[dict[str, Any]] = []
    places: _Places = {}
    for path in sorted((folder / "series").glob("*.yml")):
        conversions = [*conversions, *read_mapping(path, "catalog").get("conversions", [])]
        for entry in _section(path, "series", list):
            name = entry.get("id", "?") if isinstance(entry, dict) else "?"
            places[len(entries)] = f"catalog {path.name}: series {name}"
            entries.append(_resolved(places[len(entries)], entry, releases))
    if not entries:
        raise ConfigError(f"catalog {folder / 'series'}: there is no file of series")
    for number, entry in enumerate(entries):
        _wait_for_inputs(places[number], entry, entries)
    for entry in entries:
        _add_user_file(entry)
    own = [{"published": unit, "mart": unit, "factor": 1.0} for unit in units]
    try:
        catalog = Catalog.model_validate({"units": [*conversions, *own], "mart_units": units, "series": entries})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(f"{_place(first['loc'], places, conversions)}: {first['msg']}") from None
    _check_whole(catalog, places)
    return catalog


@cache
def release_rule(named: str, folder: Path = CATALOG_FOLDER) -> ReleaseRule:
    """Return a rule of releases.yml; ConfigError when there is none of that name."""
    releases = _section(folder / "releases.yml", "releases", dict)
    if named not in releases:
        raise ConfigError(f"catalog releases.yml: no release rule named {named!r}")
    return checked(ReleaseRule, releases[named], f"catalog releases.yml: {named}")


def _section(path: Path, name: str, kind: type) -> Any:
    section = read_mapping(path, "catalog").get(name)
    if not isinstance(section, kind):
        raise ConfigError(f"catalog {path.name}: expected the section {name}")
    return section


def _resolved(place: str, entry: Any, releases: dict[str, Any]) -> dict[str, Any]:
    """Return the entry with the release rules in place of their names; a rule of its own may stand in its place."""
    providers = entry.get("providers") if isinstance(entry, dict) else None
    if not isinstance(providers, list) or not all(isinstance(provider, dict) for provider in providers):
        raise ConfigError(f"{place}: providers: expected a list of mappings")
    resolved = []
    for provider in providers:
        rule = provider.get("release")
        if not isinstance(rule, dict):
            if rule not in releases:
                raise ConfigError(f"{place}: release: no release rule named {rule!r}")
            rule = releases[rule]
        if not is_publisher(str(provider.get("source"))):
            raise ConfigError(f"{place}: source: no publisher named {provider.get('source')!r} in ingest/sources")
        resolved.append({**provider, "release": rule})
    return {**entry, "providers": resolved}


def _wait_for_inputs(place: str, entry: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    """Put the release rules of what a provider derives a series from behind its own: those of the same source."""
    rules = {
        (other.get("id"), provider.get("source")): provider for other in entries for provider in other["providers"]
    }
    for provider in entry["providers"]:
        inputs = []
        for name in provider.get("derived_from", ()):
            found = rules.get((name, provider.get("source")))
            if found is None or found.get("derived_from"):
                seen = "is derived itself" if found else f"has no provider {provider.get('source')}"
                raise ConfigError(f"{place}: derived_from: {name} {seen}")
            inputs.append(found["release"])
        if inputs:
            provider["release"] = {**provider["release"], "not_before": inputs}


def _add_user_file(entry: dict[str, Any]) -> None:
    """Put a user file behind the other providers; its figures are taken to be known with the first one's."""
    providers = entry["providers"]
    source = users_own()
    if all(provider.get("source") != source for provider in providers):
        release = providers[0]["release"]
        own = {"source": source, "code": entry.get("id", "?"), "unit": entry.get("unit"), "release": release}
        providers.append(own)


def _place(loc: tuple[int | str, ...], places: _Places, conversions: list[Any]) -> str:
    """Turn a pydantic location into words: the file and the entry's own name, then the field."""
    section, *rest = loc
    field = ".".join(str(part) for part in rest[1:]) or "entry"
    if section == "series" and rest and isinstance(rest[0], int):
        return f"{places[rest[0]]}: {field}"
    if section == "units" and rest and isinstance(rest[0], int):
        entry = conversions[rest[0]] if rest[0] < len(conversions) else {}
        label = entry.get("published") if isinstance(entry, dict) else None
        return f"catalog units.yml: conversions {label or f'entry {rest[0] + 1}'}: {field}"
    return f"catalog units.yml: {'.'.join(str(part) for part in loc)}"


def _check_whole(catalog: Catalog, places: _Places) -> None:
    """Hold the entries against each other: unique ids, unique codes, a factor for every published unit."""
    pairs = _checked_pairs(catalog)
    seen: set[str] = set()
    codes: set[tuple[str, str]] = set()
    for number, series in enumerate(catalog.series):
        place = places[number]
        if series.id in seen:
            raise ConfigError(f"{place}: id: stands twice")
        seen.add(series.id)
        if series.unit not in catalog.mart_units:
            raise ConfigError(f"{place}: unit: no unit named {series.unit!r} in units.yml")
        for provider in series.providers:
            key = (provider.source, provider.code)
            if key in codes:
                raise ConfigError(f"{place}: code: {key} serves another series already")
            codes.add(key)
            if (provider.unit, series.unit) not in pairs:
                raise ConfigError(f"{place}: unit: no conversion from {provider.unit!r} to {series.unit}")
    for number, series in enumerate(catalog.series):
        like = series.simulate.get("like")
        if like is not None and like not in seen:
            raise ConfigError(f"{places[number]}: simulate: no series named {like!r}")


def _checked_pairs(catalog: Catalog) -> set[tuple[str, str]]:
    """Return the declared pairs of published and mart unit."""
    pairs = [(unit.published, unit.mart) for unit in catalog.units]
    if len(pairs) != len(set(pairs)):
        raise ConfigError("catalog units.yml: conversions: a pair of published and mart unit stands twice")
    for published, mart in pairs:
        if mart not in catalog.mart_units:
            raise ConfigError(f"catalog units.yml: conversions {published}: mart: no unit named {mart!r}")
    return set(pairs)
