# Each target sets itself up. `make help` lists them.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
# Nothing of the caller's Python environment leaks in.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DAGSTER_DISABLE_TELEMETRY := yes
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
DBT_FILES := $(shell find dbt_project -name target -prune -o -type f -print)
.PHONY: help setup demo scale-demo run ui real test test-slow bench lint generate clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.parsed  ## install the packages into .venv (done by every other target)

$(VENV)/.ready: requirements.txt requirements-dev.txt requirements-scale.txt requirements-duckdb-next.txt pyproject.toml scripts/setup
	@scripts/setup $(VENV)

# dbt's manifest names the assets: the project is parsed once, beside the environment, and again when it changes.
$(VENV)/.parsed: $(VENV)/.ready $(DBT_FILES)
	@$(PY) -m orchestration.dbt_parsed && touch $@

demo: setup  ## the whole pipeline on a simulated market: no key, no network
	@$(VENV)/bin/tidegauge demo

scale-demo: setup  ## the demo without and with a lake (PostgreSQL, S3, Dask on this machine), compared row by row
	@$(PY) -m orchestration.scale_demo

run: setup  ## the daily job against the real publishers
	@$(VENV)/bin/tidegauge run

ui: setup  ## Dagster's web pages on http://127.0.0.1:3000
	@$(VENV)/bin/tidegauge ui

real: setup  ## the whole pipeline over the folder that TIDEGAUGE_REAL_DATA names
	@$(VENV)/bin/tidegauge real

# mypy needs one core for a minute: beside the tests, not before them. Either one that fails fails both.
test: setup  ## the tests, on up to four cores, and lint beside them
	@$(MAKE) --no-print-directory lint >$(VENV)/lint.log 2>&1 & lint=$$!; \
	$(PY) -m pytest -q -n auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder; tests=$$?; \
	wait $$lint; lint=$$?; cat $(VENV)/lint.log; exit $$((tests ? tests : lint))

test-slow: setup  ## the tests that take minutes
	@$(PY) -m pytest -q -m slow

bench: setup  ## what is fast, beside what people would use instead
	@$(PY) -m bench

lint: setup  ## ruff, mypy, import directions
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy && $(VENV)/bin/lint-imports >/dev/null

generate: setup  ## write what is generated: dbt's raw sources, docs/tables.md, tables of docs/method.md and docs/sources.md
	@$(PY) -m docs.generate

clean:  ## remove everything that was generated, the data folder excepted
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
