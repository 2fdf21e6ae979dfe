"""What `tidegauge run --plan` says of a first run, against what the first run really asked, host by host."""

from __future__ import annotations

from collections import Counter

import pytest

from ingest.catalog import load_catalog
from ingest.settings import Settings
from orchestration.plan import plan
from tests.pipeline.small import FIRST, asked_by_first

FACTOR, FEW = 1.5, 3
ELSEWHERE = {
    "api.fiscaldata.treasury.gov": "eight pages of the whole history; at the moment of the first run it fits one",
    "api.finra.org": "twenty-six weeks of volume; at the moment of the first run two had been published",
    "efts.sec.gov": "as many days a run as the settings say: fewer here",
    "fc.yahoo.com": "cookies, which no answer is made of",
    "guce.yahoo.com": "consent to cookies",
    "query1.finance.yahoo.com": "a crumb, and charts where the other host fails",
}


def test_a_first_run_asks_about_what_the_plan_said(first, monkeypatch: pytest.MonkeyPatch):
    # as if nothing had landed, but with the symbols of this small index instead of those of the real one
    monkeypatch.setattr("orchestration.plan._landed", lambda con: frozenset({"nobody"}))
    settings = Settings(_env_file=None, home=first.home.root, now=FIRST)
    planned = {one.host: one.requests for one in plan(settings, load_catalog(), first.home)}
    asked = Counter(path.lstrip("/").split("/")[0] for path in asked_by_first(first))
    assert asked.keys() - planned.keys() <= ELSEWHERE.keys(), "no host is asked that the plan does not name"
    wrong = {
        host: (count, asked[host])
        for host, count in planned.items()
        if host not in ELSEWHERE
        and abs(count - asked[host]) > FEW
        and not 1 / FACTOR <= asked[host] / max(count, 1) <= FACTOR
    }
    assert wrong == {}, "host: (planned, asked)"
    assert sum(asked.values()) > 200
