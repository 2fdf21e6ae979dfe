"""How the catalog reads its YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ingest.errors import ConfigError


def read_yaml(path: Path, called: str) -> Any:
    """Return the document of a file; ConfigError names the file, as what it is `called`, and what is wrong."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{called} {path.name}: cannot be read as YAML: {error}") from error
