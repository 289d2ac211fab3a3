"""Temperature scaling against SciPy and cases that can be solved by hand."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from scipy.optimize import brentq, minimize_scalar

from fastrank.calibration import TemperatureCalibrator
from fastrank.errors import EmptyInputError, InvalidValueError, ParameterError
from fastrank.reference.calibrators import temperature_loss

EPS = 2.0**-52


def lists(matrix: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel().tolist()), matrix.shape[1])


def binary(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = 2 * rng.normal(size=rows)
    y = (rng.random(rows) < 1 / (1 + np.exp(-z / 2.5))).astype(np.int8)
    return {"y": y, "z": z, "p": 1 / (1 + np.exp(-z)), "w": rng.choice([0.0, 0.1, 1.0, 2.5], rows)}


def several(rows: int, classes: int = 4, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = 3 * rng.normal(size=(rows, classes))
    powers = np.exp(z / 1.7)
    y = (rng.random(rows)[:, None] > np.cumsum(powers / powers.sum(1, keepdims=True), axis=1)).sum(1)
    p = np.exp(z - z.max(1, keepdims=True))
    return {"y": y, "z": z, "p": p / p.sum(1, keepdims=True), "w": rng.choice([0.0, 0.1, 1.0, 2.5], rows)}


def table_of(data: dict[str, np.ndarray]) -> pa.Table:
    return pa.table({name: lists(x) if x.ndim == 2 else pa.array(x.tolist()) for name, x in data.items()})


def slope(beta: float, y: np.ndarray, z: np.ndarray, w: np.ndarray) -> float:
    """The derivative of the log loss by 1 / temperature."""
    if z.ndim == 1:
        return math.fsum(w * z * (1 / (1 + np.exp(-beta * z)) - y))
    powers = np.exp(beta * (z - z.max(1, keepdims=True)))
    return math.fsum(w * ((powers * z).sum(1) / powers.sum(1) - z[np.arange(len(y)), y]))


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("make", [binary, several])
def test_that_it_reaches_the_optimum(make, from_logits, weight):
    data = make(4000)
    column = "z" if from_logits else "p"
    w = np.ones(4000) if weight is None else data["w"]
    calibrator = TemperatureCalibrator(from_logits=from_logits)
    assert calibrator.fit(table_of(data), label="y", score=column, weight=weight) is calibrator
    best = brentq(lambda beta: slope(beta, data["y"], data["z"], w), 1e-3, 10, xtol=1e-14, rtol=1e-14)
    assert calibrator.temperature == pytest.approx(1 / best, rel=1e-10)

    def loss(temperature: float) -> float:
        return temperature_loss(temperature, data["y"], data[column], w, from_logits=from_logits)

    found = minimize_scalar(loss, bounds=(0.1, 20), method="bounded", options={"xatol": 1e-9})
    assert loss(calibrator.temperature) <= found.fun * (1 + 1e-14)
    assert calibrator.rows == np.count_nonzero(w)


def test_a_case_of_two_classes_worked_by_hand():
    # Of rows at logit 1 three in four are positive, so that 1 / temperature = log 3; of those at -1 one in four.
    rows = {"y": [1, 1, 1, 0, 1, 0, 0, 0], "z": [1.0] * 4 + [-1.0] * 4}
    calibrator = TemperatureCalibrator(from_logits=True).fit(rows, label="y", score="z")
    assert calibrator.temperature == pytest.approx(1 / math.log(3), rel=1e-14)
    assert calibrator.transform([1.0, 0.0, -1.0]) == pytest.approx([0.75, 0.5, 0.25], abs=1e-15)


def test_a_case_of_three_classes_worked_by_hand():
    # Logits 1, 0, 0: the first class is right in half of the rows where e^b / (e^b + 2) = 1/2, so b = log 2.
    z = np.array([[1.0, 0.0, 0.0]] * 4)
    rows = {"y": np.array([0, 0, 1, 2]), "z": z}
    calibrator = TemperatureCalibrator(from_logits=True).fit(table_of(rows), label="y", score="z")
    assert calibrator.temperature == pytest.approx(1 / math.log(2), rel=1e-14)
    assert calibrator.transform(z[:1])[0] == pytest.approx([0.5, 0.25, 0.25], abs=1e-15)


def test_that_two_classes_are_several_classes_of_two():
    data = binary(3000)
    two = TemperatureCalibrator().fit(data, label="y", score="p")
    pairs = {"y": data["y"], "p": np.column_stack((1 - data["p"], data["p"]))}
    of_lists = TemperatureCalibrator().fit(table_of(pairs), label="y", score="p")
    assert of_lists.temperature == pytest.approx(two.temperature, rel=1e-12)
    np.testing.assert_allclose(of_lists.transform(pairs["p"])[:, 1], two.transform(data["p"]), rtol=1e-12)


def test_that_columns_are_lists():
    data = several(500)
    columns = {"y": data["y"], **{f"p{k}": data["p"][:, k] for k in range(4)}}
    by_column = TemperatureCalibrator().fit(columns, label="y", score=[f"p{k}" for k in range(4)])
    assert by_column == TemperatureCalibrator().fit(table_of(data), label="y", score="p")


def test_that_classes_have_names():
    data = several(500)
    names = np.array(["ant", "bee", "cat", "dog"])[data["y"]]
    table = table_of(data)
    named = table.append_column("kind", pa.array(names.tolist()))
    by_name = TemperatureCalibrator().fit(named, label="kind", score="p", classes=["ant", "bee", "cat", "dog"])
    assert by_name == TemperatureCalibrator().fit(table, label="y", score="p")


def test_that_probabilities_of_zero_are_clipped():
    p = np.array([[1.0, 0.0, 0.0], [0.0, 0.75, 0.25], [0.25, 0.5, 0.25]])
    # Nineteen times in twenty the class is the one of the highest score, once one of probability 0 or 1/4.
    rows = np.tile(p, (20, 1))
    labels = np.concatenate((np.tile(p.argmax(1), 19), [1, 0, 0]))
    calibrator = TemperatureCalibrator().fit(table_of({"y": labels, "p": rows}), label="y", score="p")
    best = brentq(lambda b: slope(b, labels, np.log(np.maximum(rows, EPS)), np.ones(60)), 1e-4, 10, xtol=1e-15)
    assert calibrator.temperature == pytest.approx(1 / best, rel=1e-10)
    values = calibrator.transform(p)
    np.testing.assert_allclose(values.sum(1), 1.0, rtol=1e-15)
    assert (values > 0).all()


@pytest.mark.parametrize("from_logits", [True, False])
def test_that_a_temperature_of_one_changes_nothing(from_logits):
    calibrator = TemperatureCalibrator(from_logits=from_logits).restore({"temperature": 1.0})
    data = binary(100)
    np.testing.assert_allclose(calibrator.transform(data["z" if from_logits else "p"]), data["p"], rtol=1e-13)
    classes = several(100)
    np.testing.assert_allclose(calibrator.transform(classes["z" if from_logits else "p"]), classes["p"], rtol=1e-13)


def test_that_a_nan_makes_its_row_nan():
    calibrator = TemperatureCalibrator().restore({"temperature": 2.0})
    values = calibrator.transform([[0.5, np.nan], [0.5, 0.5]])
    assert np.isnan(values).tolist() == [[True, True], [False, False]]
    assert calibrator.transform(np.empty((0, 3))).shape == (0, 3)


def test_that_arrow_lists_stay_lists():
    calibrator = TemperatureCalibrator().restore({"temperature": 2.0})
    array = pa.array([[0.2, 0.8], None, [0.5, 0.5]], pa.list_(pa.float32()))
    values = calibrator.transform(array)
    assert values.type == pa.list_(pa.float64(), 2)
    assert values[1].as_py() is None
    expected = calibrator.transform(np.array([[0.2, 0.8]], np.float32))[0]
    assert values[0].as_py() == expected.tolist()
    with pytest.raises(InvalidValueError, match=r"scores\[0\] is \[0.2, None\]; allowed: a list of numbers"):
        calibrator.transform(pa.array([[0.2, None]]))


def test_that_logits_of_two_classes_have_any_size():
    data = binary(3000)
    plain = TemperatureCalibrator(from_logits=True).fit(data, label="y", score="z")
    huge = TemperatureCalibrator(from_logits=True).fit({**data, "z": 1e250 * data["z"]}, label="y", score="z")
    assert huge.temperature == pytest.approx(1e250 * plain.temperature, rel=1e-12)


def test_what_has_no_best_temperature():
    with pytest.raises(InvalidValueError, match="no better than chance"):
        TemperatureCalibrator(from_logits=True).fit({"y": [0, 1], "z": [1.0, -1.0]}, label="y", score="z")
    with pytest.raises(InvalidValueError, match="highest for its own class"):
        TemperatureCalibrator(from_logits=True).fit({"y": [0, 1], "z": [-1.0, 1.0]}, label="y", score="z")
    table = table_of({"y": np.array([0, 1]), "z": np.array([[2.0, 1.0], [0.0, 5.0]])})
    with pytest.raises(InvalidValueError, match="highest for its own class"):
        TemperatureCalibrator(from_logits=True).fit(table, label="y", score="z")


def test_what_is_refused():
    data = several(50)
    table = table_of(data)
    fit = TemperatureCalibrator().fit
    with pytest.raises(ParameterError, match="this source can be read once: pass files or a table"):
        fit(table.to_reader(), label="y", score="p")
    with pytest.raises(ParameterError, match="bits=20 is about scores of two classes"):
        fit(table, label="y", score="p", bits=20)
    with pytest.raises(ParameterError, match="from_logits='yes'"):
        TemperatureCalibrator(from_logits="yes")
    with pytest.raises(ParameterError, match="classes= is about scores of several classes"):
        fit(binary(50), label="y", score="p", classes=[0, 1])
    with pytest.raises(ParameterError, match="threads=0"):
        fit(table, label="y", score="p", threads=0)
    with pytest.raises(InvalidValueError, match=r"column 'z' \(score\): row 0 holds .*each a probability"):
        fit(table, label="y", score="z")
    with pytest.raises(InvalidValueError, match=r"column 'y' \(label\): row 1 holds 4; allowed: the number of a class"):
        fit(table_of({"y": np.array([0, 4]), "p": data["p"][:2]}), label="y", score="p")
    with pytest.raises(EmptyInputError):
        fit(table.slice(0, 0), label="y", score="p")
    huge = table_of({"y": np.array([0, 1]), "z": np.array([[1e200, 0.0], [1e200, 0.0]])})
    with pytest.raises(InvalidValueError, match="too large to be fitted"):
        TemperatureCalibrator(from_logits=True).fit(huge, label="y", score="z")
    with pytest.raises(ParameterError, match="3 dimensions"):
        TemperatureCalibrator().restore({"temperature": 1.0}).transform(np.zeros((1, 1, 1)))


def test_that_invalid_rows_are_dropped_and_counted():
    data = several(300)
    table = table_of(data)
    bad = table_of({**{name: x[:3] for name, x in data.items()}, "p": np.full((3, 4), 1.5)})
    both = pa.concat_tables([bad, table])
    calibrator = TemperatureCalibrator().fit(both, label="y", score="p", on_invalid="drop")
    assert (calibrator.rows, calibrator.rows_dropped) == (300, 3)
    assert calibrator == TemperatureCalibrator().fit(table, label="y", score="p")
