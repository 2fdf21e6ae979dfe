"""Publishers send keys back in every place they can: nothing that a run leaves behind, or says, holds one."""

from __future__ import annotations

import base64
import gzip
import html
import re
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import duckdb

from simulator import StandIn
from simulator.simulate import simulate
from tests.cli import ROOT, TWO, environment

NOW = datetime(2014, 7, 1, 13, 5, tzinfo=UTC)
SENT = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
"""The key of the environment: FRED is asked with it."""

IN_FILE = "Zz9+plural/Z&alpha='77'"
"""Another key, which stands in `.env` alone: as odd as a key may be."""

WAYS = {
    "plain": lambda key: key,
    "upper case": str.upper,
    "in a URL": lambda key: quote(key, safe=""),
    "in HTML": html.escape,
    "in JSON": lambda key: key.replace("/", "\\/"),
    "in base64": lambda key: base64.b64encode(f"?api_key={key}&x".encode()).decode(),
}
EVERY_WAY = " | ".join(f"{way(SENT)} and {way(IN_FILE)}" for way in WAYS.values())


def plant(upstream: StandIn) -> None:
    """Let publishers say the keys: in errors, in documents, in headers, packed, and on the way to elsewhere."""
    add = upstream.faults.add
    add(r"api\.stlouisfed\.org.*BAMLH0A0HYM2", "echo", text=f"no such series for {EVERY_WAY}", code=404)
    add(r"api\.stlouisfed\.org.*WALCL", "echo", text='{"error_message": "api_key ' + SENT + ' is odd"}', code=400)
    add(r"api\.stlouisfed\.org", "echo", 3, text=EVERY_WAY, headers={"ETag": f'"{SENT}"'})
    add(r"cdn\.cboe\.com", "echo", 1, text=f"not here, {EVERY_WAY}", code=404)
    add(r"cdn-api\.cboe\.com", "echo", 1, inside="CLOSE", text=IN_FILE)
    add(r"fiscaldata", "echo", 1, text="", code=302, headers={"Location": f"https://elsewhere.example/?k={SENT}"})
    add(r"www\.mof\.go\.jp", "echo", 1, text=EVERY_WAY, gzip=True)
    add(r"www\.ssga\.com", "echo", 1, inside="Shares Outstanding", text=SENT)
    add(r"nasdaqtrader", "echo", 1, inside="Common Stock", text=f"Common Stock {SENT}")
    add(r"en\.wikipedia\.org", "echo", 1, inside="Symbol", text=f"Symbol <b>{html.escape(IN_FILE)}</b>")
    add(r"query[12]\.finance", "echo", 2, text='{"chart": {"error": "' + SENT + '"}}', code=404)
    add(r"www\.finra\.org", "echo", text=EVERY_WAY, code=403)
    add(r"markets\.newyorkfed\.org", "echo", text=EVERY_WAY, code=503, times=2)


def said_anywhere(home: Path) -> list[str]:
    """Return where under `home` one of the keys stands: in bytes, in what is packed, in every text of a database."""
    found, read = [], set()
    for path in sorted(home.rglob("*")):
        assert not holds_key(str(path.relative_to(home)))
        if not path.is_file() or (place := path.stat().st_ino) in read:  # what is published is a release's other name
            continue
        read.add(place)
        body = path.read_bytes()
        texts = [body, *unpacked(body)]
        if path.suffix == ".duckdb":
            texts.append("\n".join(duckdb_texts(path)).encode())
        if body.startswith(b"SQLite format 3"):
            texts.append("\n".join(sqlite_texts(path)).encode())
        if any(holds_key(text) for text in texts):
            found.append(str(path.relative_to(home)))
    return found


FORMS = [way(key).encode() for key in (SENT, IN_FILE) for name, way in WAYS.items() if name != "in base64"]
IN_BASE64 = [WAYS["in base64"](key).encode()[12:28] for key in (SENT, IN_FILE)]  # the rest depends on what is around


def holds_key(text: bytes | str) -> bool:
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    lower = raw.lower()
    return any(form.lower() in lower for form in FORMS) or any(form in raw for form in IN_BASE64)


def unpacked(body: bytes) -> list[bytes]:
    if body.startswith(b"\x1f\x8b"):
        inner = gzip.decompress(body)
        return [inner, *unpacked(inner)]
    if body.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(BytesIO(body)) as packed:
            return [packed.read(name) for name in packed.namelist()]
    return []


def duckdb_texts(path: Path) -> list[str]:
    """Return every distinct text of a database that could hold a key, and its comments."""
    texts = []
    with duckdb.connect(str(path), read_only=True) as con:
        columns = con.execute(
            """
            select c.schema_name, c.table_name, c.column_name, c.comment, t.table_name is not null
            from duckdb_columns() as c
            left join duckdb_tables() as t using (database_name, schema_name, table_name)
            where not c.internal
            """
        ).fetchall()
        for schema, table, column, comment, is_table in columns:
            texts.append(comment or "")
            if not is_table:  # a view shows what tables hold, and each as-of view is computed for every column
                continue
            long = f'select distinct "{column}"::varchar as t from "{schema}"."{table}" where length(t) > 15'
            texts += [text for (text,) in con.execute(long).fetchall()]
    return texts


def sqlite_texts(path: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
        return [line for line in con.iterdump()]


def test_keys_that_publishers_send_back_are_found_nowhere(tmp_path: Path):
    home, place = tmp_path / "home", tmp_path / "place"
    place.mkdir()
    (place / ".env").write_text(f'OTHER_API_KEY="{IN_FILE}"\n')
    market = simulate(NOW.date(), members=40)
    with StandIn(market, NOW) as upstream:
        plant(upstream)
        env = environment(home, upstream=upstream.url, now=NOW, FRED_API_KEY=SENT, PYTHONPATH=str(ROOT), **TWO)
        ran = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", "run"],
            cwd=place,
            env={**env, "COLUMNS": "4000"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        asked = [request for request in upstream.requests if "api.stlouisfed.org" in request.path]
    said = ran.stdout + ran.stderr
    assert asked, "FRED was asked with the key"
    assert "***" in said, "what was sent back is told, without the key"
    assert not holds_key(re.sub(r"\s+", "", said)), said
    assert not holds_key(said), said
    assert (home / "build" / "warehouse.duckdb").exists()
    assert said_anywhere(home) == []
    bodies = [gzip.decompress(path.read_bytes()) for path in (home / "archive").glob("*/*.gz")]
    assert sum(b"********" in body for body in bodies) >= 3, "bodies with a key were kept, blotted"
