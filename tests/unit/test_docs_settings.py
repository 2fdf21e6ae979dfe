"""The operators' page names every setting, and no setting that does not exist."""

import re
from pathlib import Path

from ingest.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"
# set by demo and tests, not by people
UNLISTED = {"TIDEGAUGE_ORIGIN", "TIDEGAUGE_RETRY_WAIT_SECONDS", "TIDEGAUGE_SIMULATED_TRUTH"}


def test_operators_page_lists_the_settings():
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text(), flags=re.MULTILINE))
    known = {f"TIDEGAUGE_{name.upper()}" for name in Settings.model_fields} - {"TIDEGAUGE_FRED_API_KEY"} | {
        "FRED_API_KEY"
    }
    assert listed == known - UNLISTED
