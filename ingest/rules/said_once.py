"""Great Expectations, asked for an expectation's words, puts them together once and not for each of them.

Its expectations answer `configuration` by copying, checking and naming everything they are made of, and look up each
argument in an answer of its own: a hundred and seventy of them an expectation, a third of the gate's time.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def say_once(expectation: Any) -> None:
    """Let the class of an expectation keep its configuration while it gathers the arguments of a metric."""
    configuration, gather = expectation.configuration.fget, expectation._get_runtime_kwargs
    kept: dict[int, Any] = {}

    def said(self: Any) -> Any:
        return kept.get(id(self)) or configuration(self)

    def gathered(self: Any, *arguments: Any, **named: Any) -> Any:
        kept[id(self)] = configuration(self)
        try:
            return gather(self, *arguments, **named)
        finally:
            del kept[id(self)]

    expectation.configuration = property(said)
    expectation._get_runtime_kwargs = gathered
