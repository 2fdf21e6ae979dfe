"""A column name means one thing: each is described once, whichever tables have it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from docs.blocks import doc_blocks, resolved
from tests.manifest.conftest import DBT_PROJECT
from warehouse.published_table import PUBLISH_TABLES


def written() -> dict[str, dict[str, str]]:
    """Return what the yml files of the models say of each column: by column, then by model, as written."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for path in sorted((DBT_PROJECT / "models").rglob("*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models") or []:
            for column in model.get("columns") or []:
                found[column["name"]][model["name"]] = column["description"]
    return found


def test_a_column_of_several_models_is_a_doc_block_of_its_name():
    shared = {name: told for name, told in written().items() if len(told) > 1}
    assert len(shared) > 100
    inline = {
        f"{model}.{name}"
        for name, told in shared.items()
        for model, text in told.items()
        if text != f"{{{{ doc('{name}') }}}}"
    }
    assert not inline, f"describe these once, in dbt_project/models/docs, and refer to the block: {sorted(inline)}"


def test_a_column_name_has_one_description_in_the_published_file():
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, models in written().items():
        for model, text in models.items():
            found[name][resolved(text)].append(model)
    for table in PUBLISH_TABLES:
        for name, _, comment in table.columns:
            found[name][str(comment)].append(table.name)
    several = {name: dict(texts) for name, texts in found.items() if len(texts) > 1}
    assert not several


def test_every_doc_block_is_used_and_is_one_line():
    texts = {text for models in written().values() for text in models.values()}
    unused = [name for name in doc_blocks() if f"{{{{ doc('{name}') }}}}" not in texts]
    assert not unused
    assert not [name for name, text in doc_blocks().items() if not text or "\n" in text]


def test_what_dbt_resolves_is_what_the_pages_show(manifest):
    models = {node.name: node for node in manifest.nodes.values() if node.resource_type == "model"}
    for name, told in written().items():
        for model, text in told.items():
            assert models[model].columns[name].description == resolved(text), f"{model}.{name}"


def test_a_block_that_occurs_twice_or_is_missing_is_an_error(tmp_path: Path):
    block = "{% docs close_usd %}\nUSD; close\n{% enddocs %}\n"
    (tmp_path / "prices.md").write_text(block)
    assert doc_blocks(tmp_path) == {"close_usd": "USD; close"}
    assert resolved("{{ doc('close_usd') }}", doc_blocks(tmp_path)) == "USD; close"
    with pytest.raises(KeyError, match="open_usd"):
        resolved('{{ doc("open_usd") }}', doc_blocks(tmp_path))
    (tmp_path / "funds.md").write_text(block)
    doc_blocks.cache_clear()
    with pytest.raises(ValueError, match="close_usd occurs twice"):
        doc_blocks(tmp_path)
