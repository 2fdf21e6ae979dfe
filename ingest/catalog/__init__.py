"""What we collect: `load_catalog()` reads and validates series.yml."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ingest.catalog.models import Catalog, Series, SourceName
from ingest.catalog.yaml_files import read_yaml
from ingest.errors import ConfigError

__all__ = ["CATALOG_FILE", "SOURCES", "Catalog", "Series", "SourceName", "load_catalog"]

CATALOG_FILE = Path(__file__).with_name("series.yml")

SOURCES: tuple[SourceName, ...] = (
    "federal_reserve",
    "new_york_fed",
    "treasury",
    "japan_mof",
    "cboe",
    "yahoo",
    "ofr",
    "finra",
    "fred",
    "user_file",
)
"""Every source, in the order in which a run asks them."""


@cache
def load_catalog(path: Path = CATALOG_FILE) -> Catalog:
    """Read the catalog; ConfigError names the entry and the field that cannot be used."""
    document = read_yaml(path, "catalog")
    if not isinstance(document, dict) or not {"releases", "units", "series"} <= document.keys():
        raise ConfigError(f"catalog {path.name}: expected the sections releases, units and series")
    releases: dict[str, Any] = document.pop("releases")
    for entry in document["series"]:
        _resolve(path, entry, releases)
    for entry in document["series"]:
        _wait_for_inputs(path, entry, document["series"])
    for entry in document["series"]:
        _add_user_file(entry)
    try:
        catalog = Catalog.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(f"catalog {path.name}: {_place(document, first['loc'])}: {first['msg']}") from None
    _check_whole(path, catalog)
    return catalog


def _resolve(path: Path, entry: Any, releases: dict[str, Any]) -> None:
    """Put the named release rule in place of its name."""
    name = entry.get("id", "?") if isinstance(entry, dict) else "?"
    providers = entry.get("providers") if isinstance(entry, dict) else None
    if not isinstance(providers, list) or not all(isinstance(provider, dict) for provider in providers):
        raise ConfigError(f"catalog {path.name}: series {name}: providers: expected a list of mappings")
    resolved = []
    for provider in providers:
        rule = provider.get("release")
        if rule not in releases:
            raise ConfigError(f"catalog {path.name}: series {name}: release: no release rule named {rule!r}")
        resolved.append({**provider, "release": releases[rule]})
    entry["providers"] = resolved


def _wait_for_inputs(path: Path, entry: dict[str, Any], entries: list[dict[str, Any]]) -> None:
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
                raise ConfigError(f"catalog {path.name}: series {entry.get('id')}: derived_from: {name} {seen}")
            inputs.append(found["release"])
        if inputs:
            provider["release"] = {**provider["release"], "not_before": inputs}


def _add_user_file(entry: dict[str, Any]) -> None:
    """Put a user file behind the other providers; its figures are taken to be known with the first one's."""
    providers = entry["providers"]
    if all(provider.get("source") != "user_file" for provider in providers):
        release = providers[0]["release"]
        own = {"source": "user_file", "code": entry.get("id", "?"), "unit": entry.get("unit"), "release": release}
        providers.append(own)


def _place(document: dict[str, Any], loc: tuple[int | str, ...]) -> str:
    """Turn a pydantic location into words: the entry's own name, then the field."""
    section, *rest = loc
    if rest and isinstance(rest[0], int):
        entry = document[str(section)][rest[0]]
        label = entry.get("id") or entry.get("published") or f"entry {rest[0] + 1}"
        field = ".".join(str(part) for part in rest[1:])
        return f"{section} {label}: {field or 'entry'}"
    return ".".join(str(part) for part in loc)


def _check_whole(path: Path, catalog: Catalog) -> None:
    """Hold the entries against each other: unique ids, unique codes, a factor for every published unit."""
    seen: set[str] = set()
    codes: set[tuple[str, str]] = set()
    pairs = [(unit.published, unit.mart) for unit in catalog.units]
    if len(pairs) != len(set(pairs)):
        raise ConfigError(f"catalog {path.name}: units: a pair of published and mart unit stands twice")
    for series in catalog.series:
        if series.id in seen:
            raise ConfigError(f"catalog {path.name}: series {series.id}: id: stands twice")
        seen.add(series.id)
        for provider in series.providers:
            key = (provider.source, provider.code)
            if key in codes:
                raise ConfigError(f"catalog {path.name}: series {series.id}: code: {key} serves another series already")
            codes.add(key)
            if (provider.unit, series.unit) not in pairs:
                pair = f"{provider.unit!r} to {series.unit}"
                raise ConfigError(f"catalog {path.name}: series {series.id}: unit: no conversion from {pair}")
