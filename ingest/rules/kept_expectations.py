"""The two expectations that rules are asked as, with a configuration that is put together once.

Great Expectations asks an expectation for its configuration some hundred times while it validates it, and puts it
together anew each time: a third of what a suite takes. Imported only where something is validated.
"""

from __future__ import annotations

from typing import Any, Final

from great_expectations import expectations as gxe
from great_expectations.compatibility.pydantic import PrivateAttr


class _KeepsConfiguration:
    _kept: Any

    @property
    def configuration(self) -> Any:
        """The configuration; nothing of the expectation may be set once it was asked for."""
        if self._kept is None:
            library: Any = super()
            self._kept = library.configuration
        return self._kept


class ExpectMeasureToBeBetween(_KeepsConfiguration, gxe.ExpectColumnValuesToBeBetween):  # type: ignore[misc]
    """ExpectColumnValuesToBeBetween, for a measure that polars took."""

    _kept = PrivateAttr(default=None)


class ExpectMeasureToBeWithinAnother(_KeepsConfiguration, gxe.ExpectColumnPairValuesAToBeGreaterThanB):  # type: ignore[misc]
    """ExpectColumnPairValuesAToBeGreaterThanB, where A is the limit of the measure B."""

    _kept = PrivateAttr(default=None)


LIBRARY_TYPES: Final = {
    ExpectMeasureToBeBetween.expectation_type: gxe.ExpectColumnValuesToBeBetween.expectation_type,
    ExpectMeasureToBeWithinAnother.expectation_type: gxe.ExpectColumnPairValuesAToBeGreaterThanB.expectation_type,
}
"""What the library calls each of them: that is reported."""
