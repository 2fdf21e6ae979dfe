"""What several modules of whole runs share."""

import pytest

from tests.pipeline.eventful import Eventful, build


@pytest.fixture(scope="session")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Eventful:
    """Return the home in which everything that can happen to a stock has happened."""
    return build(tmp_path_factory.mktemp("eventful"))
