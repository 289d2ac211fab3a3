"""The correction of downsampling against Bayes' rule and the paper's example."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from fastrank.calibration import DownsamplingCorrection
from fastrank.errors import InvalidValueError, ParameterError


def test_the_example_of_the_paper():
    """He et al. 2014, section 6.3: a rate of 0.1% becomes 1% with downsampling of 0.1; the correction takes it back."""
    correction = DownsamplingCorrection(rate=0.1)
    downsampled = 0.001 / (0.001 + 0.1 * 0.999)
    assert downsampled == pytest.approx(0.01, rel=0.01)
    assert correction.transform([downsampled])[0] == pytest.approx(0.001, rel=1e-14)


@pytest.mark.parametrize("rate", [1.0, 0.5, 1e-3, 1e-300])
def test_that_it_is_bayes_rule_and_has_an_inverse(rate):
    p = np.linspace(0, 1, 101)
    correction = DownsamplingCorrection(rate)
    q = correction.transform(p)
    np.testing.assert_allclose(
        q[1:-1] / (1 - q[1:-1]) if rate > 1e-10 else q[1:-1], rate * p[1:-1] / (1 - p[1:-1]), rtol=1e-12
    )
    assert q[[0, -1]].tolist() == [0.0, 1.0]
    np.testing.assert_allclose(correction.inverse_transform(q), p, rtol=1e-12)
    if rate == 1.0:
        assert (q == p).all()


def test_counts_of_rows():
    # 30 positives; of 970 negatives one in ten stays: 30 in 127.
    correction = DownsamplingCorrection(0.1)
    assert correction.transform(np.float32(30 / 127)) == pytest.approx(30 / 1000, rel=1e-6)
    assert correction.inverse_transform(0.03) == pytest.approx(30 / 127, rel=1e-14)


def test_forms_of_scores():
    correction = DownsamplingCorrection(0.1)
    expected = correction.transform([0.25, 0.5])
    array = correction.transform(pa.array([0.25, None, 0.5], pa.float32()))
    assert array.type == pa.float64()
    assert array.to_pylist() == [expected[0], None, expected[1]]
    chunked = pa.chunked_array([[0.25], [0.5]])
    assert correction.transform(chunked).to_pylist() == expected.tolist()
    assert correction.transform(pa.chunked_array([], pa.float32())).to_pylist() == []
    matrix = correction.transform(np.array([[0.25], [0.5]], np.float16))
    assert matrix.tolist() == [[expected[0]], [expected[1]]]
    assert np.isnan(correction.transform([np.nan])).all()
    assert correction.transform([True, False]).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("rate", [0, 1.5, -0.1, float("nan"), "0.1", True, None, 1e-310])
def test_rates_that_are_refused(rate):
    with pytest.raises(ParameterError, match="allowed: a number above 0, up to 1"):
        DownsamplingCorrection(rate)


def test_scores_that_are_refused():
    correction = DownsamplingCorrection(0.1)
    with pytest.raises(InvalidValueError, match=r"scores\[0, 1\] is 1.5; allowed: a probability"):
        correction.transform([[0.5, 1.5]])
    with pytest.raises(TypeError, match="scores are of type <U1; allowed: integer, float, bool or decimal"):
        correction.transform(["a"])
    with pytest.raises(TypeError, match="scores are of type string"):
        correction.transform(pa.array(["a"]))
    with pytest.raises(InvalidValueError, match=r"scores\[1\] is 2.0"):
        correction.transform(pa.array([None, 2.0]))
