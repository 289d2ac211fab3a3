"""The made-up log that a billion rows are measured on."""

from __future__ import annotations

import click_log
import numpy as np
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def small_files(monkeypatch):
    monkeypatch.setattr(click_log, "FILE_ROWS", 20_000)
    monkeypatch.setattr(click_log, "GROUP_ROWS", 8_000)


def test_rows_and_folders(small_files, tmp_path):
    paths = click_log.make_click_log(tmp_path, 115_000, processes=1)
    assert [pq.read_metadata(path).num_rows for path in paths] == [20_000] * 5 + [15_000]
    assert [path.parent.name for path in paths] == ["day=2026-01-01"] * 5 + ["day=2026-01-02"]
    assert pq.read_metadata(paths[0]).num_row_groups == 3
    assert sorted(tmp_path.rglob("*.parquet")) == paths


def test_whole_files_do_not_depend_on_how_many_rows_are_asked_for(small_files, tmp_path):
    few = click_log.make_click_log(tmp_path / "few", 30_000, processes=1)
    many = click_log.make_click_log(tmp_path / "many", 60_000, processes=1)
    assert few[0].read_bytes() == many[0].read_bytes()
    assert few[1].read_bytes() != many[1].read_bytes()  # 10,000 rows of it


def test_what_is_there_stays(small_files, tmp_path):
    first = click_log.make_click_log(tmp_path, 20_000, processes=1)[0]
    before = first.stat().st_mtime_ns
    click_log.make_click_log(tmp_path, 40_000, processes=1)
    assert first.stat().st_mtime_ns == before


def test_the_log_is_as_it_says(small_files, tmp_path):
    tables = [
        pq.read_table(path, partitioning=None) for path in click_log.make_click_log(tmp_path, 40_000, processes=1)
    ]
    sessions = np.concatenate([table["session"].to_numpy() for table in tables])
    assert (np.diff(sessions) >= 0).all()
    _, lengths = np.unique(sessions, return_counts=True)
    assert 10 < lengths.mean() < 22
    assert lengths.max() <= click_log.MOST_SHOWN
    clicked, scores = tables[0]["clicked"].to_numpy(), tables[0]["p_click"].to_numpy()
    assert set(clicked.tolist()) == {0, 1}
    assert abs(clicked.mean() / scores.mean() - 1) < 0.15
    assert 0.02 < clicked.mean() < 0.05
    campaigns = np.bincount(tables[0]["campaign"].to_numpy(), minlength=click_log.CAMPAIGNS)
    assert len(campaigns) == click_log.CAMPAIGNS
    assert campaigns[:100].sum() > 2 * campaigns[-100:].sum()
    for table in tables:
        assert (np.diff(table["ts"].cast("int64").to_numpy()) >= 0).all()
