"""What was parsed of the project is read as it is, and parsed anew where it cannot be read."""

from __future__ import annotations

import shutil
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


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return where the project was parsed to, and what a parse said."""
    root = tmp_path_factory.mktemp("parsed")
    with kept_under(root):
        dbt_parsed.ensure_manifest()
        return root, said(dbt_parsed._parse())


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
    damage: Callable[[Path], object],
    parses: int,
    parsed: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept, whole = parsed
    with kept_under(Path(shutil.copytree(kept, tmp_path / "kept"))):
        damage(state().folder / PARSED_NAME)
        real, anew = dbt_parsed._parse, []
        monkeypatch.setattr(dbt_parsed, "_parse", lambda: anew.append(real()) or anew[-1])
        assert said(dbt_parsed.parsed_project()) == whole
        assert len(anew) == parses
