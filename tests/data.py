"""Real data for tests: a folder that the environment names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["shared"]

ROOT = Path(__file__).resolve().parent.parent


def shared(*parts: str) -> Path:
    """A file of the data folder; skips the test where it is absent.

    The folder is FASTRANK_TEST_DATA, by default ../shared/data beside the repository.
    """
    folder = Path(os.environ.get("FASTRANK_TEST_DATA", "../shared/data"))
    path = (folder if folder.is_absolute() else ROOT / folder).joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no test data at {path}: set FASTRANK_TEST_DATA to the folder that holds it")
    return path
