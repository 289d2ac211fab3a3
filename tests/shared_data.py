"""Where tests find the data sets that are too large, or not ours, to stand in this repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def shared(*parts: str) -> Path:
    """A file of the data folder; skips the test where there is none."""
    folder = ROOT / os.environ.get("FASTRANK_TEST_DATA", "../shared/data")
    path = folder.joinpath(*parts)
    if not path.exists():
        missing = path.relative_to(folder) if folder.is_dir() else "the folder"
        pytest.skip(
            f"{missing} of the shared test data is not here: set FASTRANK_TEST_DATA to the folder that holds it"
        )
    return path
