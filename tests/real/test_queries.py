"""The questions of docs/queries.md on recorded history: each runs, and most have something to answer with."""

from __future__ import annotations

from serving.query.questions import questions


def test_questions_on_recorded_history(published):
    answered = {one.number for one in questions() if published.execute(one.sql).fetchone() is not None}
    assert {1, 2, 6, 7, 9, 11, 12, 56, 59, 67, 70} <= answered
    assert len(answered) >= 40, sorted(one.text for one in questions() if one.number not in answered)


def test_the_morning_of_16_march_2020(published):
    """Friday's close of the VIX was known, the Fed's cut of Sunday evening is of no session's row yet."""
    (known,) = (one for one in questions() if "16 March 2020" in one.text)
    row = published.execute(known.sql).fetchone()
    names = [name for name, *_ in published.description]
    found = dict(zip(names, row, strict=True))
    assert str(found["session_date"]) == "2020-03-13"
    assert (found["vix_index"], str(found["vix_obs_date"])) == (57.83, "2020-03-13")
