"""Verdicts in plain sentences, English and Chinese. They say what was found and advise nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_OPENING: Final[Mapping[str, tuple[str, str]]] = {
    "supported": ("The record supports it", "历史记录支持这一说法"),
    "weak": ("The record leans towards it, weakly", "历史记录略微支持，但证据薄弱"),
    "not_supported": ("The record does not support it", "历史记录不支持这一说法"),
    "refuted": ("The record is against it", "历史记录与之相反"),
    "pending": ("It cannot be judged yet", "尚无法判断"),
    "untestable_public": ("Public data cannot test it", "公开数据无法检验"),
}
_FACT: Final[Mapping[str, tuple[str, str]]] = {
    "supported": ("The figures said are right", "所述数字属实"),
    "weak": ("The figures are of a different scope than they seem", "所述数字的口径与字面不同"),
    "refuted": ("The figures said are not those of the record", "所述数字与记录不符"),
}


def of_test(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the sentence of a tested claim from its headline row."""
    en, zh = _OPENING[row["verdict"]]
    count, hit = row.get("n_events"), row.get("hit_ratio")
    if not count or hit is None:
        why = row.get("verdict_reason") or ""
        return f"{en}: {why}.", f"{zh}（英文原因见 claims.results）。"
    unit = (row["horizon_unit"], "天" if row["horizon_unit"] == "days" else "个交易日")
    base = row.get("baseline_ratio")
    beside = f", against {base:.0%} of all sessions" if base is not None else ""
    beside_zh = f"，全部交易日为 {base:.0%}" if base is not None else ""
    return (
        f"{en}: {count} events, {hit:.0%} of them hits within {row['horizon_count']} {unit[0]}{beside}"
        f" (p {_shown(row['p_shift'])}).",
        f"{zh}：{count} 次事件，{row['horizon_count']} {unit[1]}内命中 {hit:.0%}{beside_zh}"
        f"（p 值 {_shown(row['p_shift'])}）。",
    )


def of_fact(verdict: str) -> tuple[str, str]:
    """Return the sentence of a claim that is held against its figures."""
    en, zh = _FACT.get(verdict, _OPENING["pending"])
    return f"{en}: see claims.facts.", f"{zh}：见 claims.facts。"


def of_forecast(states: Mapping[str, int]) -> tuple[str, str]:
    """Return the sentence of a forecast from how many of its parts are in which state."""
    words = {"open": "尚未到期", "right": "应验", "wrong": "落空", "unknown": "缺数据"}
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    zh = "，".join(f"{count} 项{words[state]}" for state, count in states.items())
    return f"A dated forecast: {told}.", f"有期限的预测：{zh}。"


def _shown(p: float | None) -> str:
    return "—" if p is None else f"{p:.3f}"
