"""The select of a dbt model over relations of a test: plain Jinja, so dbt is not needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, Final

import jinja2
import yaml

DBT_PROJECT = Path(__file__).parents[1] / "dbt_project"
MODELS = {path.stem: path for path in sorted((DBT_PROJECT / "models").rglob("*.sql"))}
_MACROS = [path for path in sorted((DBT_PROJECT / "macros").glob("*.sql")) if path.stem != "reconciliation"]
_VARIABLES = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
_EXTENSIONS: Final = ("jinja2.ext.do",)
_RETURNS: Final = re.compile(
    r"\{% macro (?P<name>\w+)\((?P<named>[\w, ]*)\) -?%\}\s*\{\{ return\((?P<value>.*?)\) \}\}\s*\{%-? endmacro %\}",
    re.DOTALL,
)
"""A macro that is one value: dbt has return(), Jinja makes text of every macro."""


def model_sql(name: str, relations: Mapping[str, str], run_at: str = "null::timestamp") -> str:
    """Return the select of the model `name`; `relations`: what stands for each ref, and for each source by its table.

    `run_at`: the moment of the run's clock, in SQL.
    """
    environment = jinja2.Environment(autoescape=False, extensions=_EXTENSIONS)
    environment.globals |= {
        "ref": relations.__getitem__,
        "source": lambda _schema, table: relations[table],
        "config": lambda **_: "",
        "var": {**_VARIABLES, "origin": "SIMULATED"}.__getitem__,
    }
    returns, code = _compiled(name, run_at)
    environment.globals |= {found["name"]: _value_of(environment, found) for found in returns}
    return jinja2.Template.from_code(environment, code, environment.globals).render()


@cache
def _compiled(name: str, run_at: str) -> tuple[list[re.Match[str]], CodeType]:
    """Return the macros that are values, and the others with the model as code: the same for all relations."""
    macros = {path.stem: path.read_text(encoding="utf-8") for path in _MACROS}
    macros["run_at"] = "{% macro run_at() %}" + run_at + "{% endmacro %}"
    texts = "".join(macros.values())
    source = _RETURNS.sub("", texts) + MODELS[name].read_text(encoding="utf-8")
    code = jinja2.Environment(autoescape=False, extensions=_EXTENSIONS).compile(source)
    return list(_RETURNS.finditer(texts)), code


def _value_of(environment: jinja2.Environment, found: re.Match[str]) -> Callable[..., Any]:
    value = environment.compile_expression(found["value"])
    names = [name.strip() for name in found["named"].split(",") if name.strip()]
    return lambda *given: value(dict(zip(names, given, strict=True)))
