"""A Spark of two threads (or, FASTRANK_TEST_SPARK, of another master), and the rows that tests evaluate in it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import helpers
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

REPOSITORY = Path(__file__).parents[2]
SIZES = [5, 1, 30, 7, 12, 2, 18, 9, 3, 21, 400, 4, 16]


def make_session(master: str, **settings: str):
    """A session whose workers run this Python, with this fastrank."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
    builder = SparkSession.builder.master(master).appName("fastrank tests")
    own = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "3",
        "spark.driver.memory": "1g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "37",  # so that batches cut queries
        "spark.ui.showConsoleProgress": "false",
    }
    for name, value in {**own, **settings}.items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("OFF")
    return made


def pytest_collection_modifyitems(items):
    reason = None
    try:
        import pyspark  # noqa: F401
    except ImportError:
        reason = "pyspark is not installed: make test-spark installs it"
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        reason = reason or "Spark needs Java 17: there is none in PATH, and JAVA_HOME is not set"
    for item in items:
        if Path(__file__).parent in Path(item.path).parents:
            item.add_marker(pytest.mark.spark)
            item.add_marker(pytest.mark.filterwarnings("default"))  # those of Spark are not ours
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def spark():
    # Of a task that fails three attempts are made, as a cluster makes four.
    made = make_session(os.environ.get("FASTRANK_TEST_SPARK", "local[2,3]"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def rows():
    """Queries of several sizes, one of them far larger than the others."""
    return helpers.make_rows(SIZES, 4)


@pytest.fixture(scope="session")
def files(rows, tmp_path_factory):
    """The rows in three files of several row groups, whose borders cut queries."""
    folder = tmp_path_factory.mktemp("rows")
    table = pa.Table.from_batches([rows])
    for i, (start, stop) in enumerate([(0, 200), (200, 203), (203, len(table))]):
        pq.write_table(table.slice(start, stop - start), folder / f"part-{i}.parquet", row_group_size=90)
    return str(folder)
