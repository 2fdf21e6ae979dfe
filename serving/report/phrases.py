"""The words of the report in another language: a catalogue of phrases, `catalogues/<language>`, keyed by the English.

A key may have places: `{n}` stands for a number, `{date}` for a day, `{at}` for a moment, `{id}` for what stays as it
is, any other name for a text that is translated in turn. What is in no template is translated part by part: sentences,
clauses, lists, what is in brackets. A state that means something of its own in one place has a key with that place:
`Credit: tight`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup, escape

ENGLISH: Final = "en"
_CATALOGUES: Final = Path(__file__).parent / "catalogues"
LANGUAGES: Final = (ENGLISH, *sorted(path.name for path in _CATALOGUES.iterdir()))

_PLACE: Final = re.compile(r"\{(\w+)\}")
_PATTERNS: Final = {"n": r"[-+−]?[\d.,]+", "date": r"\d{4}-\d\d-\d\d", "at": r"\d{4}-\d\d-\d\d \d\d:\d\d"}
_SELF_SPEAKING: Final = re.compile(r"[^A-Za-z]*|[A-Z0-9&+./−-]+(?: [A-Z0-9&+./−-]+)*|[a-z0-9]+(?:_[a-z0-9]+)+")
"""Figures, tickers and names of columns: the same in every language."""

_SENTENCES: Final = ((". ", "。"), ("; ", "；"))
_PARTS: Final = ((": ", "："), (", ", "、"), (" and ", "和"))
"""What sentences, and the parts of one, are joined by in English and in the other language."""


class Phrases:
    """The phrases of one language.

    `missing` has the page's own phrases and the texts made of such that are in no entry, `names` the names in none:
    labels, titles and publishers, which whoever adds a mart or a series gives in English.
    """

    def __init__(self, language: str, entries: Mapping[str, str]) -> None:
        """Take the entries as they are; English has none, and says everything as it is written."""
        self.language = language
        self.entries = entries
        self.missing: set[str] = set()
        self.names: set[str] = set()

    @property
    def is_english(self) -> bool:
        """Whether it is the language in which the page is written."""
        return self.language == ENGLISH

    def say(self, template: str, **values: Any) -> Markup:
        """Return a phrase of the page's own with its places filled in, escaped."""
        found = template if self.is_english else self.entries.get(template)
        if found is None:
            self.missing.add(template)
            return self._foreign(_filled(template, values))
        return Markup(found).format(**values) if values else Markup(found)  # noqa: S704  # ours, not upstream's

    def text(self, text: Any) -> str:
        """Return a text from a table as it is in this language, in English where no entry has it."""
        return str(text) if self.is_english else self._translated(str(text)) or str(text)

    def said(self, text: Any) -> Markup:
        """Return the same, escaped, and marked as English where it is."""
        if text is None or self.is_english:
            return escape("–" if text is None else text)
        found = self._translated(str(text))
        if found is None:
            self.missing.add(str(text))
        return self._foreign(escape(text)) if found is None else escape(found)

    def state(self, name: Any, place: str | None = None) -> Markup:
        """Return a state, a name of the code, in words: those it has in a place of its own if it has such."""
        words = None if name is None else str(name).replace("_", " ")
        found = self.entries.get(f"{place}: {words}")
        return self.said(words) if found is None else escape(found)

    def name(self, text: Any) -> Markup:
        """Return a name declared with a mart, a series or a publisher, escaped, and marked as English where it is."""
        if self.is_english:
            return escape(text)
        found = self.entries.get(str(text)) or self._translated(str(text))
        if found is None:
            self.names.add(str(text))
        return self._foreign(escape(text)) if found is None else escape(found)

    @staticmethod
    def _foreign(text: Markup) -> Markup:
        return Markup('<span lang="en">{}</span>').format(text)

    @cached_property
    def _templates(self) -> list[tuple[re.Pattern[str], str]]:
        """The entries with places, those with the most words of their own first."""
        placed = [key for key in self.entries if _PLACE.search(key)]
        placed.sort(key=lambda key: len(_PLACE.sub("", key)), reverse=True)
        return [(re.compile(_pattern(key)), self.entries[key]) for key in placed]

    def _translated(self, text: str) -> str | None:
        found = self.entries.get(text) or self.entries.get(text.replace("_", " "))
        if found is not None:
            return found
        if _SELF_SPEAKING.fullmatch(text):
            return text
        return (
            self._joined(text, _SENTENCES)
            or self._by_template(text)
            or self._in_brackets(text)
            or self._joined(text, _PARTS)
        )

    def _by_template(self, text: str) -> str | None:
        for pattern, template in self._templates:
            match = pattern.fullmatch(text)
            if match:
                parts = {
                    name: part if name == "id" else self._translated(part) for name, part in match.groupdict().items()
                }
                if None not in parts.values():
                    return template.format(**parts)
        return None

    def _in_brackets(self, text: str) -> str | None:
        match = re.fullmatch(r"(.+?) \((.+)\)", text)
        if not match:
            return None
        head, inner = self._translated(match[1]), self._translated(match[2])
        return f"{head}（{inner}）" if head and inner else None

    def _joined(self, text: str, joints: Iterable[tuple[str, str]]) -> str | None:
        if text.endswith("."):
            said = self._translated(text[:-1])
            return said and f"{said}。"
        for joint, other in joints:
            pieces = [*_split(text, joint)]
            if len(pieces) > 1:
                parts = [self._translated(piece) for piece in pieces]
                return None if None in parts else other.join(part for part in parts if part is not None)
        return None


@cache
def phrases(language: str = ENGLISH) -> Phrases:
    """Return the phrases of one of LANGUAGES."""
    if language == ENGLISH:
        return Phrases(language, {})
    import yaml

    entries: dict[str, str] = {}
    for path in sorted((_CATALOGUES / language).glob("*.yml")):
        entries |= yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return Phrases(language, entries)


def _filled(template: str, values: Mapping[str, Any]) -> Markup:
    return Markup(template).format(**values) if values else Markup(template)  # noqa: S704  # ours, not upstream's


def _pattern(key: str) -> str:
    parts = _PLACE.split(key)
    return "".join(
        f"(?P<{part}>{_PATTERNS.get(part.rstrip('0123456789'), '.+?')})" if place % 2 else re.escape(part)
        for place, part in enumerate(parts)
    )


def _split(text: str, joint: str) -> Iterator[str]:
    """Yield the parts of a text between joints that are not inside brackets."""
    depth, begin = 0, 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and place >= begin and text.startswith(joint, place):
            yield text[begin:place]
            begin = place + len(joint)
    yield text[begin:]
