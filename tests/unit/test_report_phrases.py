"""The words of another language: exact, by template, part by part; what has none stays English, marked as such."""

from __future__ import annotations

import re

import pytest

from serving.report.page import CONTENTS
from serving.report.phrases import LANGUAGES, Phrases, phrases

WORDS = Phrases(
    "xx",
    {
        "calm": "ruhig",
        "tight": "knapp",
        "Credit: tight": "eng",
        "washed out": "ausverkauft",
        "VIX {n}": "VIX {n}",
        "from {parts}": "aus {parts}",
        "{n} points": "{n} Punkte",
        "{name}: none since {date}": "{name}: keine seit {date}",
        "off by {id}": "daneben: {id}",
        "Sessions to {date}": "Sitzungen bis {date}",
    },
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("calm", "ruhig"),
        ("washed_out", "ausverkauft"),
        ("VIX -15.40", "VIX -15.40"),
        ("from VIX 15.4 (calm, 2 points) and VIX 3", "aus VIX 15.4（ruhig、2 Punkte）和VIX 3"),
        ("calm; tight. calm.", "ruhig；knapp。ruhig。"),
        ("tga_daily: none since 2026-01-28", "tga_daily: keine seit 2026-01-28"),
        ("off by Yen unwind", "daneben: Yen unwind"),
        ("S&P 500", "S&P 500"),
        ("2026-01-28", "2026-01-28"),
        ("from nowhere", "from nowhere"),
    ],
)
def test_a_text_is_said_whole_or_part_by_part_or_not_at_all(text, said):
    assert WORDS.text(text) == said


def test_what_no_entry_says_is_marked_and_remembered_and_escaped():
    words = Phrases("xx", dict(WORDS.entries))
    assert words.said("<b>New</b>") == '<span lang="en">&lt;b&gt;New&lt;/b&gt;</span>'
    assert words.name("A label") == '<span lang="en">A label</span>'
    assert words.say("Nothing of {date}", date="<1>") == '<span lang="en">Nothing of &lt;1&gt;</span>'
    assert words.say("Sessions to {date}", date="<1>") == "Sitzungen bis &lt;1&gt;"
    assert (words.missing, words.names) == ({"<b>New</b>", "Nothing of {date}"}, {"A label"})


def test_a_state_may_have_words_of_its_own_in_one_place():
    assert (WORDS.state("tight", "Credit"), WORDS.state("tight", "Funding")) == ("eng", "knapp")
    assert phrases().state("washed_out", "Breadth") == "washed out"


def test_what_a_source_no_longer_serves_is_said_of_each_source():
    one = "now serves from 2023-02-06, we hold from 1996-12-31"
    told = f"fred {one}; cboe {one}"
    assert phrases("zh").text(told).count("起的数据") == 4


def test_english_is_what_is_written_escaped():
    assert phrases().said("<b>") == "&lt;b&gt;"
    assert phrases().say("Sessions to {date}", date="<1>") == "Sessions to &lt;1&gt;"
    assert phrases().said(None) == "–"


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_entry_keeps_the_places_of_its_key(language):
    for key, said in phrases(language).entries.items():
        assert isinstance(said, str), key
        assert set(re.findall(r"\{\w+\}", said)) <= set(re.findall(r"\{\w+\}", key)), key
        assert said.strip(), key
    assert all(phrases(language).text(title) != title for title in CONTENTS.values())
