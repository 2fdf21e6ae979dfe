"""Tables of tab-separated text inside a zip, read a block at a time: one of 350 MB never lies in memory whole."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from ingest.payload import Payload
from ingest.readers.parsing import changed, quoted, refuse_doubled_names

BLOCK_BYTES: Final = 8 * 1024**2
_LONGEST_HEADER: Final = 64 * 1024


def tsv_blocks(
    payload: Payload, packed: zipfile.ZipFile, name: str, columns: Sequence[str], most_bytes: int
) -> Iterator[pl.DataFrame]:
    """Yield `columns` of the table `name` (in whatever folder of the zip) as texts, "" where a cell is empty.

    Tabs and line ends are all that is heeded: the text has no quoting. A line with fewer cells has empty ones, what is
    beyond the header's cells is left out. SourceChanged where the table, or a column, is not there or is there twice,
    where it is larger than `most_bytes`, or where its last line has no end.
    """
    found = [one for one in packed.infolist() if one.filename.rpartition("/")[2].upper() == name.upper()]
    if len(found) != 1:
        seen = "none" if not found else ", ".join(one.filename for one in found)
        raise changed(payload, f"one table {name} in the zip", seen)
    with packed.open(found[0]) as file:
        header_line = file.readline(_LONGEST_HEADER)
        header = header_line.decode("utf-8-sig", "replace").strip("\r\n").split("\t")
        refuse_doubled_names(payload, header)
        if missing := [column for column in columns if column not in header]:
            raise changed(
                payload, f"{name} with the columns {', '.join(columns)}", f"no {', '.join(missing)}: {quoted(header)}"
            )
        left, rest = most_bytes, b""
        while block := file.read(BLOCK_BYTES):
            left -= len(block)
            if left < 0:
                raise changed(payload, f"at most {most_bytes // 1024**2} MiB in {name}", "a larger table")
            whole, end, rest_of_block = block.rpartition(b"\n")
            if end:
                yield _frame(rest + whole + end, header, columns)
                rest = rest_of_block
            else:
                rest += block
        if rest.strip():
            raise changed(
                payload,
                f"a last line of {name} with its end",
                f"a table cut off in {quoted(rest.decode('utf-8', 'replace'))}",
            )


def _frame(body: bytes, header: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    frame = pl.read_csv(
        body,
        has_header=False,
        separator="\t",
        quote_char=None,
        schema=dict.fromkeys(header, pl.String),
        columns=sorted(header.index(column) for column in columns),
        truncate_ragged_lines=True,
        missing_columns="insert",
        empty_string_is_null=False,
        encoding="utf8-lossy",
    )
    return frame.select(pl.col(columns).str.strip_chars().fill_null(""))
