"""What a command says to programs: one strict JSON document on standard output, moments by ISO 8601."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from typing import Any

from serving.query.exports import json_text


def document_text(value: Any) -> str:
    """Return `value` as JSON; dataclasses are objects. What stands at the top has a line for each of its parts."""
    plain = _plain(value)
    if isinstance(plain, dict):
        return "{\n " + ",\n ".join(f"{json_text(str(key))}: {json_text(one)}" for key, one in plain.items()) + "\n}"
    if isinstance(plain, list) and plain:
        return "[\n " + ",\n ".join(json_text(one) for one in plain) + "\n]"
    return json_text(plain)


def say_json(value: Any) -> None:
    """Print `value` as the one document of a command."""
    import sys

    sys.stdout.write(document_text(value) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one) for one in value]
    return value
