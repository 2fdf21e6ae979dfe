from __future__ import annotations

import errno
import gzip
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.archive import Archive, sha256_of
from ingest.errors import HomeUnusable, TidegaugeError
from ingest.payload import Payload

NOW = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)


def payload(body: bytes, name: str = "WALCL", **more) -> Payload:
    told = {"url": "https://x.y/z", "fetched_at": NOW, "meta": {"kind": "csv"}, **more}
    return Payload(source="fred", name=name, body=body, sha256=sha256_of(body), **told)


def test_equal_bodies_are_stored_once_and_each_fetch_has_a_line(tmp_path):
    archive = Archive(tmp_path)
    archive.put(payload(b"same", headers={"ETag": "1", "Server": "x"}), batch="b1")
    archive.put(payload(b"same", headers={"etag": "2"}), batch="b2")
    archive.flush()
    files = [path for path in tmp_path.rglob("*.gz")]
    digest = sha256_of(b"same")
    assert files == [tmp_path / digest[:2] / f"{digest}.gz"]
    entries = list(Archive(tmp_path).entries())
    assert [(entry.headers, entry.batch) for entry in entries] == [({"etag": "1"}, "b1"), ({"etag": "2"}, "b2")]
    assert entries[0].fetched_at == NOW
    assert entries[0].meta == {"kind": "csv"}
    assert archive.body(digest) == b"same"
    assert not list(tmp_path.rglob("*.tmp"))


def test_the_file_of_a_body_depends_on_nothing_else(tmp_path):
    first, second = Archive(tmp_path / "a"), Archive(tmp_path / "b")
    first.put(payload(b"body"))
    time.sleep(0.01)
    second.put(payload(b"body", name="other", fetched_at=datetime(2020, 1, 1, tzinfo=UTC)))
    first.flush()
    second.flush()
    read = [next(root.rglob("*.gz")).read_bytes() for root in (tmp_path / "a", tmp_path / "b")]
    assert read[0] == read[1]


def test_a_damaged_body_is_noticed(tmp_path):
    archive = Archive(tmp_path)
    archive.put(payload(b"one"))
    archive.put(payload(b"two"))
    archive.flush()
    one, two = (tmp_path / d[:2] / f"{d}.gz" for d in (sha256_of(b"one"), sha256_of(b"two")))
    one.write_bytes(two.read_bytes())
    with pytest.raises(TidegaugeError, match="is damaged: its bytes have sha256"):
        archive.body(sha256_of(b"one"))
    two.write_bytes(two.read_bytes()[:10])
    with pytest.raises(TidegaugeError, match="cannot be read"):
        archive.body(sha256_of(b"two"))


def test_latest_is_the_newest_that_brought_a_body(tmp_path):
    archive = Archive(tmp_path)
    archive.put(payload(b"one", headers={"etag": "1"}))
    assert archive.latest("fred", "WALCL").headers == {"etag": "1"}
    archive.put(payload(b"two", headers={"etag": "2"}))
    archive.put(payload(b"", status=304, headers={"etag": "3"}))
    assert archive.latest("fred", "WALCL").headers == {"etag": "2"}
    archive.close()
    assert Archive(tmp_path).latest("fred", "WALCL").sha256 == sha256_of(b"two")
    assert Archive(tmp_path).latest("fred", "other") is None


def test_a_torn_last_line_is_reported_and_the_next_run_writes_on(tmp_path, caplog):
    archive = Archive(tmp_path)
    archive.put(payload(b"one"))
    archive.put(payload(b"two"))
    archive.close()
    index = tmp_path / "index.jsonl"
    index.write_bytes(index.read_bytes()[:-20])
    assert [entry.bytes for entry in Archive(tmp_path).entries()] == [3]
    assert "line 2" in caplog.text
    assert "torn" in caplog.text
    again = Archive(tmp_path)
    again.put(payload(b"three"))
    again.close()
    assert [entry.bytes for entry in Archive(tmp_path).entries()] == [3, 5]


def test_a_line_that_is_no_entry_is_an_error(tmp_path):
    (tmp_path / "index.jsonl").write_text('{"source": "fred"}\n')
    with pytest.raises(TidegaugeError, match="line 1 is no entry"):
        list(Archive(tmp_path).entries())


def test_a_full_disk_is_a_sentence_and_leaves_nothing_behind(tmp_path, monkeypatch):
    archive = Archive(tmp_path)

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", lambda path, _body: (path.touch(), full(0)))
    with pytest.raises(HomeUnusable, match=r"the disk under .* is full.*What was landed before stays"):
        archive.put(payload(b"body"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "archive").write_text("a file")
    with pytest.raises(HomeUnusable, match="cannot write the archive in"):
        Archive(tmp_path / "archive").put(payload(b"body"))


def test_what_a_kill_left_unflushed_is_in_neither_index_nor_store(tmp_path):
    killed = Archive(tmp_path)
    killed.put(payload(b"flushed"))
    killed.flush()
    killed.put(payload(b"lost"))  # and never flushed
    again = Archive(tmp_path)
    assert [entry.sha256 for entry in again.entries()] == [sha256_of(b"flushed")]
    again.put(payload(b"later"))
    again.flush()
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {
        "index.jsonl",
        f"{sha256_of(b'flushed')}.gz",
        f"{sha256_of(b'later')}.gz",
    }
    assert [again.body(entry.sha256) for entry in again.entries()] == [b"flushed", b"later"]


def test_2000_small_payloads_wait_for_the_disk_a_few_times_only(tmp_path, monkeypatch):
    waits = []
    fsync, sync = os.fsync, os.sync
    monkeypatch.setattr(os, "fsync", lambda handle: (waits.append("file"), fsync(handle)))
    monkeypatch.setattr(os, "sync", lambda: (waits.append("all"), sync()))
    archive = Archive(tmp_path)
    for number in range(2000):
        archive.put(payload(f"body {number}".encode(), name=f"day {number}"))
    archive.flush()
    assert waits.count("all") == 2 * 10  # bytes and names, once per 200 answers
    assert waits.count("file") == 10  # the index; nothing is left for the last flush
    assert sum(1 for _ in archive.entries()) == 2000


def test_a_body_that_an_older_release_packed_otherwise_stays_and_is_read(tmp_path):
    body = b"".join(b"2026-09-%02d,%d\n" % (n % 30, n * n) for n in range(5000))
    path = tmp_path / sha256_of(body)[:2] / f"{sha256_of(body)}.gz"
    path.parent.mkdir()
    older = gzip.compress(body, compresslevel=6, mtime=0)
    path.write_bytes(older)
    archive = Archive(tmp_path)
    archive.put(payload(body))
    archive.flush()
    assert path.read_bytes() == older
    assert archive.body(sha256_of(body)) == body
    elsewhere = Archive(tmp_path / "new")
    elsewhere.put(payload(body))
    elsewhere.flush()
    (packed,) = (tmp_path / "new").rglob("*.gz")
    assert packed.read_bytes() == gzip.compress(body, compresslevel=5, mtime=0) != older
