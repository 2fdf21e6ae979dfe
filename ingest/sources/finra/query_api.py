"""FINRA's Query API: questions are posted as JSON, answers come in pages of up to 5,000 rows.

It is asked with a token where the user has a key (TIDEGAUGE_FINRA_CLIENT_ID and _SECRET), keyless otherwise.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ingest.connector import FetchContext
from ingest.errors import NotConfigured, SourceRefused
from ingest.paging import MAX_PAGES
from ingest.payload import Payload
from ingest.readers.parsing import changed, json_of, quoted

DATA_URL: Final = "https://api.finra.org/data/group/otcMarket/name/"
GRANT_URL: Final = "https://ews.fip.finra.org/fip/rest/ews/oauth2/access_token?grant_type=client_credentials"
PAGE: Final = 5000
NO_KEY: Final = (
    "not asked further: FINRA refuses to answer without a key; a free one is had at developer.finra.org, put"
    " TIDEGAUGE_FINRA_CLIENT_ID and TIDEGAUGE_FINRA_CLIENT_SECRET into .env"
)


def equal(name: str, value: str) -> Mapping[str, str]:
    """Return the filter for rows whose field has a value."""
    return {"compareType": "EQUAL", "fieldName": name, "fieldValue": value}


def page_name(name: str, number: int) -> str:
    """Return the name of the answer with that page of a question, counted from 0."""
    return f"{name}, page {number + 1}"


def pages(
    context: FetchContext,
    dataset_name: str,
    name: str,
    filters: Sequence[Mapping[str, str]],
    meta: Mapping[str, str],
    granted: Mapping[str, str] | None = None,
) -> Iterator[Payload]:
    """Yield the pages of one question until one is not full; NotConfigured where FINRA wants a key and there is none.

    `granted` are the headers of a token that was asked for before.
    """
    headers = authorised(context) if granted is None else granted
    seen: set[str] = set()
    for number in range(MAX_PAGES):
        question: dict[str, Any] = {"limit": PAGE, "offset": number * PAGE, "compareFilters": list(filters)}
        try:
            page = context.http.get(
                "finra",
                page_name(name, number),
                DATA_URL + dataset_name,
                headers={"Accept": "application/json", "Content-Type": "application/json", **headers},
                meta=meta,
                body=json.dumps(question).encode(),
            )
        except SourceRefused:
            if headers:
                raise
            raise NotConfigured("finra", name, NO_KEY) from None
        yield page
        rows = json_of(page, "a JSON list of rows")
        if not isinstance(rows, list):
            raise changed(page, "a JSON list of rows", quoted(rows))
        if len(rows) < PAGE:
            return
        if page.sha256 in seen:
            raise changed(page, f"page {number + 1}", "a page that came before")
        seen.add(page.sha256)
    raise changed(page, f"at most {MAX_PAGES} pages", "more")


def authorised(context: FetchContext) -> dict[str, str]:
    """Return the header of a token, asked for with the user's key; none without a key."""
    client, secret = context.settings.finra_client_id, context.settings.finra_client_secret
    if client is None or secret is None:
        return {}
    pair = f"{client.get_secret_value()}:{secret.get_secret_value()}"
    basic = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {"Authorization": f"Bearer {context.http.token('finra', 'access token', GRANT_URL, headers=basic)}"}
