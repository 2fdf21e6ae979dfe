"""The dashboard for Superset: what the zip holds, and (slow) that a real Superset imports it and answers every chart.

The slow test needs a Superset in an environment of its own, named by TIDEGAUGE_SUPERSET_PYTHON: its packages and ours
do not go together. `python -m venv SOMEWHERE`, then `pip install apache-superset duckdb duckdb-engine rich cachetools
flask-caching==2.3.1 cachelib==0.13.0` there.
"""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml

from scripts.superset_export import write_export

PYTHON = os.environ.get("TIDEGAUGE_SUPERSET_PYTHON")  # read before the tests' own environment is made

ASK = """
import json, sys
from superset.app import create_app
app = create_app()
app.config["WTF_CSRF_ENABLED"] = False
login = {"username": "admin", "password": "admin", "provider": "db"}
token = app.test_client().post("/api/v1/security/login", json=login).json["access_token"]
own = {"Authorization": f"Bearer {token}"}
charts = app.test_client().get("/api/v1/chart/?q=(page_size:100)", headers=own).json["result"]
found = {}
for one in charts:
    answer = app.test_client().get(f"/api/v1/chart/{one['id']}/data/", headers=own)
    is_well = answer.status_code == 200
    found[one["slice_name"]] = [q["rowcount"] for q in answer.json["result"]] if is_well else str(answer.json)
shown = app.test_client().get("/api/v1/dashboard/tidegauge", headers=own).json["result"]
print("FOUND " + json.dumps([shown["dashboard_title"], found]))
"""


def content(path: Path) -> dict[str, dict]:
    with zipfile.ZipFile(path) as made:
        return {name: yaml.load(made.read(name), yaml.CSafeLoader) for name in made.namelist()}


def test_the_export_draws_what_the_file_declares(demo_home: Path, tmp_path: Path):
    out = tmp_path / "superset.zip"
    write_export(demo_home / "published" / "tidegauge.duckdb", out, count=9)
    files = content(out)
    charts = {one["uuid"]: one for name, one in files.items() if "/charts/" in name}
    datasets = {one["uuid"]: one for name, one in files.items() if "/datasets/" in name}
    (database,) = (one for name, one in files.items() if "/databases/" in name)
    (dashboard,) = (one for name, one in files.items() if "/dashboards/" in name)
    assert len(charts) == 9
    assert database["extra"]["engine_params"]["connect_args"] == {"read_only": True}
    assert {one["database_uuid"] for one in datasets.values()} == {database["uuid"]}
    places = [one for one in dashboard["position"].values() if isinstance(one, dict)]
    placed = {one["meta"]["uuid"] for one in places if one["type"] == "CHART"}
    assert placed == set(charts)
    for one in charts.values():
        columns = {column["column_name"] for column in datasets[one["dataset_uuid"]]["columns"]}
        queries = json.loads(one["query_context"])["queries"]
        drawn = {metric["column"]["column_name"] for query in queries for metric in query["metrics"]}
        assert drawn | {one["params"]["x_axis"]} <= columns
        assert (len(queries) == 2) == (one["viz_type"] == "mixed_timeseries")
    assert dashboard["dashboard_title"].startswith("SIMULATED")


def test_an_export_is_the_same_each_time_and_takes_another_database(demo_home: Path, tmp_path: Path):
    published = demo_home / "published" / "tidegauge.duckdb"
    for name in ("one.zip", "two.zip"):
        write_export(published, tmp_path / name, uri="postgresql://reader@localhost/markets", count=1)
    assert content(tmp_path / "one.zip") == content(tmp_path / "two.zip")
    (database,) = (one for name, one in content(tmp_path / "one.zip").items() if "/databases/" in name)
    assert database["sqlalchemy_uri"] == "postgresql://reader@localhost/markets"
    assert database["extra"] == {}


@pytest.mark.slow
@pytest.mark.skipif(PYTHON is None, reason="TIDEGAUGE_SUPERSET_PYTHON names no Python that has Superset")
def test_superset_imports_the_dashboard_and_answers_every_chart(demo_home: Path, tmp_path: Path):
    out = tmp_path / "superset.zip"
    write_export(demo_home / "published" / "tidegauge.duckdb", out, count=12)
    config = tmp_path / "superset_config.py"
    config.write_text(
        f"SECRET_KEY = {'only for this test ' * 3!r}\nSQLALCHEMY_DATABASE_URI = 'sqlite:///{tmp_path}/superset.db'\n"
        "PREVENT_UNSAFE_DB_CONNECTIONS = False\n"
    )
    own = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "SUPERSET_CONFIG_PATH": str(config),
        "FLASK_APP": "superset",
    }
    command = str(Path(str(PYTHON)).with_name("superset"))

    def superset(*arguments: str) -> None:
        ran = subprocess.run([command, *arguments], env=own, capture_output=True, text=True, timeout=600)
        assert ran.returncode == 0, ran.stderr[-3000:]

    superset("db", "upgrade")
    names = ["--username", "admin", "--password", "admin", "--firstname", "a", "--lastname", "b", "--email", "a@b.c"]
    superset("fab", "create-admin", *names)
    superset("init")
    superset("import-dashboards", "-p", str(out), "-u", "admin")
    ran = subprocess.run([str(PYTHON), "-c", ASK], env=own, capture_output=True, text=True, timeout=600)
    (line,) = (one for one in ran.stdout.splitlines() if one.startswith("FOUND "))
    title, found = json.loads(line.removeprefix("FOUND "))
    assert title == "SIMULATED: Market liquidity"
    assert len(found) == 12
    assert all(isinstance(rows, list) and rows and min(rows) > 0 for rows in found.values()), found
