"""The data dictionary is what the generator writes."""

from docs.generate import PAGE, page


def test_tables_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make generate`"
