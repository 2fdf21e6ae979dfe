"""The data dictionary is what the generator writes."""

from analytics.regimes.ledger import ledger_ddl
from docs.generate import LEDGER_DDL, PAGE, page


def test_tables_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make generate`"


def test_the_ledgers_schema_is_current():
    assert LEDGER_DDL.read_text(encoding="utf-8") == ledger_ddl(), "run `make generate`"
