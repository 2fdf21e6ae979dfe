"""How a table of the published file is declared, and those that publication itself writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from warehouse.sql import quoted


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table of the published file: its schema, name, comment and columns as (name, type, comment)."""

    schema: str
    name: str
    comment: str | None
    columns: tuple[tuple[str, str, str | None], ...]  # name, type, comment

    @property
    def path(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"


# Descriptions of columns that a dbt model has too are those of its doc blocks (dbt_project/models/docs).
_RUN_ID: Final = "The run that wrote the row"

BUILD: Final = PublishedTable(
    "meta",
    "build",
    "Which release this file is. One row.",
    (
        ("build_id", "varchar", "Moment and content of the release: unique and sortable"),
        ("built_at", "timestamp", "UTC; the moment of the run that built it"),
        ("run_id", "varchar", _RUN_ID),
        ("code_version", "varchar", "Version of the code that built it"),
        ("origin", "varchar", "What the figures are: LIVE, SIMULATED or REAL FOLDER"),
        ("is_simulated", "boolean", "The figures come from the simulated market"),
        (
            "data_through_date",
            "date",
            "Newest date with data: of a series its newest period with a value, of a release its newest session with a "
            "row in the marts",
        ),
        (
            "content_sha256",
            "varchar",
            "Fingerprint of the marts, their schema and comments, the freshness states and the code version",
        ),
        ("tables_count", "bigint", "Tables in the schema marts"),
        ("rows_count", "bigint", "Rows in the schema marts"),
    ),
)
_CHECKED: Final = (
    ("run_id", "varchar", _RUN_ID),
    ("stage", "varchar", "gate, dbt, reconciliation, freshness or regimes"),
    ("asset", "varchar", "The table that a check guards; of other assets the one that a row is about"),
    ("check_name", "varchar", "The check"),
    (
        "severity",
        "varchar",
        "error: something is wrong; warn: worth a look. Which failure stops a release says is_blocking",
    ),
    (
        "is_blocking",
        "boolean",
        "A failure stops the release, so a published file has none: error-level checks of the marts and the regimes. "
        "Checks of a source never stop a release: they quarantine its rows or its whole answer, or only warn",
    ),
    ("is_passed", "boolean", "The check passed"),
    ("failed_count", "bigint", "Rows that failed, where rows were counted"),
    ("detail", "varchar", "What was expected and seen"),
    ("checked_at", "timestamp", "UTC; when it was checked"),
)
QUALITY: Final = PublishedTable(
    "meta",
    "quality",
    "Every check of the run that built this file. One row per stage, asset and check.",
    _CHECKED,
)
CHECKS: Final = PublishedTable(
    "meta",
    "checks",
    "Every check of every run up to this file; `tidegauge rebuild` restores it when the warehouse is lost. "
    "One row per run, stage, asset and check.",
    _CHECKED,
)
RUNS: Final = PublishedTable(
    "meta",
    "runs",
    "The states of each run up to this file: started, built, published, unchanged or failed; `tidegauge rebuild` "
    "restores it when the warehouse is lost. One row per run and change of state.",
    (
        ("run_id", "varchar", _RUN_ID),
        ("started_at", "timestamp", "UTC; when it started"),
        ("finished_at", "timestamp", "UTC; when it came to this state; NULL when it started"),
        ("state", "varchar", "The state; the table's description says what each one means"),
        ("reason", "varchar", "Why a run failed, or why a person let an answer in"),
        ("recorded_at", "timestamp", "UTC; when this was recorded"),
    ),
)
REGIME_LEDGER: Final = PublishedTable(
    "meta",
    "regime_ledger",
    "The regime rows that cannot be computed again from the archive: those that were lived, and those of older model "
    "versions; "
    "`tidegauge rebuild` restores them when the warehouse is lost. Read marts.regime_daily instead. "
    "One row per session, cut-off and model version.",
    (
        ("session_date", "date", "The NYSE session"),
        ("cutoff_name", "varchar", "next_morning: 09:15 New York on the next session; at_close: 16:15 on the day"),
        ("model_version", "varchar", "Version of rules and thresholds"),
        (
            "basis",
            "varchar",
            "lived: computed before the next session's cut-off, as published that morning; reconstructed: later, from "
            "the moments at which values became known",
        ),
        ("computed_at", "timestamp", "UTC; when the row was computed"),
        ("row_json", "varchar", "The whole row of the ledger, column by name (JSON)"),
    ),
)
ACCEPTANCES: Final = PublishedTable(
    "meta",
    "acceptances",
    "Answers that were held and that a person let in (`tidegauge accept`); `tidegauge rebuild` honours them. "
    "One row per table, group, check and answer.",
    (
        ("source", "varchar", "Id of the source"),
        ("table_id", "varchar", "The raw table"),
        (
            "group_name",
            "varchar",
            "Of a reading its heading; of an answer its series, ticker or fund; empty or NULL without one",
        ),
        ("check_name", "varchar", "The check"),
        ("batch_at", "timestamp", "UTC; when the source began to be asked"),
        (
            "payload_sha256",
            "varchar",
            "SHA-256 of the archived payload: the way from a figure back to the bytes, by meta.payloads",
        ),
        ("reason", "varchar", "Why a run failed, or why a person let an answer in"),
        ("accepted_by", "varchar", "Who accepted it"),
        ("accepted_at", "timestamp", "UTC; when"),
    ),
)
AS_OF: Final = PublishedTable(
    "meta",
    "as_of",
    "How each mart is read at a past moment, or why it cannot be. One row per mart.",
    (
        ("mart", "varchar", "Table of the schema marts"),
        ("is_readable", "boolean", "There are marts.<mart>_as_of(ts) and marts.<mart>_at"),
        ("how_text", "varchar", "What they rest on; where there are none, why"),
    ),
)
READINGS: Final = PublishedTable(
    "meta",
    "readings",
    "The headline figures: which column of which mart each is, in the order in which the report shows them. "
    "One row per reading.",
    (
        ("reading_position", "bigint", "Place in the order of all readings, from 1"),
        (
            "group_name",
            "varchar",
            "Of a reading its heading; of an answer its series, ticker or fund; empty or NULL without one",
        ),
        ("label", "varchar", "Name under which it is shown"),
        ("shown_unit", "varchar", "Unit in words; two lines of a chart that have the same share an axis"),
        ("decimals_count", "bigint", "Decimals with which it is shown"),
        ("mart", "varchar", "Table of the schema marts"),
        ("column_name", "varchar", "Column of that table"),
        ("period_column", "varchar", "Column that orders the rows of that table"),
        ("rows_column", "varchar", "Only rows in which this column has the value rows_value; NULL for all rows"),
        ("rows_value", "varchar", "See rows_column"),
        ("date_columns", "varchar", "The reading is for the earliest of these, comma between; NULL: of period_column"),
        ("known_at_columns", "varchar", "It was known at the latest of these, comma between; NULL for an observation"),
        (
            "series_ids",
            "varchar",
            "Series whose freshness it has, the worst of them, comma between; NULL: by the sessions that closed since",
        ),
        (
            "observation_series_id",
            "varchar",
            "The reading is the newest observation of this series, not the newest row of the column; NULL otherwise",
        ),
        ("published_series_id", "varchar", "Shown instead where its newest period is later; NULL for none"),
    ),
)
CHARTS: Final = PublishedTable(
    "meta",
    "charts",
    "The charts of the report: which columns of which mart each draws. One row per chart and line.",
    (
        ("chart_position", "bigint", "Place in the order of all charts, from 1"),
        ("chart_title", "varchar", "Title of the chart"),
        ("years_count", "bigint", "Years: of a chart those back from the newest value, of a mean those in its window"),
        ("mart", "varchar", "Table of the schema marts"),
        ("period_column", "varchar", "Column that orders the rows of that table"),
        ("rows_column", "varchar", "Only rows in which this column has the value rows_value; NULL for all rows"),
        ("rows_value", "varchar", "See rows_column"),
        ("line_position", "bigint", "Place of the line in the chart: 1 or 2"),
        ("label", "varchar", "Name under which it is shown"),
        ("column_name", "varchar", "Column of that table"),
        ("shown_unit", "varchar", "Unit in words; two lines of a chart that have the same share an axis"),
    ),
)
KEYS: Final = PublishedTable(
    "meta",
    "keys",
    "The columns that together name one row of a mart; a test holds them unique. One row per mart and key column.",
    (
        ("mart", "varchar", "Table of the schema marts"),
        ("key_position", "bigint", "Place in the key, from 1"),
        ("column_name", "varchar", "Column of that table"),
    ),
)
LINEAGE: Final = PublishedTable(
    "meta",
    "lineage",
    "Where each column of marts and meta comes from, read from the SQL that built it: raw tables, other published "
    "columns, or series of marts.observations. Columns that no SQL made are not here: their descriptions say how they "
    "are computed. One row per table, column and input.",
    (
        ("table_path", "varchar", "Schema and name of the table"),
        ("column_name", "varchar", "Column of that table"),
        (
            "formula_text",
            "varchar",
            "The expression that makes it; NULL where it is taken as it is, or in several",
        ),
        ("input_path", "varchar", "Schema and name of the table that it reads; raw tables are in the build file only"),
        ("input_column", "varchar", "Column that it reads; NULL: not one alone"),
        ("input_series_id", "varchar", "The one series that it reads of marts.observations; NULL otherwise"),
    ),
)
PUBLISH_TABLES: Final = (
    *(BUILD, QUALITY, AS_OF, RUNS, CHECKS, REGIME_LEDGER, ACCEPTANCES, READINGS, CHARTS),
    *(KEYS, LINEAGE),
)
"""What publication itself writes; every other table of the file is a dbt model or of the regimes."""
