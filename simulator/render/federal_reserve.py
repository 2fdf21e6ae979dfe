"""www.federalreserve.gov: the releases' XML zips, whole history, conditional."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Final

import numpy as np
import polars as pl

from ingest.catalog.frequency import period_end
from ingest.catalog.models import Provider, Series
from ingest.clock import NEW_YORK
from simulator.render.view import Request, Response, View, not_found, printed


@dataclass(frozen=True)
class _Release:
    """One release: its name in codes and members, its data set, what stands where nothing was printed."""

    name: str
    data_set: str
    frequency: int
    sentinel: str
    has_weekday_gaps: bool = False


_RELEASES: Mapping[str, _Release] = {
    "/releases/h41/data/FRB_h41_xml.zip": _Release("H41", "H41", 19, "-999999"),
    "/releases/h15/data/FRB_h15_xml.zip": _Release("H15", "H15", 9, "-9999", has_weekday_gaps=True),
    "/releases/g19/data/FRB_g19_xml.zip": _Release("G19", "CCOUT", 129, "-9999"),
    "/releases/prates/data/FRB_PRATES_xml.zip": _Release("PRATES", "PRATES_POLICY_RATES", 8, "-9999"),
}
_PREMIUM = "/econres/notes/feds-notes/ebp_csv.csv"
_SCHEMA = b'<?xml version="1.0" encoding="UTF-8"?>\n<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>\n'


def render(view: View, request: Request) -> Response:
    """Return the zip; 304 when the client has it, 406 when it asks for application/zip only."""
    if request.path == _PREMIUM:
        return _premium(view)
    release = _RELEASES.get(request.path)
    if release is None:
        return not_found()
    if request.headers.get("accept", "*/*").strip() == "application/zip":
        return Response(b"", "text/html", status=406)
    pairs = [
        (series, provider)
        for code, (series, provider) in view.pairs("federal_reserve").items()
        if code.startswith(release.name + "/") and view.market.has(series.id, "federal_reserve")
    ]
    moment = _prepared(view, pairs)
    ids = [series.id for series, _ in pairs]
    body, etag = view.remember(
        release.name,
        ids,
        "federal_reserve",
        lambda: _zipped(_document(view, release, pairs, moment), release.name, moment),
    )
    headers = {
        "ETag": etag,
        "Last-Modified": format_datetime(moment.replace(tzinfo=UTC), usegmt=True),
        "Accept-Ranges": "bytes",
    }
    if request.headers.get("if-none-match") == etag:
        return Response(b"", "application/x-zip-compressed", status=304, headers=headers)
    return Response(body, "application/x-zip-compressed", headers=headers)


def _prepared(view: View, pairs: list[tuple[Series, Provider]]) -> datetime:
    """Return the naive UTC moment of the newest print of the release: the file changes with it only."""
    prints = [view.market.last_print(series.id, "federal_reserve", view.now) for series, _ in pairs]
    return max((moment for moment in prints if moment is not None), default=datetime(2012, 1, 1))  # noqa: DTZ001


def _document(view: View, release: _Release, pairs: list[tuple[Series, Provider]], moment: datetime) -> str:
    local = moment.replace(tzinfo=UTC).astimezone(NEW_YORK)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<message:MessageGroup xmlns:message="http://www.SDMX.org/resources/SDMXML/schemas/v1_0/message" '
        'xmlns:frb="http://www.federalreserve.gov/structure/compact/common" '
        f'xmlns:kf="http://www.federalreserve.gov/structure/compact/{release.data_set}">',
        f"<message:Header><message:ID>{release.name}</message:ID><message:Test>false</message:Test>"
        f"<message:Prepared>{local:%Y-%m-%dT%H:%M:%S}</message:Prepared>"
        '<message:Sender id="FRB"/></message:Header>',
        f'<frb:DataSet id="{release.data_set}">',
    ]
    for series, provider in pairs:
        lines += _series(view, release, series, provider)
    return "\n".join([*lines, *_others(release), "</frb:DataSet>", "</message:MessageGroup>", ""])


def _series(view: View, release: _Release, series: Series, provider: Provider) -> list[str]:
    unit, currency, _, multiplier = provider.unit.split()
    if view.is_rescaled:
        multiplier = "1e+09"
    name = provider.code.split("/", 1)[1]
    lines = [
        f'<kf:Series CURRENCY="{currency}" FREQ="{release.frequency}" SERIES_NAME="{name}" UNIT="{unit}" '
        f'UNIT_MULT="{multiplier}">',
        "<frb:Annotations><common:Annotation xmlns:common="
        '"http://www.SDMX.org/resources/SDMXML/schemas/v1_0/common"><common:AnnotationType>Short Description'
        f"</common:AnnotationType><common:AnnotationText>{name}</common:AnnotationText></common:Annotation>"
        "</frb:Annotations>",
    ]
    frame = view.published(series, "federal_reserve")
    texts = printed(frame["value"], series, provider, scale=view.scale)
    days = [period_end(series.frequency, day) for day in frame["period_date"].to_list()]
    rows = list(zip(days, texts, ["A"] * frame.height, strict=True))
    if release.has_weekday_gaps and frame.height:
        rows = sorted(rows + [(day, release.sentinel, "ND") for day in _weekday_gaps(frame)])
    lines += [f'<frb:Obs OBS_STATUS="{status}" OBS_VALUE="{text}" TIME_PERIOD="{day}"/>' for day, text, status in rows]
    return [*lines, "</kf:Series>"]


def _premium(view: View) -> Response:
    """Return the CSV of the excess bond premium: months as M/D/YYYY, and columns that nobody here collects."""
    if not view.market.has("excess_bond_premium", "federal_reserve"):
        return not_found()
    rows = view.values("excess_bond_premium", "federal_reserve").iter_rows()
    lines = [f"{month.month}/{month.day}/{month.year},{value + 1.5:.4f},{value:.4f},0.1" for month, value in rows]
    return Response("\n".join(["date,gz_spread,ebp,est_prob", *lines, ""]).encode(), "text/csv")


def _weekday_gaps(frame: pl.DataFrame) -> list[date]:
    held = frame["period_date"].to_numpy().astype("datetime64[D]")
    days = np.arange(held[0], held[-1] + 1)
    gaps: list[date] = np.setdiff1d(days[np.is_busday(days)], held).tolist()
    return gaps


def _others(release: _Release) -> list[str]:
    """Return series of the same release that nobody here collects: a district's, a monthly mean, sentinels."""
    if release.name == "H41":
        name, period, multiplier, currency, unit = "RESPPLLDT_F02_N.WW", "2012-01-04", "1000000", "USD", "Currency"
    elif release.name == "H15":
        name, period, multiplier, currency, unit = "RIFLGFCY10_N.M", "2012-01-31", "1", "NA", "Percent:_Per_Year"
    else:
        return []
    return [
        f'<kf:Series CURRENCY="{currency}" FREQ="129" SERIES_NAME="{name}" UNIT="{unit}" UNIT_MULT="{multiplier}">',
        f'<frb:Obs OBS_STATUS="NA" OBS_VALUE="{release.sentinel}" TIME_PERIOD="{period}"/>',
        "</kf:Series>",
    ]


def _zipped(document: str, name: str, moment: datetime) -> tuple[bytes, str]:
    """Return the zip and its ETag: the same document gives the same bytes."""
    buffer = io.BytesIO()
    stamp = (moment.year, moment.month, moment.day, moment.hour, moment.minute, 0)
    members = {
        f"{name}_{name}.xsd": _SCHEMA,
        f"{name}_data.xml": document.encode(),
        f"{name}_struct.xml": _SCHEMA,
        "frb_common.xsd": _SCHEMA,
    }
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for member, data in members.items():
            archive.writestr(zipfile.ZipInfo(member, stamp), data, zipfile.ZIP_DEFLATED, compresslevel=1)
    body = buffer.getvalue()
    return body, f'"{hashlib.sha256(body).hexdigest()[:14]}:0"'


HOSTS: Final = {"www.federalreserve.gov": render}
