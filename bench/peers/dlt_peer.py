"""Copies all charges of a Stripe account into Postgres with dlt, and prints what that took as one line of JSON.

Started by `bench/peers/run dlt`. The source is dlt's own `rest_api`, as its documentation sets it up for an API that
pages by the id of the last object; workers, batches and file format stay at dlt's defaults.
"""

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import time

# Before dlt is imported, which reads them then. A benchmark calls nobody but the two servers it was given.
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"

import dlt  # noqa: E402
import psycopg2  # noqa: E402
from dlt.destinations.impl.postgres.configuration import PostgresCredentials  # noqa: E402
from dlt.sources.rest_api import rest_api_source  # noqa: E402

SCHEMA = "dlt_peer"


def main() -> None:
    options = parse_options()
    # The pipeline keeps its state and what it has extracted in files; they go when the run is over.
    files = tempfile.mkdtemp(prefix="dlt-", dir=options.dir)
    try:
        refuse_unless_empty(options.database_url)
        seconds = copy_charges(options, files)
    finally:
        shutil.rmtree(files, ignore_errors=True)
    rows = ask(options.database_url, f'SELECT count(*) FROM "{SCHEMA}".charges')
    if options.charges is not None and rows != options.charges:
        sys.exit(f"dlt: the table holds {rows} charges, expected {options.charges}")
    result = {
        "name": "dlt",
        "version": dlt.__version__,
        "rows": rows,
        "seconds": round(seconds, 3),
        "rowsPerSec": round(rows / seconds, 1),
        "peakRssMb": peak_rss_mb(),
    }
    print(json.dumps(result, separators=(",", ":")))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    parser.add_argument("--api-base", required=True)
    parser.add_argument("--api-key", required=True)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--charges", type=int)
    return parser.parse_args()


def copy_charges(options: argparse.Namespace, files: str) -> float:
    """The seconds from the first request to the last commit. dlt makes its tables in the same step, so the making of
    tables is in the figure; it takes well under a second."""
    source = rest_api_source(
        {
            "client": {
                "base_url": options.api_base,
                "auth": {"type": "bearer", "token": options.api_key},
                "paginator": {
                    "type": "cursor",
                    "cursor_path": "data[-1].id",
                    "cursor_param": "starting_after",
                    "has_more_path": "has_more",
                },
            },
            "resources": [
                {
                    "name": "charges",
                    "primary_key": "id",
                    "write_disposition": "merge",
                    "endpoint": {"path": "v1/charges", "params": {"limit": 100}, "data_selector": "data"},
                }
            ],
        },
        name="stripe",
    )
    pipeline = dlt.pipeline(
        pipeline_name="stripe",
        pipelines_dir=files,
        destination=dlt.destinations.postgres(credentials=credentials(options.database_url)),
        dataset_name=SCHEMA,
    )
    begun = time.monotonic()
    pipeline.run(source).raise_on_failed_jobs()
    return time.monotonic() - begun


def credentials(database_url: str) -> PostgresCredentials:
    parsed = PostgresCredentials(database_url)
    # dlt insists on a password, also where the server asks for none.
    if parsed.password is None:
        parsed.password = ""
    return parsed


def refuse_unless_empty(database_url: str) -> None:
    tables = ask(
        database_url,
        "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    )
    if tables:
        sys.exit("dlt: the database must be empty; what is in it would change the work")


def ask(database_url: str, query: str) -> int:
    connection = psycopg2.connect(database_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()[0]
    finally:
        connection.close()


def peak_rss_mb() -> float:
    """Of this process, or of the largest of its children if that is larger. Linux counts in KiB, macOS in bytes."""
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    unit = 1 if sys.platform == "darwin" else 1024
    return round(peak * unit / (1024 * 1024), 1)


if __name__ == "__main__":
    main()
