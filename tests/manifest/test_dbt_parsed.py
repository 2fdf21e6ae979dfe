"""What was parsed of the project is read as it is, and parsed anew where it cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration import dbt_parsed
from orchestration.dbt_state import PARSED_NAME, kept_under, state


def said(manifest: Any) -> dict[str, Any]:
    """Return of each node what a build takes from it. dbt has what a node rests on in no order."""
    return {
        name: (one.raw_code, set(one.depends_on.to_dict().get("nodes", ())), one.config.to_dict())
        for name, one in manifest.nodes.items()
    }


@pytest.mark.parametrize(
    ("damage", "parses"),
    [
        (lambda _path: None, 0),
        (lambda path: path.write_bytes(path.read_bytes()[:-1000]), 1),
        (lambda path: path.write_bytes(b""), 1),
        (Path.unlink, 1),
    ],
    ids=["whole", "cut short", "empty", "gone"],
)
def test_the_project_is_what_a_parse_gives(
    damage: Callable[[Path], object], parses: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kept_under(tmp_path):
        dbt_parsed.ensure_manifest()
        whole = said(dbt_parsed._parse())
        damage(state().folder / PARSED_NAME)
        real, parsed = dbt_parsed._parse, []
        monkeypatch.setattr(dbt_parsed, "_parse", lambda: parsed.append(real()) or parsed[-1])
        assert said(dbt_parsed.parsed_project()) == whole
        assert len(parsed) == parses
