"""The questions of docs/queries.md are answered by the demo's published file, each as it is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.query.questions import PAGE, questions
from tests.cli import ROOT
from warehouse.sandbox import opened, read_only_statements

MARTS = ROOT / "dbt_project" / "models" / "marts"


def test_every_block_is_a_question_and_they_are_counted_from_one():
    assert len(questions()) >= 40
    assert len(questions()) == PAGE.read_text().count("```sql")
    assert [one.number for one in questions()] == list(range(1, len(questions()) + 1))


@pytest.mark.parametrize("folder", sorted(one.name for one in MARTS.iterdir() if one.is_dir()))
def test_each_subject_is_asked_about(folder: str):
    marts = {f"marts.{one.stem}" for one in (MARTS / folder).glob("*.sql")}
    assert marts & frozenset[str]().union(*(one.marts for one in questions())), folder


def test_each_question_has_an_answer_on_the_demo(demo_home: Path):
    with opened(demo_home / "published" / "tidegauge.duckdb") as con:
        for one in questions():
            (statement,) = read_only_statements(con, one.sql, is_as_of=False)
            rows = con.execute(statement.parsed).fetchall()
            assert rows, f"{one.number}. {one.text}: no rows"
            names = [name for name, *_ in con.description]
            known = sum(any(row[place] is not None for row in rows) for place in range(len(names)))
            assert known > len(names) / 2, f"{one.number}. {one.text}: most columns are not known"
            assert all(name == name.lower() and name.isidentifier() for name in names), names
