"""A secret is blotted out however it is written, and data that only looks like one stays."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import logging
import sqlite3
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, quote_plus

import httpx
import pytest

from ingest import secrets
from ingest.archive import Archive, sha256_of
from ingest.errors import SourceChanged, SourceError, SourceRefused
from ingest.payload import Payload
from ingest.settings import Settings, load_settings
from ingest.sources.fred import fred
from orchestration.guarded import guard_logs, guard_stores, guarded_streams
from orchestration.session import reason_of

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
ODD = "Zz9+plural/Z&alpha='77'"

WAYS = {
    "plain": lambda key: key,
    "upper": str.upper,
    "quoted": lambda key: quote(key, safe=""),
    "quoted lower": lambda key: quote(key, safe="").lower(),
    "plus": quote_plus,
    "quoted twice": lambda key: quote(quote(key, safe=""), safe=""),
    "every letter quoted": lambda key: "".join(f"%{byte:02X}" for byte in key.encode()),
    "json": lambda key: json.dumps(key)[1:-1],
    "json with slashes": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "json by number": lambda key: "".join(f"\\u{ord(letter):04X}" for letter in key),
    "html": html.escape,
    "html by number": lambda key: "".join(f"&#{ord(letter)};" for letter in key),
    "hex": lambda key: key.encode().hex(),
    "repr": lambda key: repr(key)[1:-1],
    "sql": lambda key: key.replace("'", "''"),
}


@pytest.fixture(autouse=True)
def guarded():
    secrets.forget()
    secrets.guard(KEY, ODD)
    yield
    secrets.forget()


def payload(body: bytes, **changes) -> Payload:
    arguments = {
        "source": "cboe",
        "name": "VIX",
        "url": "https://cdn.cboe.com/VIX.csv",
        "body": body,
        "sha256": sha256_of(body),
        "fetched_at": datetime(2026, 3, 6, tzinfo=UTC),
    }
    return Payload(**(arguments | changes))


@pytest.mark.parametrize("key", [KEY, ODD], ids=["usual", "odd"])
@pytest.mark.parametrize("way", list(WAYS))
def test_every_way_to_write_a_key(key: str, way: str) -> None:
    written = WAYS[way](key)
    assert secrets.blotted(f"before {written} after") == "before *** after"
    clean = secrets.blotted_body(f"before {written} after".encode())
    assert clean == f"before {'*' * len(written.encode())} after".encode()


@pytest.mark.parametrize("before", ["", "a", "ab"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_in_base64_wherever_it_begins(before: str, encode) -> None:
    whole = encode(f"{before}{KEY}?".encode()).decode()
    clean = secrets.blotted(whole)
    assert "***" in clean
    assert len(clean) < len(whole) - 35, "no more than a letter on each side is left"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_in_utf_16(encoding: str) -> None:
    clean = secrets.blotted_body(f"a {KEY} b".encode(encoding))
    assert clean.decode(encoding) == f"a {'*' * 32} b"


def test_packed_bodies_are_looked_into() -> None:
    packed = gzip.compress(f"x {KEY} y".encode())
    assert gzip.decompress(secrets.blotted_body(packed)) == f"x {'*' * 32} y".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as workbook:
        workbook.writestr("xl/sheet1.xml", f"<v>{KEY}</v>")
        workbook.writestr("other.xml", "<v>1</v>")
    with zipfile.ZipFile(io.BytesIO(secrets.blotted_body(buffer.getvalue()))) as clean:
        assert clean.read("xl/sheet1.xml") == f"<v>{'*' * 32}</v>".encode()
        assert clean.read("other.xml") == b"<v>1</v>"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 9])
def test_a_zip_whose_member_is_not_packed_as_it_says_is_kept_as_it_came(method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as workbook:
        workbook.writestr("xl/sheet1.xml", "<v>1</v>" * 40)
    body = bytearray(buffer.getvalue())
    for header, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        body[body.index(header) + place] = method
    assert secrets.blotted_body(bytes(body)) == body


@pytest.mark.parametrize(
    "body",
    [b"", b"DATE,CLOSE\n2026-03-06,21.5\n", gzip.compress(b"x", mtime=0), b"\x1f\x8bno gzip", b"PK\x03\x04no zip"],
)
def test_a_body_without_a_key_is_the_very_same(body: bytes) -> None:
    assert secrets.blotted_body(body) is body


@pytest.mark.parametrize("value", ["", "   ", "true", "abc", "2026", "20260306", "2026-03-06", "password", "date"])
def test_what_could_be_data_is_not_guarded(value: str) -> None:
    secrets.forget()
    secrets.guard(value)
    assert secrets.blotted_body(b"date,password\n2026-03-06,true abc 20260306") == (
        b"date,password\n2026-03-06,true abc 20260306"
    )


@pytest.mark.parametrize("value", ["abcd1234", "k" * 20, KEY, "pass w0rd"])
def test_what_could_not_is(value: str) -> None:
    secrets.forget()
    secrets.guard(value)
    assert secrets.blotted(f"<{value}>") == "<***>"


def test_an_address_without_a_password_can_be_read(tmp_path: Path) -> None:
    secrets.forget()
    place = "db.example/lake?data=/srv/lake"
    Settings(_env_file=None, home=tmp_path, lake=f"postgresql://tide@{place}")
    assert secrets.blotted(place) == place
    Settings(_env_file=None, home=tmp_path, lake=f"postgresql://tide:Secret-42x@{place}")
    assert secrets.blotted(f"postgresql://tide:Secret-42x@{place}") == "***"


def test_a_key_too_short_to_be_guarded_is_never_sent(tmp_path: Path) -> None:
    class Context:
        settings = Settings(_env_file=None, home=tmp_path, fred_api_key="short")
        pairs = ()

    with pytest.raises(SourceRefused, match="was not sent"):
        list(fred.fetch(Context()))


def test_the_archive_keeps_hashes_and_returns_the_blotted_body(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    came = payload(
        f"value\n{KEY}\n".encode(),
        name=f"VIX {KEY}",
        url=f"https://cdn.cboe.com/VIX.csv?k={KEY}",
        headers={"etag": f'"{KEY}"', "content-type": "text/csv"},
        meta={"asked": ODD},
    )
    kept = archive.put(came)
    archive.close()
    clean = b"value\n" + b"*" * 32 + b"\n"
    assert (kept.body, kept.sha256) == (clean, sha256_of(clean))
    assert archive.body(kept.sha256) == clean
    for text in (kept.name, kept.url, *kept.headers.values(), *kept.meta.values(), archive.index_path.read_text()):
        assert KEY not in text
        assert ODD not in text
    assert kept.headers["content-type"] == "text/csv"


def test_a_payload_without_a_key_is_kept_as_it_is(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    came = payload(b"DATE,CLOSE\n2026-03-06,21.5\n")
    assert archive.put(came) == came
    archive.close()


def test_errors_hold_no_key() -> None:
    errors = [
        SourceError("fred", f"series {KEY}", f"broke at {ODD}"),
        SourceChanged("fred", "WALCL", expected=KEY, seen=f"api_key={quote_plus(ODD)}"),
    ]
    for error in errors:
        told = " ".join([str(error), repr(error), error.payload, *(str(part) for part in vars(error).values())])
        assert "***" in told
        assert all(way(key) not in told for key in (KEY, ODD) for way in (str, quote_plus, str.upper))
    assert KEY not in reason_of(httpx.ConnectError(f"GET https://x/?k={KEY}"))


def test_log_records_of_any_library_hold_no_key(caplog: pytest.LogCaptureFixture) -> None:
    before = logging.getLogRecordFactory()
    guard_logs()
    try:
        other = logging.getLogger("some.library")
        other.warning("GET https://x/?api_key=%s", KEY)
        try:
            raise ValueError(f"odd {ODD}")
        except ValueError:
            other.exception("broke")
        formatted = "\n".join(logging.Formatter().format(record) for record in caplog.records)
    finally:
        logging.setLogRecordFactory(before)
    assert "api_key=***" in formatted
    assert "ValueError: odd ***" in formatted
    assert KEY not in formatted
    assert ODD not in formatted


def test_what_is_printed_holds_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded_streams():
        print("on", KEY)
        print("and", ODD, file=sys.stderr)
        sys.stdout.writelines([f"line {KEY}\n"])
    printed = capsys.readouterr()
    assert printed.out == "on ***\nline ***\n"
    assert printed.err == "and ***\n"


def test_dagsters_stores_hold_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster import AssetKey, AssetMaterialization

    from ingest.home import Home
    from orchestration.instance import open_instance

    monkeypatch.setenv("TIDEGAUGE_DAGSTER_HOME", str(tmp_path))  # put back afterwards
    home = Home(tmp_path / "home").ensure()
    guard_stores()
    with open_instance(home) as instance:
        instance.report_runless_asset_event(
            AssetMaterialization(AssetKey(["raw", "fred"]), metadata={"error": f"api_key={KEY} {ODD}"})
        )
    for path in home.dagster.glob("*.db"):
        dump = "\n".join(sqlite3.connect(path).iterdump())
        assert KEY not in dump
        assert all(form not in dump for form in (ODD, json.dumps(ODD)[1:-1], ODD.replace("'", "''")))
    assert "api_key=***" in "\n".join(sqlite3.connect(home.dagster / "event_log.db").iterdump())


def test_keys_of_environment_and_file_are_guarded_whatever_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets.forget()
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text('VENDOR_TOKEN="tok3n-of-a-vendor"\nFRED_API_KEY=ffffeeeeddddccccbbbbaaaa99998888\n')
    monkeypatch.setenv("TIDEGAUGE_OTHER_PASSWORD", "s3cret-of-another")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:pr0xy-word@127.0.0.1:9")
    monkeypatch.setenv("FRED_API_KEY", KEY)
    monkeypatch.setenv("TIDEGAUGE_POSTGRES_DSN", "host=127.0.0.1 password=p0stgres-word dbname=x")
    monkeypatch.setenv("TIDEGAUGE_OTHER_DSN", "postgresql://me:p%40ss-w0rd@127.0.0.1/x")
    load_settings()
    for value in (
        "p0stgres-word",
        "p@ss-w0rd",
        "tok3n-of-a-vendor",
        "f" * 4 + "eeeeddddccccbbbbaaaa99998888",
        "s3cret-of-another",
        "pr0xy-word",
        KEY,
    ):
        assert secrets.blotted(f"<{value}>") == "<***>", value


def test_settings_guard_their_own_key() -> None:
    secrets.forget()
    Settings(_env_file=None, fred_api_key=KEY)
    assert secrets.blotted(KEY) == "***"
