"""BI drivers read the published file while a run is going on: the run that made `next_day`."""

from __future__ import annotations

from tests.pipeline.readers import ask_adbc, ask_sqlalchemy
from tests.pipeline.small import FIRST_SESSION, NEXT_SESSION, answers_during


def test_sqlalchemy_and_adbc_while_a_run_is_going_on(first, next_day):
    before, after = (1, FIRST_SESSION), (1, NEXT_SESSION)
    assert {ask_sqlalchemy(first.home.published), ask_adbc(first.home.published)} == {before}
    answers = answers_during(next_day)
    assert before in answers, "the old release was readable while the run went on"
    assert answers <= {before, after}, "and nobody saw anything but a whole release"
    assert {ask_sqlalchemy(next_day.home.published), ask_adbc(next_day.home.published)} == {after}
