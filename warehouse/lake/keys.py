"""Secrets of a connection for the lake: the catalog's password, and the keys of S3 from the environment or `.env`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import duckdb

from ingest import secrets
from ingest.errors import ConfigError
from ingest.settings import ENV_FILE
from warehouse.lake.setting import Lake
from warehouse.sql import quoted

_KEY, _SECRET, _TOKEN = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
_REGION: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")
_ENDPOINT: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""A server that is not Amazon's; it is asked by path, http:// without TLS."""


def catalog_secret(name: str) -> str:
    """Return the name of the secret that holds the password of the lake attached as `name`."""
    return f"{name}_catalog"


def data_secret(name: str) -> str:
    """Return the name of the secret that holds the keys of its bucket."""
    return f"{name}_data"


def create_secrets(con: duckdb.DuckDBPyConnection, lake: Lake, name: str) -> None:
    """Give the connection what it needs to log in; ConfigError names the variables that are missing."""
    if lake.password is not None:
        con.execute(
            f"create or replace temporary secret {quoted(catalog_secret(name))} (type postgres, password $password)",
            {"password": lake.password.get_secret_value()},
        )
    if lake.is_on_s3:
        options = {**s3_options(), "scope": lake.data}
        named = ", ".join(f"{option} ${option}" for option in options)
        con.execute(
            f"create or replace temporary secret {quoted(data_secret(name))} (type s3, provider config, {named})",
            options,
        )


def drop_secrets(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Take back what create_secrets gave."""
    for secret in (catalog_secret(name), data_secret(name)):
        con.execute(f"drop temporary secret if exists {quoted(secret)}")


def s3_options() -> dict[str, str | bool]:
    """Return the options of DuckDB's S3 secret; the keys among them are guarded from here on."""
    found = _configured()
    missing = [name for name in (_KEY, _SECRET) if not found.get(name)]
    if missing:
        raise ConfigError(f"TIDEGAUGE_LAKE has its data on S3: set {' and '.join(missing)}")
    secrets.guard(found[_SECRET], found.get(_TOKEN, ""))
    options: dict[str, str | bool] = {"key_id": found[_KEY], "secret": found[_SECRET]}
    if token := found.get(_TOKEN):
        options["session_token"] = token
    if region := _first(found, _REGION):
        options["region"] = region
    if endpoint := _first(found, _ENDPOINT):
        parts = urlsplit(endpoint if "//" in endpoint else f"https://{endpoint}")
        options |= {"endpoint": parts.netloc, "url_style": "path", "use_ssl": parts.scheme != "http"}
    return options


def object_store_options() -> dict[str, str]:
    """Return the same as polars' object store wants it."""
    found = s3_options()
    options = {"aws_access_key_id": str(found["key_id"]), "aws_secret_access_key": str(found["secret"])}
    for name, option in (("session_token", "aws_session_token"), ("region", "aws_region")):
        if name in found:
            options[option] = str(found[name])
    if "endpoint" in found:
        options["aws_endpoint_url"] = f"{'https' if found['use_ssl'] else 'http'}://{found['endpoint']}"
        options["aws_allow_http"] = str(not found["use_ssl"]).lower()
    return options


def s3_client() -> Any:
    """Return pyarrow's file system of S3 with the same keys: what writes files, lists and removes them."""
    from pyarrow.fs import S3FileSystem

    found = s3_options()
    options = {"access_key": found["key_id"], "secret_key": found["secret"]}
    for name in ("session_token", "region"):
        if name in found:
            options[name] = found[name]
    if "endpoint" in found:
        options |= {"endpoint_override": found["endpoint"], "scheme": "https" if found["use_ssl"] else "http"}
    return S3FileSystem(**options)


def _configured() -> Mapping[str, str]:
    """Return the variables of S3: those of the environment come before those of `.env`."""
    names = (_KEY, _SECRET, _TOKEN, *_REGION, *_ENDPOINT)
    found: dict[str, str] = {}
    if Path(ENV_FILE).is_file():
        from dotenv import dotenv_values

        found = {name: value for name, value in dotenv_values(ENV_FILE).items() if name in names and value}
    return found | {name: value for name in names if (value := os.environ.get(name))}


def _first(found: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((found[name] for name in names if found.get(name)), None)
