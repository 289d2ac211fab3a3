"""Options of the benchmarks."""

from __future__ import annotations

import os

import pytest

# Peers have one thread; Polars asks for their number when it is imported.
os.environ["POLARS_MAX_THREADS"] = "1"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rows", type=int, default=1_000_000, help="rows of each case")


@pytest.fixture
def rows(request: pytest.FixtureRequest) -> int:
    value = request.config.getoption("--rows")
    assert isinstance(value, int)
    return value
