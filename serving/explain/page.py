"""An explanation as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from serving.cells import moment_cell
from serving.explain.archived import Archived
from serving.explain.cell import Explanation, path_of
from serving.explain.inputs import Input
from serving.explain.recomputed import Again
from serving.query.documents import document_text

_SHOWN_FAILURES = 5

Sources = list[tuple[Input, Archived | None]]


def as_text(one: Explanation, sources: Sources, again: Again | None = None) -> str:
    """Return the explanation as lines for a terminal; moments are New York's."""
    return "\n".join((*_lines(one, sources), *(_again_lines(again) if again else ())))


def document(one: Explanation, sources: Sources, again: Again | None = None) -> dict[str, Any]:
    """Return the explanation as a document; moments are UTC."""
    recomputed = {"recomputed": {**asdict(again), "is_equal": again.is_equal}} if again else {}
    return {
        "mart": one.mart,
        "column": one.column.name,
        "type": one.column.dtype,
        "description": one.column.description,
        "key": one.key,
        "value": one.value,
        "formula": one.formula,
        "known_at": one.known_at,
        "inputs": [_record(found, answer) for found, answer in sources],
        "checks": [{"check": name, "is_passed": passed, "detail": detail} for name, passed, detail in one.checks],
        "build_id": one.build_id,
        "is_simulated": one.is_simulated,
        "notes": one.notes,
        **recomputed,
    }


def as_json(one: Explanation, sources: Sources, again: Again | None = None) -> str:
    """Return the explanation as JSON; moments are UTC."""
    return document_text(document(one, sources, again))


def _lines(one: Explanation, sources: Sources) -> Iterator[str]:
    mark = "SIMULATED  " if one.is_simulated else ""
    key = ", ".join(f"{name} {value}" for name, value in one.key.items())
    yield f"{mark}{path_of(one.mart)}.{one.column.name}, {key}: {_shown(one.value)}"
    yield f"  {one.column.description.removeprefix('SIMULATED. ')}"
    if one.formula is not None:
        yield f"formula   {one.formula}"
    if one.known_at is not None:
        yield f"known at  {moment_cell(one.known_at)} New York"
    yield from (f"note      {note}" for note in one.notes)
    for found, answer in sources:
        yield from _input_lines(found, answer)
    failed = [check for check in one.checks if not check[1]]
    yield f"checks    {len(one.checks) - len(failed)} of {len(one.checks)} passed"
    for name, _, detail in failed[:_SHOWN_FAILURES]:
        yield f"          failed: {name}: {detail or 'no detail'}"
    yield f"release   {one.build_id}"


def _input_lines(one: Input, answer: Archived | None) -> Iterator[str]:
    title = f" ({one.title})" if one.title else ""
    if one.value is None and one.provider is None:
        yield f"input     {one.path}{title}{': no value' if one.period is None and one.unit else ''}"
        return
    unit = f" {one.unit}" if one.unit else ""
    yield f"input     {one.path}{title} = {_shown(one.value)}{unit}, of {one.period}"
    if one.provider is None:
        return
    yield f"          {one.provider}, known {moment_cell(one.known_at)} New York ({one.known_basis})"
    if answer is None:
        yield f"          payload {one.payload_sha256}"
        return
    yield f"          {answer.url}"
    yield f"          asked {answer.fetched_at:%Y-%m-%d %H:%M} UTC, {answer.bytes_count:,} bytes, {one.payload_sha256}"
    if answer.excerpt is not None:
        yield f"          “…{answer.excerpt}…”"
    if answer.problem is not None:
        yield f"          {answer.problem}"
    if answer.is_same is not None:
        same = "parsed again, the archived bytes give this value"
        yield f"          {same if answer.is_same else 'NOT what the archived bytes give when they are parsed again'}"


def _again_lines(again: Again) -> Iterator[str]:
    value = _exact(again.value) if again.has_row else "no such row"
    yield f"again     {value}, the published value is {_exact(again.published)}: {_verdict(again)}"
    many = f"{again.answers_count:,} archived answers of {len(again.publishers)} publishers"
    yield f"          computed from {many}, as of {moment_cell(again.evaluated_at)} New York"
    if again.code_version != again.code_version_now:
        yield f"          by {again.code_version_now}; {again.code_version} built the release"


def _verdict(again: Again) -> str:
    return "equal" if again.is_equal else "DIFFERS"


def _record(one: Input, answer: Archived | None) -> dict[str, Any]:
    found = {name: getattr(one, name) for name in Input.__dataclass_fields__}
    if answer is not None:
        found["archived"] = {name: getattr(answer, name) for name in Archived.__dataclass_fields__}
    return found


def _exact(value: Any) -> str:
    return "no value" if value is None else repr(value) if isinstance(value, float) else str(value)


def _shown(value: Any) -> str:
    return "no value" if value is None else f"{value:,.10g}" if isinstance(value, float) else str(value)
