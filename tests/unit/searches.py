"""What the searches of the gate find in a batch, apart from what its rows say by themselves."""

from __future__ import annotations

from ingest.batch import Batch
from ingest.catalog import load_catalog
from ingest.dataset import dataset
from ingest.rules.arrived import Arrived
from ingest.rules.declared import rules_of
from ingest.rules.evidence import Evidence
from ingest.rules.findings import Findings


def looked_through(batch: Batch, evidence: Evidence) -> Findings:
    """Return what the searches of each dataset find: positions are row numbers of `batch.tables`."""
    catalog = load_catalog()
    arrived = {
        name: Arrived(dataset(name), rows.with_row_index("position"), batch, catalog, evidence, batch.fetched_at)
        for name, rows in batch.tables.items()
    }
    found = Findings()
    for one in arrived.values():
        one.beside = arrived
        for search in rules_of(one.dataset).searches:
            search.look(one, found)
    return found
