"""An expectation's configuration is put together once while its arguments are gathered, and anew afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.rules.said_once import say_once


class Expectation:
    made = 0
    bound = 1

    @property
    def configuration(self) -> dict[str, int]:
        type(self).made += 1
        return {"bound": self.bound}

    def _get_runtime_kwargs(self, runtime_configuration: dict[str, Any] | None = None) -> dict[str, Any]:
        if runtime_configuration is None:
            raise ValueError("broken")
        return runtime_configuration | {name: self.configuration["bound"] for name in ("min", "max", "mostly")}


def test_it_is_made_once_for_all_arguments_and_follows_what_changes() -> None:
    say_once(Expectation)
    say_once(Expectation)  # twice is once
    one, other = Expectation(), Expectation()
    other.bound = 7
    assert one._get_runtime_kwargs({"a": 2}) == {"a": 2, "min": 1, "max": 1, "mostly": 1}
    assert other._get_runtime_kwargs(runtime_configuration={}) == {"min": 7, "max": 7, "mostly": 7}
    assert Expectation.made == 2
    one.bound = 3
    assert one.configuration == {"bound": 3}
    with pytest.raises(ValueError, match="broken"):
        one._get_runtime_kwargs()
    one.bound = 4
    assert one.configuration == {"bound": 4}  # nothing is kept of what broke
