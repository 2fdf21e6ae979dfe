"""The data dictionary is what the generator writes."""

from docs.exposures import EXPOSURES, exposures
from docs.generate import FOLDERS, PAGE, models, page, written_by_us
from docs.metrics import METRICS, measures, metrics


def test_tables_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make generate`"


def test_no_description_has_a_brace_that_nothing_filled():
    texts = [
        f"{one['name']}.{part.get('name')}: {part['description']}"
        for schema, folder in FOLDERS
        for one in (*models(folder), *written_by_us(schema))
        for part in (one, *(one.get("columns") or ()))
    ]
    assert len(texts) > 1000
    assert [text for text in texts if "{" in text or "}" in text] == []


def test_exposures_are_current_and_each_reads_something():
    written = exposures([one for _, folder in FOLDERS for one in models(folder)])
    assert EXPOSURES.read_text(encoding="utf-8") == written, "run `make generate`"
    parts = written.split("  - name: ")[1:]
    assert {part.split()[0] for part in parts} == {"report", "dictionary", "notebooks", "superset"}
    assert all("ref('" in part for part in parts)
    assert "ref('net_liquidity_daily')" in parts[2]


def test_metrics_are_current_and_named_once():
    described = [one for _, folder in FOLDERS for one in models(folder)]
    assert METRICS.read_text(encoding="utf-8") == metrics(described), "run `make generate`"
    (one,) = (found for found in measures(described) if found.column == "above_200dma_pct" and "SPX" in found.expr)
    assert one.expr == "case when universe = 'SPX' then above_200dma_pct end"


def test_a_reading_is_of_what_is_held_and_does_not_wait_for_a_cutoff():
    """A row by cut-off appears the next morning, of a report on a Friday on Monday: another mart has the newest."""
    by_cutoff = [
        model
        for _, folder in FOLDERS
        for model in models(folder)
        if "cutoff_at" in {column["name"] for column in model.get("columns") or ()}
    ]
    assert {"dealer_gamma_known_daily", "positioning_known_daily"} <= {model["name"] for model in by_cutoff}
    waiting = [
        f"{model['name']}.{column['name']}"
        for model in by_cutoff
        for column in model["columns"]
        if "readings" in column.get("config", {}).get("meta", {})
    ]
    assert waiting == []
