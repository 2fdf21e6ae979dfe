"""How declarations are read: YAML into checked models, with errors that name the file, the entry and the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from ingest.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it: a dozen times faster."""


def read_yaml(path: Path, called: str) -> Any:
    """Return the document of a file; ConfigError names the file, as what it is `called`, and what is wrong."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506  # one of the safe loaders
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{called} {path.name}: cannot be read as YAML: {error}") from error


def read_mapping(path: Path, called: str) -> dict[str, Any]:
    """Return the document of a file that is a mapping; ConfigError otherwise."""
    document = read_yaml(path, called)
    if not isinstance(document, dict):
        raise ConfigError(f"{called} {path.name}: expected a mapping, got {type(document).__name__}")
    return document


def checked(model: type[Model], entry: Any, place: str) -> Model:
    """Return `entry` as a `model`; ConfigError begins with `place` and names the field."""
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{place}: {f'{field}: ' if field else ''}{first['msg']}") from None
