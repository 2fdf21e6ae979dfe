"""What is shown to a person: text from outside can neither steer the terminal nor pass for other text.

Everything that the commands print goes through `shown`: by `say`, by the consoles made here, or by the tables of
`query`. Exports keep every character.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import IO, Any, Final, TextIO

from rich.console import Console
from rich.segment import Segment

HIDDEN: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 controls, ESC and CSI among them; tab and line feed are dealt with apart
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"  # soft hyphen, joiners, fillers, Arabic letter mark
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # zero width, direction marks, line separators, overrides, isolates
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # tags and variation selectors
    r"\ud800-\udfff"  # lone surrogates, which no terminal can be sent
)
"""A regular expression's class of the characters that steer a terminal, turn text around or show nothing."""

_HIDDEN = re.compile(f"[{HIDDEN}]")
_BREAKS = re.compile(r"\r\n|[\t\n\r\x0b\x0c\x85\u2028\u2029]")


def shown(text: str, *, keep_lines: bool = False) -> str:
    """Return `text` as a terminal may show it: on one line, or with its line feeds, without HIDDEN characters."""
    if keep_lines:
        return "\n".join(_HIDDEN.sub("", line.replace("\t", " ")) for line in text.replace("\r\n", "\n").split("\n"))
    return _HIDDEN.sub("", _BREAKS.sub(" ", text))


def say(text: str, file: TextIO | None = None) -> None:
    """Print lines to `file`, standard output otherwise; what its encoding lacks is shown as a question mark."""
    stream = sys.stdout if file is None else file
    stream.write(encodable(shown(text, keep_lines=True), stream) + "\n")
    stream.flush()


def encodable(text: str, stream: IO[str]) -> str:
    """Return `text` with a question mark for what the encoding of `stream` lacks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, errors="replace").decode(encoding)


class _SafeConsole(Console):
    """A console that shows no hidden character, and no picture where a text has two colons."""

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        # Here texts are still apart from the codes that style them, which are rich's own.
        safe = (one if one.control else Segment(shown(one.text, keep_lines=True), one.style) for one in buffer)
        return super()._render_buffer(safe)

    def on_broken_pipe(self) -> None:
        """Leave it to the command line, for which a reader that has seen enough is no error."""
        raise BrokenPipeError


def console(file: IO[str] | None = None, **options: Any) -> Console:
    """Return a rich console for data: emoji codes stay letters; `options` are those of rich."""
    return _SafeConsole(file=file, emoji=False, **options)
