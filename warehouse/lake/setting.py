"""TIDEGAUGE_LAKE, one address for the lake: its catalog, where its data lies, and what computes over it.

    postgresql://user[:password]@host[:port]/database?data=s3://bucket/prefix/&engine=tcp://scheduler:8786

`data` is a prefix of an S3 bucket or an absolute folder. `engine` is the scheduler of Dask (tcp://, tls://), a server
of the Spark API (sc://), or `local`, as where it is missing. Every other parameter goes to libpq as it is. A password
may stand in the address, else libpq finds it as always (PGPASSWORD, .pgpass). It is in no text that is made here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from pydantic import SecretStr

from ingest import secrets
from ingest.errors import ConfigError
from ingest.settings import Settings

LOCAL: Final = "local"

_NAME: Final = "TIDEGAUGE_LAKE"
_FORM: Final = "postgresql://user@host/database?data=s3://bucket/prefix/ (or an absolute folder)"
_SCHEMES: Final = frozenset({"postgresql", "postgres"})
_ENGINES: Final = frozenset({"tcp", "tls", "sc"})


@dataclass(frozen=True)
class Lake:
    """Where the lake is. `catalog` is a libpq connection string without password, `data` ends in a slash."""

    catalog: str
    data: str
    engine: str = LOCAL
    address: str = ""
    """The setting without password and engine, as a published file names its lake."""
    password: SecretStr | None = field(default=None, repr=False, compare=False)

    @property
    def is_on_s3(self) -> bool:
        """Say whether the data lies in a bucket."""
        return self.data.startswith("s3://")


def configured(settings: Settings) -> Lake | None:
    """Return the lake of some settings, None where there is none; ConfigError as `lake_of`."""
    return None if settings.lake is None else lake_of(settings.lake.get_secret_value())


def lake_of(text: str) -> Lake:
    """Read the setting; ConfigError says what is wrong with it and never repeats the password."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise _unusable(str(error) if "port" in str(error).lower() else "it is no address") from None
    parameters = _parameters(parts)
    password = parameters.pop("password", None) or unquote(parts.password or "") or None
    if password is not None:
        secrets.guard(password)
    if parts.scheme not in _SCHEMES:
        raise _unusable(f"it begins with {parts.scheme or 'no scheme'}, expected postgresql://")
    data = _data(parameters.pop("data", ""))
    engine = _engine(parameters.pop("engine", LOCAL))
    database = unquote(parts.path.removeprefix("/"))
    if not database or "/" in database:
        raise _unusable("it names no database")
    words = {"host": parts.hostname, "port": port and str(port), "user": unquote(parts.username or "")}
    kept = {name: word for name, word in {**words, "dbname": database, **parameters}.items() if word}
    catalog = " ".join(f"{name}={_value(word)}" for name, word in kept.items())
    return Lake(catalog, data, engine, _address(parts, {"data": data, **parameters}), password and SecretStr(password))


def _parameters(parts: SplitResult) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if not name.replace("_", "").isalnum():
            raise _unusable("one of its parameters has a name that is no word")
        if name in found:
            raise _unusable(f"the parameter {name} stands in it twice")
        found[name] = value
    return found


def _data(text: str) -> str:
    """Return where the data lies, with a slash at its end."""
    if text.startswith("s3://"):
        bucket, _, prefix = text.removeprefix("s3://").strip("/").partition("/")
        if len(bucket) < 3 or {"", ".", ".."} & set(prefix.split("/") if prefix else ()):
            raise _unusable(f"data={text} names no bucket (of three characters or more) and prefix")
        return "/".join(filter(None, ("s3:/", bucket, prefix))) + "/"
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts:
        raise _unusable(f"data={text or '(missing)'}: expected s3://bucket/prefix/ or an absolute folder")
    return str(path).rstrip("/") + "/"


def _engine(text: str) -> str:
    if text in ("", LOCAL):
        return LOCAL
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in _ENGINES and bool(parts.hostname and parts.port) and parts.username is None
    except ValueError:
        is_address = False
    if not is_address:
        raise _unusable("engine= is neither tcp://host:port (Dask), sc://host:port (Spark API) nor local")
    return text


def _value(word: str) -> str:
    """Return a value as libpq's connection strings want it."""
    if word and not set(word) & set(" '\\"):
        return word
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _address(parts: SplitResult, parameters: dict[str, str]) -> str:
    user = f"{quote(unquote(parts.username), safe='')}@" if parts.username else ""
    host = parts.netloc.rpartition("@")[2]
    return f"postgresql://{user}{host}{parts.path}?{urlencode(parameters, safe=':/')}"


def _unusable(reason: str) -> ConfigError:
    return ConfigError(f"setting {_NAME}: {reason}. Expected {_FORM}")
