"""A made-up data set of Form 13F: tables of tab-separated text in a zip, as the SEC packs them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence

from ingest.payload import Payload
from tests.unit.fakes import payload_of

HEADERS = {
    "SUBMISSION.tsv": "ACCESSION_NUMBER FILING_DATE SUBMISSIONTYPE CIK PERIODOFREPORT",
    "COVERPAGE.tsv": (
        "ACCESSION_NUMBER REPORTCALENDARORQUARTER ISAMENDMENT AMENDMENTNO AMENDMENTTYPE FILINGMANAGER_NAME"
        " FILINGMANAGER_STREET1 FILINGMANAGER_CITY REPORTTYPE"
    ),
    "SUMMARYPAGE.tsv": (
        "ACCESSION_NUMBER OTHERINCLUDEDMANAGERSCOUNT TABLEENTRYTOTAL TABLEVALUETOTAL ISCONFIDENTIALOMITTED"
    ),
    "SIGNATURE.tsv": "ACCESSION_NUMBER NAME PHONE",
    "INFOTABLE.tsv": (
        "ACCESSION_NUMBER INFOTABLE_SK NAMEOFISSUER TITLEOFCLASS CUSIP FIGI VALUE SSHPRNAMT SSHPRNAMTTYPE PUTCALL"
        " INVESTMENTDISCRETION OTHERMANAGER VOTING_AUTH_SOLE VOTING_AUTH_SHARED VOTING_AUTH_NONE"
    ),
}
FILE = "01jun2025-31aug2025_form13f.zip"


def accession(number: int) -> str:
    return f"0000950123-25-{number:06}"


def filing(
    number: int,
    cik: int,
    positions: Sequence[tuple[object, ...]] = (),
    *,
    filed: str = "14-AUG-2025",
    period: str = "30-JUN-2025",
    form: str = "13F-HR",
    amendment: tuple[str, str] = ("", ""),
    stated: object = None,
    name: str = "Elm Capital",
) -> dict[str, list[str]]:
    """Return the lines of one filing by table; a position is cusip, value, amount[, put_call[, SH or PRN]]."""
    told = accession(number)
    lines = {
        "SUBMISSION.tsv": [f"{told}\t{filed}\t{form}\t{cik:010}\t{period}"],
        "COVERPAGE.tsv": [
            "\t".join((told, period, amendment[0], "", amendment[1], name, "1 Elm Street", "Springfield", "13F REPORT"))
        ],
        "SUMMARYPAGE.tsv": [f"{told}\t0\t{len(positions) if stated is None else stated}\t0\tN"],
        "SIGNATURE.tsv": [f"{told}\tAnn Analyst\t555-0100"],
    }
    lines["INFOTABLE.tsv"] = [
        "\t".join(
            str(cell)
            for cell in (
                told,
                at,
                "HARBOUR MILLS INC",
                "COM",
                cusip,
                "",
                value,
                amount,
                unit,
                put_call,
                "SOLE",
                "",
                0,
                0,
                0,
            )
        )
        for at, (cusip, value, amount, put_call, unit) in enumerate(
            (*position, *("", "SH")[len(position) - 3 :]) for position in positions
        )
    ]
    return lines


def zip_of(tables: Mapping[str, str], folder: str = "") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in tables.items():
            archive.writestr(folder + name, text)
    return packed.getvalue()


def tables_of(filings: Iterable[Mapping[str, list[str]]]) -> dict[str, str]:
    told = list(filings)
    return {
        name: "".join(
            f"{line}\n" for line in (header.replace(" ", "\t"), *(line for one in told for line in one[name]))
        )
        for name, header in HEADERS.items()
    }


def data_set(body: bytes, *managers: int, file: str = FILE) -> Payload:
    meta = {"kind": "data set", "file": file, "managers": ",".join(f"{cik:010}" for cik in managers)}
    return payload_of("sec_13f", body, name=file, meta=meta)
