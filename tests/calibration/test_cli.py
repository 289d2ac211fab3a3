"""fastrank calibrate fit and apply."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result

import fastrank as fr
from fastrank.calibration import (
    DownsamplingCorrection,
    IsotonicCalibrator,
    PlattCalibrator,
    TemperatureCalibrator,
    load,
)
from fastrank.cli import main


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["calibrate", *map(str, arguments)])


@pytest.fixture
def table() -> pa.Table:
    rng = np.random.default_rng(3)
    z = rng.normal(size=2000)
    y = (rng.random(2000) < 1 / (1 + np.exp(1 - z))).astype(np.int8)
    k = rng.integers(0, 2, 2000)
    scores = np.column_stack((0.5 + 0.3 * (k == 0), 0.5 - 0.3 * (k == 0)))
    return pa.table(
        {
            "day": ["mon", "tue"] * 1000,
            "y": pa.array(y.tolist(), pa.int8()),
            "z": z,
            "p": 1 / (1 + np.exp(-2 * z)),
            "w": rng.choice([0.0, 0.5, 2.0], 2000),
            "k": pa.array(np.where(rng.random(2000) < 0.4, 1 - k, k).tolist()),
            "scores": pa.FixedSizeListArray.from_arrays(pa.array(scores.ravel().tolist()), 2),
            "a": scores[:, 0],
            "b": scores[:, 1],
        }
    )


@pytest.fixture
def folder(table: pa.Table, tmp_path: Path) -> Path:
    path = tmp_path / "rows"
    for day in ("mon", "tue"):
        part = path / f"day={day}"
        part.mkdir(parents=True)
        pa.parquet.write_table(table.filter(pa.compute.field("day") == day), part / "rows.parquet")
    return path


COLUMNS = ("--label", "y", "--score", "p")


@pytest.mark.parametrize("suffix", ["json", "arrow"])
@pytest.mark.parametrize(
    ("options", "expected", "arguments"),
    [
        (("--method", "isotonic"), IsotonicCalibrator(), {}),
        (("--method", "isotonic", "--interpolation", "step", "--decreasing"),
         IsotonicCalibrator(increasing=False, interpolation="step"), {}),
        (("--method", "platt", "--on", "logit", "--weight", "w"), PlattCalibrator(on="logit"), {"weight": "w"}),
        (("--method", "temperature", "--where", "day = 'mon'"), TemperatureCalibrator(), {"where": "day = 'mon'"}),
        (("--method", "isotonic", "--bits", "14", "--memory-limit", "1000000"), IsotonicCalibrator(), {"bits": 14}),
        (("--method", "platt", "--positive", "0"), PlattCalibrator(), {"positive": 0}),
    ],
)  # fmt: skip
def test_fit(options, expected, arguments, suffix, folder, table, tmp_path):
    output = tmp_path / f"c.{suffix}"
    result = invoke("fit", folder, *COLUMNS, *options, "-o", output)
    assert result.exit_code == 0, result.output
    assert load(output) == expected.fit(table, label="y", score="p", **arguments)
    assert result.output.startswith(f"{expected!r}\nfitted on {expected.rows} rows\n")
    assert result.output.endswith(f"wrote {output}\n")


def printed(output: str) -> dict[str, tuple[str, str]]:
    lines = [line.split() for line in output.splitlines() if "->" in line]
    return {name: (before, after) for name, before, _, after in lines}


@pytest.mark.parametrize("weight", [None, "w"])
def test_that_fit_tells_metrics_before_and_after(weight, folder, table, tmp_path):
    output = tmp_path / "c.json"
    result = invoke("fit", folder, *COLUMNS, "--method", "isotonic", *(["--weight", weight] if weight else []),
                    "-o", output)  # fmt: skip
    names = ["ece", "log_loss", "brier", "calibration_ratio"]
    roles = {"label": "y", "weight": weight}
    before = fr.evaluate(table, names, score="p", **roles)
    after = fr.evaluate(load(output).apply(table, score="p"), names, score="p_calibrated", **roles)
    assert printed(result.output) == {name: (f"{before[name]:.6g}", f"{after[name]:.6g}") for name in names}


def test_scores_that_are_no_probabilities(folder, tmp_path):
    result = invoke("fit", folder, "--label", "y", "--score", "z", "--method", "platt", "-o", tmp_path / "c.json")
    assert {before for before, _ in printed(result.output).values()} == {"-"}
    logits = invoke("fit", folder, "--label", "y", "--score", "z", "--method", "temperature", "--from-logits",
                    "-o", tmp_path / "t.json")  # fmt: skip
    assert "-" not in printed(logits.output)["log_loss"]


def test_several_classes(folder, table, tmp_path):
    output = tmp_path / "c.json"
    expected = TemperatureCalibrator().fit(table, label="k", score="scores")
    lists = invoke("fit", folder, "--label", "k", "--score", "scores", "--method", "temperature", "-o", output)
    assert (lists.exit_code, load(output)) == (0, expected)
    assert lists.output == f"{expected!r}\nfitted on 2000 rows\nwrote {output}\n"
    columns = invoke("fit", folder, "--label", "k", "--score", "a", "--score", "b", "--class", "0", "--class", "1",
                     "--method", "temperature", "-o", output)  # fmt: skip
    assert (columns.exit_code, load(output)) == (0, expected)


def test_dropped_rows(table, tmp_path):
    bad = pa.concat_tables([table, table.slice(0, 3).set_column(1, "y", pa.array([7, 8, 9], pa.int8()))])
    pa.parquet.write_table(bad, tmp_path / "bad.parquet")
    command = ("fit", tmp_path / "bad.parquet", *COLUMNS, "--method", "platt", "-o", tmp_path / "c.json")
    refused = invoke(*command)
    assert refused.exit_code == 1
    assert refused.output.startswith("fastrank: column 'y' (label): row 2000 of ")
    assert not (tmp_path / "c.json").exists()
    dropped = invoke(*command, "--on-invalid", "drop")
    assert "fitted on 2000 rows, 3 dropped\n" in dropped.output


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "csv"])
def test_apply(suffix, folder, table, tmp_path):
    calibrator = PlattCalibrator().fit(table, label="y", score="z")
    calibrator.save(tmp_path / "c.json")
    output = tmp_path / f"out.{suffix}"
    source = [folder / "day=mon", folder / "day=tue"]
    options = [] if suffix != "csv" else ["--name", "q"]
    if suffix == "csv":
        plain = table.drop_columns(["scores"])
        pa.csv.write_csv(plain, tmp_path / "rows.csv")
        source = [tmp_path / "rows.csv"]
    result = invoke("apply", tmp_path / "c.json", *source, "--score", "z", *options, "-o", output)
    assert (result.exit_code, result.output) == (0, f"wrote 2000 rows to {output}\n")
    name = "q" if suffix == "csv" else "z_calibrated"
    read = {
        "parquet": pa.parquet.read_table,
        "arrow": lambda path: pa.ipc.open_file(path).read_all(),
        "csv": pa.csv.read_csv,
    }[suffix](output)
    assert read.column_names[-1] == name
    assert set(read.column_names) - {name} == set(table.column_names) - ({"scores"} if suffix == "csv" else set())
    assert read[name].to_pylist() == calibrator.transform(read["z"]).to_pylist()


def test_apply_and_nulls(tmp_path):
    DownsamplingCorrection(0.5).save(tmp_path / "c.json")
    pa.parquet.write_table(pa.table({"p": [0.5, None]}), tmp_path / "rows.parquet")
    output = tmp_path / "out.parquet"
    command = ("apply", tmp_path / "c.json", tmp_path / "rows.parquet", "--score", "p", "-o", output)
    refused = invoke(*command)
    assert refused.exit_code == 1
    assert "row 1 of " in refused.output
    assert "--on-invalid null" in refused.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.json", "rows.parquet"]
    kept = invoke(*command, "--on-invalid", "null")
    assert kept.output == f"wrote 2 rows to {output}, 1 of them with a null\n"
    assert pa.parquet.read_table(output)["p_calibrated"].to_pylist() == [pytest.approx(1 / 3), None]


def test_that_a_file_may_take_the_place_of_its_source(table, tmp_path):
    path = tmp_path / "rows.parquet"
    pa.parquet.write_table(table, path)
    DownsamplingCorrection(0.5).save(tmp_path / "c.json")
    assert invoke("apply", tmp_path / "c.json", path, "--score", "p", "-o", path).exit_code == 0
    assert pa.parquet.read_table(path).column_names[-1] == "p_calibrated"


def test_downsampling(tmp_path):
    output = tmp_path / "c.json"
    result = invoke("fit", "--method", "downsampling", "--downsampling-rate", "0.1", "-o", output)
    assert result.output == f"DownsamplingCorrection(rate=0.1)\nwrote {output}\n"
    assert load(output) == DownsamplingCorrection(0.1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--method", "downsampling"), "needs --downsampling-rate"),
        (("--method", "downsampling", "--downsampling-rate", "0.1", "--label", "y"), "leave out SOURCE"),
        (("--method", "downsampling", "--downsampling-rate", "7"), "rate=7.0; allowed: a number above 0, up to 1"),
        (("--method", "platt"), "needs SOURCE, --label and --score"),
        (("rows", "--method", "platt", *COLUMNS, "--decreasing"), "--decreasing is no option of --method platt"),
        (("rows", "--method", "isotonic", *COLUMNS, "--class", "a"), "--class is no option of --method isotonic"),
        (("rows", "--method", "isotonic", *COLUMNS, "--score", "z"), "several scores, or classes, are for"),
        (("rows", "--method", "isotonic", "--label", "y", "--score", "none"), "no column 'none'"),
        (("nowhere", "--method", "isotonic", *COLUMNS), "nowhere: no such file or folder"),
        (("rows", "--method", "temperature", "--label", "k", "--score", "scores", "--bits", "20"), "bits=20 is about"),
    ],
)
def test_what_fit_refuses(arguments, words, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke("fit", *arguments, "-o", "c.json")
    assert result.exit_code in (1, 2)
    assert words in result.output
    assert not Path("c.json").exists()


def test_outputs_that_are_refused(folder, tmp_path):
    assert "ends with .json, .arrow" in invoke("fit", folder, *COLUMNS, "--method", "platt", "-o", "c.pkl").output
    missing = tmp_path / "missing" / "c.json"
    result = invoke("fit", folder, *COLUMNS, "--method", "platt", "-o", missing)
    assert f"the folder of --output {missing} does not exist" in result.output
    assert "ends with .parquet, .arrow, .csv" in invoke("apply", "c.json", folder, "--score", "p", "-o", "x.txt").output
    assert "cannot be read" in invoke("apply", "none.json", folder, "--score", "p", "-o", "x.csv").output
