"""`fastrank calibrate fit` and `fastrank calibrate apply`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastrank.atomic import atomic_file
from fastrank.calibration import (
    DownsamplingCorrection,
    IsotonicCalibrator,
    PlattCalibrator,
    TemperatureCalibrator,
    load,
)
from fastrank.calibration.cells import read_cells
from fastrank.cli.output import open_writer, progress
from fastrank.scattered import DEFAULT_MEMORY_LIMIT
from fastrank.sources import open_source

if TYPE_CHECKING:
    from fastrank.calibration import FittedCalibrator

__all__ = ["calibrate"]

METHODS = ("isotonic", "platt", "temperature", "downsampling")
TABLES = (".parquet", ".arrow", ".csv")
FILES = (".json", ".arrow")
# Options that are about one method only.
OPTIONS_OF = {
    "isotonic": ("decreasing", "interpolation"),
    "platt": ("on",),
    "temperature": ("from_logits", "classes"),
    "downsampling": ("downsampling_rate",),
}


@click.group()
def calibrate() -> None:
    """Fit calibrators on labelled rows, and apply them to scores."""


@calibrate.command()
@click.argument("source", nargs=-1)
@click.option("--method", type=click.Choice(METHODS), required=True, help="What to fit.")
@click.option("--label", help="Column of labels.")
@click.option("--score", "scores", multiple=True,
              help="Column of scores; of several classes a column of lists, or a column for each class.")  # fmt: skip
@click.option("--weight", help="Column of row weights.")
@click.option("--where", help="Condition on rows, in SQL.")
@click.option("--positive", help="The label of positive rows, where it is not 1.")
@click.option("--class", "classes", multiple=True, help="Label of a class, in the order of the scores (temperature).")
@click.option("--on-invalid", type=click.Choice(["raise", "drop"]), default="raise", show_default=True,
              help="Stop at an invalid row, or drop and count such rows.")  # fmt: skip
@click.option("--bits", type=click.IntRange(12, 26), help="Keep scores in 2^bits cells, not each distinct score.")
@click.option("--memory-limit", type=click.IntRange(1), help="Bytes of distinct scores in memory; more go to a file.")
@click.option("--decreasing", is_flag=True, help="The lowest scores are the best (isotonic).")
@click.option("--interpolation", type=click.Choice(["linear", "step"]), help="Between two scores (isotonic).")
@click.option("--on", type=click.Choice(["score", "logit"]), help="What is scaled: the score, or its logit (platt).")
@click.option("--from-logits", is_flag=True, help="Scores are logits, not probabilities (temperature).")
@click.option("--downsampling-rate", type=float, help="Share of the negatives that was kept (downsampling).")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True,
              help="File for the calibrator: .json or .arrow.")  # fmt: skip
def fit(source: tuple[str, ...], method: str, output: Path, **given: Any) -> None:
    """Fit a calibrator in one pass over SOURCE: files, globs or folders of Parquet, Arrow IPC or CSV.

    Temperatures of several classes take some ten passes.  --method downsampling takes no SOURCE.
    """
    _check_output(output, FILES)
    own = {name: given.pop(name) for names in OPTIONS_OF.values() for name in names}
    for name, value in own.items():
        if value not in (None, (), False) and name not in OPTIONS_OF[method]:
            option = "class" if name == "classes" else name.replace("_", "-")
            raise click.UsageError(f"--{option} is no option of --method {method}")
    if method == "downsampling":
        if own["downsampling_rate"] is None:
            raise click.UsageError("--method downsampling needs --downsampling-rate")
        if source or any(value not in (None, (), "raise") for value in given.values()):
            raise click.UsageError("--method downsampling fits nothing: leave out SOURCE and its columns")
        correction = DownsamplingCorrection(own["downsampling_rate"])
        correction.save(output)
        click.echo(f"{correction!r}\nwrote {output}")
        return
    if not source or given["label"] is None or not given["scores"]:
        raise click.UsageError(f"--method {method} needs SOURCE, --label and --score")
    calibrator = _calibrator(method, own)
    given = {name: value for name, value in given.items() if value is not None}
    if "positive" in given:
        given["positive"] = _literal(given["positive"])
    quality = _fit(calibrator, list(source), given, [_literal(each) for each in own["classes"]])
    calibrator.save(output)
    dropped = f", {calibrator.rows_dropped} dropped" if calibrator.rows_dropped else ""
    click.echo(f"{calibrator!r}\nfitted on {calibrator.rows} rows{dropped}")
    for name, (before, after) in quality.items():
        click.echo(f"{name:<17} {before:>12} -> {after}")
    click.echo(f"wrote {output}")


def _calibrator(method: str, own: dict[str, Any]) -> FittedCalibrator:
    if method == "isotonic":
        return IsotonicCalibrator(increasing=not own["decreasing"], interpolation=own["interpolation"] or "linear")
    if method == "platt":
        return PlattCalibrator(on=own["on"] or "score")
    return TemperatureCalibrator(from_logits=own["from_logits"])


def _fit(
    calibrator: FittedCalibrator, paths: list[str], given: dict[str, Any], classes: list[Any]
) -> dict[str, tuple[str, str]]:
    """Fits, and gives metrics of the rows before and after, from the same pass."""
    source = open_source(paths[0] if len(paths) == 1 else paths)
    scores = given.pop("scores")
    score = scores[0] if len(scores) == 1 else list(scores)
    if isinstance(calibrator, TemperatureCalibrator) and calibrator.is_of_classes(source, score):
        calibrator.fit(source, score=score, classes=classes or None, **given)
        return {}
    if classes or not isinstance(score, str):
        raise click.UsageError("several scores, or classes, are for --method temperature")
    with progress(source.rows) as advance:
        cells = read_cells(
            type(calibrator).__name__,
            source,
            calibrator.scores,
            score=score,
            progress=advance,
            positive=given.pop("positive", None),
            bits=given.pop("bits", None),
            memory_limit=given.pop("memory_limit", DEFAULT_MEMORY_LIMIT),
            threads=None,
            **given,
        )
    calibrator.fit_cells(cells)
    after = cells.quality(calibrator.calibrate)
    before = cells.quality(calibrator.uncalibrated) if cells.are_probabilities(calibrator.uncalibrated) else {}
    return {name: (f"{before[name]:.6g}" if before else "-", f"{value:.6g}") for name, value in after.items()}


@calibrate.command()
@click.argument("calibrator", type=click.Path(dir_okay=False))
@click.argument("source", nargs=-1, required=True)
@click.option("--score", required=True, help="Column of scores.")
@click.option("--name", help="Name of the new column.  Default: that of the scores and _calibrated.")
@click.option("--on-invalid", type=click.Choice(["raise", "null"]), default="raise", show_default=True,
              help="Stop at a score that is not allowed, or write a null.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True,
              help="File to write to: .parquet, .arrow or .csv.")  # fmt: skip
def apply(
    calibrator: str, source: tuple[str, ...], score: str, name: str | None, on_invalid: str, output: Path
) -> None:
    """Write SOURCE with a column of calibrated scores, batch by batch.

    CALIBRATOR is a file that `fastrank calibrate fit` wrote; SOURCE: files, globs or folders of Parquet, Arrow or CSV.
    """
    _check_output(output, TABLES)
    paths = source[0] if len(source) == 1 else list(source)
    loaded = load(calibrator)
    total = nulls = 0
    with progress(open_source(paths).rows) as advance:
        reader = loaded.apply(paths, score=score, name=name, on_invalid=on_invalid)
        with atomic_file(output) as file, open_writer(output.suffix.lower(), file, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
                total, nulls = total + batch.num_rows, nulls + batch.column(batch.num_columns - 1).null_count
                if advance is not None:
                    advance(batch.num_rows)
    click.echo(f"wrote {total} rows to {output}" + (f", {nulls} of them with a null" if nulls else ""))


def _check_output(output: Path, suffixes: tuple[str, ...]) -> None:
    """Refuses at once what can't be written, not after an hour."""
    if output.suffix.lower() not in suffixes:
        raise click.UsageError(f"--output {output}: the file ends with {', '.join(suffixes)}")
    if not output.parent.is_dir():
        raise click.UsageError(f"the folder of --output {output} does not exist")


def _literal(text: str) -> float | str:
    """A number where the text is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
