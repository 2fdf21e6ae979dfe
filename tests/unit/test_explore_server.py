"""The page's server: what it answers, at which moment, and what it refuses."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openpyxl
import polars as pl
import pytest
from starlette.testclient import TestClient

from ingest.home import Home
from serving.explore.frames import Kept
from serving.explore.published import Published
from serving.explore.server import app_of
from tests.unit.explore_home import HOSTILE_COLUMN, HOSTILE_MART, SCRIPT, explorable, publish_explorable
from tests.unit.query_home import WHY, tree

HERE = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return explorable(tmp_path_factory.mktemp("explore"))


@pytest.fixture(scope="module")
def page(home: Home) -> Iterator[TestClient]:
    with TestClient(app_of(home), base_url=HERE) as client:
        yield client


def view(page: TestClient, *columns: str, **more: str) -> dict[str, Any]:
    answer = page.get("/api/view", params=[*(("s", one) for one in columns), *more.items()])
    assert answer.status_code == 200, answer.text
    return answer.json()


def line(page: TestClient, column: str, **more: str) -> dict[str, Any]:
    return view(page, column, **more)["lines"][0]


def hostile(column: str = HOSTILE_COLUMN) -> str:
    return f"{quote(HOSTILE_MART)}.{quote(column)}"


# -- what is drawn ---------------------------------------------------------------------------------------------------


def test_a_column_in_the_dates_asked_for(page: TestClient):
    found = line(page, "carry_daily.carry_2y_bp", **{"from": "2023-03-11", "to": "2023-03-13"})
    assert (found["x"], found["y"], found["unit"]) == (["2023-03-13"], [212.0], "bp")
    assert found["extent"] == ["2023-03-10", "2023-03-14"], "of all there is"
    changed = line(page, "carry_daily.carry_2y_bp~change1", **{"from": "2023-03-13"})
    assert changed["y"] == [1.5, -215.25], "the row before the first date is looked at"
    first = line(page, "carry_daily.carry_2y_bp~ratio", **{"from": "2023-03-13"})
    assert first["y"][0] == 1.0, "the first is that of the dates shown"


def test_as_of_a_moment_and_what_is_known_now_beside(page: TestClient):
    found = view(page, "carry_daily.carry_2y_bp", asof="2023-03-10")
    assert found["moment"] == "2023-03-10 24:00 New York"
    (drawn,) = found["lines"]
    assert drawn["y"] == [210.5]
    assert drawn["now"]["y"] == [210.5, 212.0, -3.25]
    assert line(page, "carry_daily.carry_2y_bp", asof="2023-03-10", now="0")["now"] is None
    before, after = (line(page, "carry_daily.carry_2y_bp", asof=f"2023-03-13 {at}")["y"] for at in ("08:59", "09:00"))
    assert (before, after) == ([210.5], [210.5, 212.0]), "13:00 UTC is 09:00 in New York"
    assert line(page, "carry_daily.carry_2y_bp", asof="1990-01-01")["note"].startswith("No rows")


def test_a_mart_without_a_past_says_so(page: TestClient):
    found = line(page, "knowledge.known_at", asof="2023-03-10")
    assert found["note"] == f"As published now: marts.knowledge cannot be read as of a moment. It {WHY}."
    assert found["is_past"] is False
    (listed,) = [one for one in page.get("/api/catalog").json()["marts"] if one["mart"] == "knowledge"]
    assert listed["no_past"] == WHY


def test_keys_choose_the_row_of_a_date(page: TestClient):
    found = line(page, "breadth_daily.advances_count")
    assert found["keys"] == {"universe": "NDX"}, "of the newest row, and so in the address"
    assert found["y"][0] == 100.0
    assert line(page, "breadth_daily.advances_count;universe=SPX")["y"][0] == 200.0
    assert page.get("/api/choices?mart=breadth_daily").json()["choices"] == {"universe": ["NDX", "SPX"]}
    assert line(page, "breadth_daily.advances_count;universe=' or 1=1 --")["note"].startswith("No rows")


def test_of_vintages_the_newest_counts(page: TestClient):
    found = line(page, "vintages.value")
    assert (found["y"], found["newest_of"]) == ([1.5, 2.0], ["known_at"])
    assert found["unit"] == "bp", "which the row says, where the name of the column does not"


def test_states_flags_and_moments(page: TestClient):
    assert line(page, "breadth_daily.is_thin")["y"][:2] == [True, False]
    assert line(page, "breadth_daily.state")["y"][4:6] == ["=calm", "busy"]
    assert line(page, "carry_daily.known_at")["y"][0] == "2023-03-10T22:00:00"


def test_regimes_behind(page: TestClient):
    assert view(page)["bands"] == [["CALM", "2023-01-01", "2023-03-02"], ["CRISIS", "2023-03-02", "2023-03-31"]]
    assert view(page, shade="0")["bands"] is None


def test_a_mart_that_is_new_is_there(page: TestClient):
    """No list of marts anywhere: this one has names that no list would have."""
    (mart,) = [one for one in page.get("/api/catalog").json()["marts"] if one["mart"] == HOSTILE_MART]
    assert mart["axis"] == "day"
    assert [HOSTILE_COLUMN, "number", "Percent", f"Percent; {SCRIPT}"] in mart["columns"]
    assert line(page, hostile())["y"] == [7.5]


def test_every_answer_names_its_release(page: TestClient):
    for address in ("/api/build", "/api/catalog", "/api/view", "/api/choices?mart=carry_daily"):
        found = page.get(address).json()
        build = found.get("build", found)
        assert (build["build_id"], build["origin"], build["is_simulated"]) == ("b1", "SIMULATED", True)
    assert "SIMULATED: these figures come from a simulated economy" in page.get("/").text


def test_explains_a_point(page: TestClient):
    found = page.get("/api/explain", params={"s": "breadth_daily.advances_count;universe=SPX", "x": "2023-01-03"})
    assert found.status_code == 200, found.text
    explained = found.json()
    assert (explained["value"], explained["key"]) == (202, {"universe": "SPX", "session_date": "2023-01-03"})
    assert (explained["build_id"], explained["is_simulated"]) == ("b1", True)
    missing = page.get("/api/explain", params={"s": "carry_daily.carry_2y_bp", "x": "2023-03-11"})
    assert (missing.status_code, missing.json()["error"]) == (
        404,
        "marts.carry_daily has no row of 2023-03-11 as published now",
    )


# -- downloads -------------------------------------------------------------------------------------------------------


def test_csv_says_what_its_figures_are(page: TestClient):
    asked = [
        ("s", "carry_daily.carry_2y_bp"),
        ("s", "breadth_daily.state"),
        ("from", "2023-01-05"),
        ("to", "2023-03-10"),
    ]
    answer = page.get("/download.csv", params=asked)
    assert answer.headers["content-disposition"] == 'attachment; filename="tidegauge-SIMULATED-b1.csv"'
    rows = answer.text.splitlines()
    assert rows[0] == "date,carry_2y_bp,state NDX,origin"
    assert rows[1] == "2023-01-05,,'=calm,SIMULATED", "nothing that a spreadsheet would run"
    assert rows[-1] == "2023-03-10,210.5,,SIMULATED"


def test_xlsx_has_the_figures_and_what_they_are(page: TestClient):
    answer = page.get("/download.xlsx", params={"s": "carry_daily.carry_2y_bp~change1", "asof": "2023-03-13"})
    figures, about = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets
    assert [[cell.value for cell in row] for row in figures.iter_rows()][-1][1:] == [1.5, "SIMULATED"]
    told = dict(row for row in about.iter_rows(values_only=True))
    assert (told["origin"], told["release"], told["as known at"]) == ("SIMULATED", "b1", "2023-03-13 24:00 New York")
    assert told["carry_2y_bp change1"].startswith("carry_daily.carry_2y_bp; change over 1 row (bp). Basis points")


def test_a_download_needs_one_kind_of_axis(page: TestClient):
    mixed = page.get("/download.csv", params=[("s", "carry_daily.carry_2y_bp"), ("s", "knowledge.known_at")])
    assert (mixed.status_code, "one by one" in mixed.text) == (400, True)
    assert page.get("/download.csv").status_code == 400


# -- what is refused -------------------------------------------------------------------------------------------------

SQL = "carry_2y_bp from marts.carry_daily; drop table marts.carry_daily; --"
CARRY = "carry_daily.carry_2y_bp"
BAD = [
    ("/api/view", [("s", "no_such.x"), ("s", "carry_daily.nope")], 404, "the published file has no mart no_such"),
    ("/api/view", [("s", "carry_dayly.x")], 404, "has no mart carry_dayly; near it: carry_daily"),
    ("/api/view", [("s", "carry_daily.CARRY_2Y")], 404, "no column CARRY_2Y that can be drawn; near it: carry_2y_bp"),
    ("/api/choices", [("mart", "bredth_daily")], 404, "has no mart bredth_daily; near it: breadth_daily"),
    ("/api/view", [("from", "2023-02-30")], 400, "from: expected a day such as 2023-03-10"),
    ("/api/view", [("to", "tomorrow")], 400, "to: expected a day such as 2023-03-10, got tomorrow"),
    ("/api/view", [("from", "9999-12-31")], 400, "from: expected a day"),
    ("/api/view", [("from", "-2023-01-01")], 400, "from: expected a day"),
    ("/api/view", [("from", "٢٠٢٣-٠١-٠١")], 400, "from: expected a day"),
    ("/download.csv", [("s", CARRY), ("s", "no_such.x")], 404, "the published file has no mart no_such"),
    ("/download.csv", [("s", CARRY), ("asof", "tomorrow")], 400, "asof: expected a day"),
    ("/api/view", [("s", "carry_daily.nope")], 404, "marts.carry_daily has no column nope that can be drawn"),
    ("/api/view", [("s", "carry_daily")], 400, "s: expected mart.column, got carry_daily"),
    ("/api/view", [("s", "")], 400, "s: expected mart.column"),
    ("/api/view", [("s", ".")], 400, "s: expected mart.column"),
    ("/api/view", [("s", "carry_daily.")], 400, "s: expected mart.column"),
    ("/api/view", [("s", f"carry_daily.{SQL}")], 400, "s: expected key=value after"),
    ("/api/view", [("s", f"carry_daily.{quote(SQL)}")], 404, "marts.carry_daily has no column"),
    ("/api/view", [("s", 'carry_daily."carry_2y_bp"')], 404, "marts.carry_daily has no column"),
    ("/api/view", [("s", "carry_daily.carry_2y_bp) union select 1 --")], 404, "has no column"),
    ("/api/view", [("s", "meta.build.build_id")], 404, "the published file has no mart meta"),
    ("/api/view", [("s", "../../../etc/passwd.x")], 400, "s: expected mart.column, got ../../../etc/passwd.x"),
    ("/api/view", [("s", "read_csv('/etc/passwd').x")], 404, "has no mart read_csv('/etc/passwd')"),
    ("/api/view", [("s", "carry_daily_at.carry_2y_bp")], 404, "has no mart carry_daily_at"),
    ("/api/view", [("s", "carry_daily_as_of(now()).carry_2y_bp")], 404, "has no mart carry_daily_as_of(now())"),
    ("/api/view", [("s", "CARRY_DAILY.carry_2y_bp")], 404, "has no mart CARRY_DAILY"),
    ("/api/view", [("s", "carry\x00_daily.carry_2y_bp")], 404, "has no mart carry_daily"),
    ("/api/view", [("s", "carry_daily.\x1b]0;x\x07=1")], 404, "has no column ]0 that"),
    ("/api/view", [("s", "a" * 601)], 400, "s: 601 characters are no column"),
    ("/api/view", [("s", f"{CARRY}~change-1")], 400, "change: expected 1 to 5,000 rows, got -1"),
    ("/api/view", [("s", f"{CARRY}~change0")], 400, "change: expected 1 to 5,000 rows, got 0"),
    ("/api/view", [("s", f"{CARRY}~zscore1")], 400, "zscore: expected 2 to 5,000 rows, got 1"),
    ("/api/view", [("s", f"{CARRY}~zscore5001")], 400, "zscore: expected 2 to 5,000 rows, got 5001"),
    ("/api/view", [("s", f"{CARRY}~change{'9' * 300}")], 400, "change: expected 1 to 5,000 rows, got 999"),
    ("/api/view", [("s", f"{CARRY}~ratio3")], 400, "ratio counts no rows, got 3"),
    ("/api/view", [("s", f"{CARRY}~changeNaN")], 404, "has no column carry_2y_bp~changeNaN"),
    ("/api/view", [("s", f"{CARRY}~__import__")], 404, "has no column carry_2y_bp~__import__"),
    (
        "/api/view",
        [("s", "breadth_daily.state~zscore9")],
        400,
        "zscore is made of numbers; breadth_daily.state has none",
    ),
    ("/api/view", [("s", f"{CARRY};ticker=SPY")], 400, "has no key ticker to choose by; it has none to choose"),
    ("/api/view", [("s", "breadth_daily.state;session_date=2023-01-01")], 400, "it has universe"),
    ("/api/view", [("s", "breadth_daily.state;universe=a;universe=b")], 400, "universe is given twice"),
    ("/api/view", [("s", "breadth_daily.state;universe")], 400, "expected key=value after breadth_daily.state"),
    ("/api/view", [("from", "2024-01-01"), ("to", "2023-01-01")], 400, "from 2024-01-01 is after to 2023-01-01"),
    ("/api/view", [("asof", "NaN")], 400, "asof: expected a day or a moment"),
    ("/api/view", [("asof", "0001-01-01T00:00+14:00")], 400, "asof: expected a day or a moment"),
    ("/api/view", [("asof", "9999-12-31 23:59 America/New_York")], 400, "asof: expected a day or a moment"),
    ("/api/view", [("asof", "2023-03-12 02:30")], 400, "asof: expected a day or a moment"),  # the clocks went forward
    ("/api/view", [("asof", "2023-03-10 09:15 ../../etc/passwd")], 400, "asof: expected a day or a moment"),
    ("/api/view", [("asof", "2023-03-10'; drop table x; --")], 400, "asof: expected a day or a moment"),
    ("/api/view", [("asof", "2023-03-10"), ("asof", "2023-03-11")], 400, "asof is given twice"),
    ("/api/view", [("shade", "yes")], 400, "shade: expected 0 or 1, got yes"),
    ("/api/view", [("sql", "select 1")], 400, "sql: no parameter of this page"),
    ("/api/view", [("<script>", "1")], 400, "<script>: no parameter of this page"),
    ("/api/choices", [("mart", "x'; drop table y; --")], 404, "has no mart x'; drop table y; --"),
    ("/api/choices", [], 400, "expected the parameters mart, each once"),
    ("/api/choices", [("mart", "carry_daily"), ("mart", "carry_daily")], 400, "each once"),
    ("/api/explain", [("s", CARRY)], 400, "expected the parameters s, x, each once"),
    ("/api/explain", [("s", CARRY), ("x", "2023-03-10' or true --")], 400, "x: expected a day"),
    ("/api/explain", [("s", CARRY), ("x", "x" * 401)], 400, "x: expected a day or the name of a row"),
    ("/api/explain", [("s", "knowledge.known_at"), ("x", "../../nothing")], 404, "has no row of ../../nothing"),
    ("/api/explain", [("s", hostile()), ("x", "2023-01-01")], 404, "has no key: its rows cannot be explained"),
    ("/download.csv", [("s", f"carry_daily.{quote(SQL)}")], 404, "has no column"),
    ("/static/../server.py", [], 404, "there is nothing at /server.py"),
    ("/static/..%2fserver.py", [], 404, "there is"),
    ("/static/%2e%2e%2f%2e%2e%2fserver.py", [], 404, "there is"),
    ("/static//etc/passwd", [], 404, "there is nothing at /static//etc/passwd"),
    ("/download.parquet", [], 404, "there is nothing at /download.parquet"),
    ("/api/query", [("q", "select 1")], 404, "there is nothing at /api/query"),
    ("/docs", [], 404, "there is nothing at /docs"),
]


@pytest.mark.parametrize(("path", "given", "status", "sentence"), BAD)
def test_bad_addresses_get_a_sentence(
    page: TestClient, path: str, given: list[tuple[str, str]], status: int, sentence: str
):
    answer = page.get(path, params=given)
    assert answer.status_code == status, answer.text
    told = answer.json()["error"]
    assert sentence in told
    assert len(told) < 400
    assert "Traceback" not in told
    assert "\n" not in told


BESIDE = [
    ([("s", "no_such.x")], [1], [], "the published file has no mart no_such"),
    ([("s", "carry_daily.carry_2y")], [1], [], "near it: carry_2y_bp"),
    ([("s", "carry_daily")], [1], [], "s: expected mart.column, got carry_daily"),
    ([("s", f"{CARRY};ticker=SPY")], [1], [], "has no key ticker to choose by"),
    ([("s", f"{CARRY}~zscore1")], [1], [], "zscore: expected 2 to 5,000 rows"),
    ([("s", "breadth_daily.state~zscore9")], [1], [], "zscore is made of numbers"),
    ([("s", CARRY)] * 12, [12], [], "a page has at most 12 columns, this one asks for 13"),
    ([("from", "2023-02-30")], [], ["from"], "from: expected a day such as 2023-03-10, got 2023-02-30"),
    ([("to", "tomorrow")], [], ["to"], "to: expected a day such as 2023-03-10, got tomorrow"),
    ([("from", "2024-01-01"), ("to", "2023-01-01")], [], ["from", "to"], "from 2024-01-01 is after to 2023-01-01"),
    ([("asof", "tomorrow")], [], ["asof"], "asof: expected a day or a moment"),
    ([("asof", "2023-03-10"), ("asof", "2023-03-11")], [], ["asof"], "asof is given twice"),
    ([("shade", "yes")], [], ["shade"], "shade: expected 0 or 1, got yes"),
    ([(name, "1") for name in "abcde"], [], [*"abcde"], "a, b, c and 2 more: no parameter of this page"),
]


@pytest.mark.parametrize(("beside", "places", "parameters", "sentence"), BESIDE)
def test_what_cannot_be_keeps_nothing_else_from_being_drawn(
    page: TestClient, beside: list[tuple[str, str]], places: list[int], parameters: list[str], sentence: str
):
    (whole,) = view(page, CARRY)["lines"]
    answer = page.get("/api/view", params=[("s", CARRY), *beside])
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["lines"][0] == whole
    (left_out,) = found["left_out"]
    assert sentence in left_out["sentence"]
    assert (left_out["places"], left_out["parameters"]) == (places, parameters)
    assert (found["from"], found["to"], found["moment"]) == (None, None, None)


def test_lines_say_which_of_the_columns_they_are(page: TestClient):
    found = view(page, "no_such.x", CARRY, "carry_daily", "breadth_daily.state", asof="2023-03-10")
    assert [one["place"] for one in found["lines"]] == [1, 3]
    assert [one["places"] for one in found["left_out"]] == [[0], [2]]
    assert found["moment"] == "2023-03-10 24:00 New York"
    nothing = page.get("/api/view", params=[("s", "no_such.x"), ("s", "carry_daily.nope")])
    assert [one["places"] for one in nothing.json()["left_out"]] == [[0], [1]], "each with its sentence"


def test_bad_addresses_touch_nothing(tmp_path: Path):
    (tmp_path / "secret.csv").write_text("a\nhunter2\n")
    home = explorable(tmp_path / "home")
    before = tree(tmp_path)
    with TestClient(app_of(home), base_url=HERE) as page:
        asked = [page.get(path, params=given) for path, given, *_ in BAD]
        asked += [page.get("/api/view", params={"s": f"read_csv('{tmp_path}/secret.csv').a"})]
        asked += [page.get("/api/view", params={"s": CARRY, "asof": "2023-03-10"}), page.get("/api/catalog")]
        assert not any("hunter2" in answer.text for answer in asked)
        assert not [answer.text for answer in asked if answer.status_code >= 500]
    assert tree(tmp_path) == before


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:9", "localhost:8765", "LOCALHOST"])
def test_hosts_of_this_machine(page: TestClient, host: str):
    assert page.get("/api/build", headers={"host": host}).status_code == 200


OTHER_HOSTS = ["evil.example", "127.0.0.1.evil.example", "localhost.", "0.0.0.0", "[::1]", "10.0.0.1", "127.0.0.2", ""]
NO_HOSTS = ["evil@127.0.0.1", "127.0.0.1:x", "127.0.0.1/evil", "localhost\xe9"]


@pytest.mark.parametrize("host", [*OTHER_HOSTS, *NO_HOSTS])
def test_other_hosts_are_refused(page: TestClient, host: str):
    """A name of somebody else's may be made to lead here (DNS rebinding)."""
    for path in ("/", "/api/view", "/static/main.js", "/nowhere"):
        answer = page.get(path, headers={"host": host.encode("latin-1")})
        assert (answer.status_code, answer.json()) == (400, {"error": "expected the host 127.0.0.1 or localhost"})


def test_only_reading_and_only_from_here(page: TestClient):
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        answer = page.request(method, "/api/view")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert page.head("/api/build").status_code == 200
    assert page.get("/api/view", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert page.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200, "a link may lead here"
    assert page.get("/api/view", params={"s": "x" * 17_000}).status_code == 414


def test_headers_of_every_answer(page: TestClient):
    for path in ("/", "/api/build", "/static/main.js", "/nowhere", "/api/view?x=1"):
        headers = page.get(path).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


def test_the_page_has_neither_inline_code_nor_other_hosts(page: TestClient):
    text = page.get("/").text
    assert text.count("<script") == 2
    assert all(f'src="/static/{name}"' in text for name in ("vega.js", "main.js"))
    assert "<style" not in text
    assert " style=" not in text
    assert "http" not in text.replace("HTTP", "")
    asset = page.get("/static/main.js")
    assert page.get("/static/main.js", headers={"if-none-match": asset.headers["etag"]}).status_code == 304


# -- releases --------------------------------------------------------------------------------------------------------


def test_nothing_published_and_damage_are_sentences(tmp_path: Path):
    home = Home(tmp_path)
    with TestClient(app_of(home), base_url=HERE) as page:
        nothing = page.get("/api/view")
        assert (nothing.status_code, "nothing is published" in nothing.text) == (503, True)
        home.published.parent.mkdir()
        home.published.write_bytes(b"no database" * 1000)
        damaged = page.get("/api/view")
        assert (damaged.status_code, "is damaged" in damaged.json()["error"]) == (503, True)
        home.published.unlink()
        publish_explorable(home.published)
        assert page.get("/api/view").status_code == 200


def test_a_bug_is_a_sentence_and_a_line_in_the_log(page: TestClient, monkeypatch: pytest.MonkeyPatch, caplog):
    def broken(*_: object) -> None:
        raise RuntimeError("inner workings")

    monkeypatch.setattr("serving.explore.drawing.lines_of", broken)
    answer = page.get("/api/view", params={"s": CARRY})
    assert answer.status_code == 500
    assert answer.json() == {"error": "this is a bug of tidegauge; tidegauge.log has the details"}
    assert "content-security-policy" in answer.headers
    assert "inner workings" in caplog.text


def test_a_file_that_nobody_asks_for_is_let_go(tmp_path: Path):
    published = Published(explorable(tmp_path), idle_seconds=0.05)
    with published.reading() as reading:
        time.sleep(0.1)
        assert reading.rows("select 1") == [(1,)], "not while it is being read"
    until = time.monotonic() + 20
    while published.is_open and time.monotonic() < until:
        time.sleep(0.02)
    assert not published.is_open
    with published.reading() as reading:
        assert reading.build.build_id == "b1"


def test_what_is_kept_in_memory_has_a_bound():
    kept = Kept(most_bytes=1000)
    frames = [pl.DataFrame({"x": list(range(50))}) for _ in range(3)]  # 400 bytes each
    for number, frame in enumerate(frames):
        kept.put(("b1", number), frame)
    assert [kept.get(("b1", number)) is not None for number in range(3)] == [False, True, True]
    kept.put(("b2", 0), frames[0])
    assert kept.get(("b1", 2)) is None, "another release has taken its place"
    assert kept.size == 400


def test_releases_are_followed_and_never_mixed(tmp_path: Path):
    """While releases replace each other, each answer is whole: the figures are those of the build that it names."""
    home = explorable(tmp_path, "b1", 1.0)
    for number in (1, 2):
        publish_explorable(tmp_path / f"b{number}.duckdb", f"b{number}", float(number))
    app = app_of(home)
    done = threading.Event()
    answers: list[dict[str, Any]] = []
    wrong: list[str] = []

    def ask() -> None:
        page = TestClient(app, base_url=HERE)
        while not done.is_set():
            answer = page.get("/api/view", params=[("s", CARRY), ("s", f"{CARRY}~ratio"), ("asof", "2023-03-14")])
            (answers if answer.status_code == 200 else wrong).append(json.loads(answer.text))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(12):
        build_id = f"b{turn % 2 + 1}"
        waiting = tmp_path / "waiting.duckdb"
        os.link(tmp_path / f"{build_id}.duckdb", waiting)
        os.replace(waiting, home.published)
        waiting.unlink(missing_ok=True)
        before, until = len(answers), time.monotonic() + 30
        while time.monotonic() < until and all(one["build"]["build_id"] != build_id for one in answers[before:]):
            time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert {one["build"]["build_id"] for one in answers} == {"b1", "b2"}
    for one in answers:
        assert set(one["lines"][0]["y"]) == set(one["lines"][0]["now"]["y"]) == {float(one["build"]["build_id"][1:])}
