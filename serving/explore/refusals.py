"""What the page says where it cannot answer: a status and a sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from serving.query.terminal import shown

_MOST_CHARACTERS: Final = 80
_MOST_NEAR: Final = 3


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part of an address that cannot be: columns by their places among the `s`, or parameters by name, and why."""

    status: int
    sentence: str
    places: tuple[int, ...] = ()
    parameters: tuple[str, ...] = ()


class Refused(Exception):  # no error of ours: an answer
    """A request that is not answered; `status` is HTTP's, the text a sentence for a person.

    `left_out` has the parts of the address that cannot be, where it is these that leave nothing to answer.
    """

    def __init__(self, status: int, sentence: str, left_out: tuple[LeftOut, ...] = ()) -> None:
        self.status = status
        self.sentence = sentence
        self.left_out = left_out
        super().__init__(sentence)


def said(text: str) -> str:
    """Return what somebody asked for as a sentence may repeat it: short, on one line, without hidden characters."""
    flat = shown(text)
    return flat if len(flat) <= _MOST_CHARACTERS else flat[: _MOST_CHARACTERS - 1] + "…"


def near(name: str, names: Iterable[str]) -> str:
    """Return the end of a sentence that says which of `names` come near a name, whatever its case; empty if none."""
    lowered: dict[str, str] = {}
    for one in names:
        lowered.setdefault(one.lower(), one)
    found = difflib.get_close_matches(name.lower(), lowered, _MOST_NEAR)
    return f"; near it: {', '.join(said(lowered[one]) for one in found)}" if found else ""
