"""What the page says where it cannot answer: a status and a sentence."""

from __future__ import annotations

from typing import Final

from serving.query.terminal import shown

_MOST_CHARACTERS: Final = 80


class Refused(Exception):  # no error of ours: an answer
    """A request that is not answered; `status` is HTTP's, the text a sentence for a person."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        self.sentence = sentence
        super().__init__(sentence)


def said(text: str) -> str:
    """Return what somebody asked for as a sentence may repeat it: short, on one line, without hidden characters."""
    flat = shown(text)
    return flat if len(flat) <= _MOST_CHARACTERS else flat[: _MOST_CHARACTERS - 1] + "…"
