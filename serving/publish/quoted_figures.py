"""Figures that stand in JSON and in sentences: found by the name they have in the JSON, and taken out of both."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, Final, TypeGuard

LEFT_OUT: Final = "(left out)"
_NUMBER: Final = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?![\w]|\.\d)")
_FEWEST_DIGITS: Final = 2
"""A number of one digit says no figure: points and counts are full of them."""


def without_figures(text: str, names: Collection[str]) -> str:
    """Return JSON without the figures under these names: a plain number is null, that of an object is not there.

    JSON inside its texts is treated alike, and its sentences no longer quote those figures. What is no JSON stays.
    """
    try:
        held = json.loads(text)
    except ValueError:
        return text
    figures = frozenset(_figures(held, names))
    return json.dumps(_clean(held, names, figures), ensure_ascii=False, separators=(",", ":")) if figures else text


def figures_in(text: str | None, names: Collection[str]) -> frozenset[float]:
    """Return the figures that JSON has under these names."""
    try:
        return frozenset(_figures(json.loads(text), names)) if text else frozenset()
    except ValueError:
        return frozenset()


def unquoted(sentence: str, figures: Collection[float]) -> str:
    """Return a sentence without the numbers that are one of `figures`, however many decimals it gives them."""

    def shown(match: re.Match[str]) -> str:
        digits = match[0].replace(",", "")
        if sum(sign.isdigit() for sign in digits) < _FEWEST_DIGITS:
            return match[0]
        decimals = len(digits.partition(".")[2])
        return LEFT_OUT if any(f"{abs(figure):.{decimals}f}" == digits for figure in figures) else match[0]

    return _NUMBER.sub(shown, sentence)


def _figures(held: Any, names: Collection[str]) -> Iterator[float]:
    if isinstance(held, dict):
        for name, value in held.items():
            figure = value.get("value") if isinstance(value, dict) else value
            if name in names and _is_number(figure):
                yield float(figure)
            else:
                yield from _figures(value, names)
    elif isinstance(held, list):
        for one in held:
            yield from _figures(one, names)
    elif (inner := _inner(held)) is not None:
        yield from _figures(inner, names)


def _clean(held: Any, names: Collection[str], figures: Collection[float]) -> Any:
    if isinstance(held, dict):
        return {name: _cleaned_of(name, value, names, figures) for name, value in held.items()}
    if isinstance(held, list):
        return [_clean(one, names, figures) for one in held]
    if (inner := _inner(held)) is not None:
        return json.dumps(_clean(inner, names, figures), ensure_ascii=False, separators=(",", ":"))
    return unquoted(held, figures) if isinstance(held, str) and " " in held else held


def _cleaned_of(name: str, value: Any, names: Collection[str], figures: Collection[float]) -> Any:
    if name in names and _is_number(value):
        return None
    if name in names and isinstance(value, dict) and _is_number(value.get("value")):
        rest = {key: one for key, one in value.items() if key != "value"}
        return {**rest, "is_left_out": True}
    return _clean(value, names, figures)


def _inner(held: Any) -> Any:
    """Return what a text holds that is JSON itself; None for any other."""
    if isinstance(held, str) and held.startswith(("{", "[")):
        try:
            return json.loads(held)
        except ValueError:
            return None
    return None


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
