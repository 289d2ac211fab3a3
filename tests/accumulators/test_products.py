"""Exact sums of products against fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrank._kernels import exact_sum
from fastrank.accumulators import ExactProduct
from fastrank.accumulators.sums import digits_to_fraction, special_value

if TYPE_CHECKING:
    from fastrank.accumulators.sums import Sum


class Rows(dict[str, Any]):
    """Columns by role, as an accumulator reads them."""

    counts = None

    @property
    def count(self) -> int:
        return len(next(iter(self.values())))


def product(first: str, second: str, slices: Any = None, **columns: Any) -> ExactProduct:
    accumulator = ExactProduct(first, second)
    accumulator.grow(1 if slices is None else int(max(slices)) + 1)
    accumulator.update(Rows({role: np.asarray(column) for role, column in columns.items()}), slices)  # type: ignore[arg-type]
    return accumulator


def total(first: str, second: str, **columns: Any) -> Sum:
    return product(first, second, **columns).at(0)


# No product of these, with a weight, ends below 2^-1074 or above the largest float64.
moderate = st.floats(2.0**-300, 2.0**300) | st.floats(-(2.0**300), -(2.0**-300)) | st.just(0.0)
weight = st.integers(0, 2**40).map(lambda n: n * 2.0**-20)


@given(st.lists(st.tuples(moderate, moderate, weight), min_size=1))
def test_a_sum_of_products_is_the_exact_rational(rows: list[tuple[float, float, float]]) -> None:
    x, y, w = (np.array(column) for column in zip(*rows, strict=True))
    exact = [(Fraction(a), Fraction(b), Fraction(c)) for a, b, c in rows]
    assert total("label", "score", label=x, score=y).total == sum(a * b for a, b, _ in exact)
    assert total("label", "label", label=x).total == sum(a * a for a, _, _ in exact)
    assert total("label", "score", label=x, score=y, weight=w).total == sum(a * b * c for a, b, c in exact)
    assert total("weight", "score", score=y, weight=w).total == sum(b * c for _, b, c in exact)
    if any(w):
        assert total("weight", "weight", weight=w).total == sum(c * c for _, _, c in exact)


@pytest.mark.parametrize("first", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("second", [np.uint8, np.float32, np.float64])
def test_columns_of_all_types(first: type, second: type) -> None:
    x, y = np.array([3, 7, 250], first), np.array([9, 2, 255], second)
    assert total("label", "score", label=x, score=y).total == 27 + 14 + 250 * 255
    assert total("label", "score", label=x, score=y, weight=np.array([0.5, 0.0, 2.0])).total == 13.5 + 2 * 250 * 255


def test_without_weights_a_row_weighs_1() -> None:
    assert total("weight", "weight", label=np.ones(7)).total == 7
    assert total("weight", "label", label=np.array([1.5, 2.0])).total == 3.5


def test_products_that_cancel_lose_nothing() -> None:
    # 1/3 squared less its neighbour squared: the rounded products differ by another number.
    x = np.array([1 / 3, math.nextafter(1 / 3, 1)])
    exact = Fraction(x[0]) ** 2 * 3 - Fraction(x[1]) ** 2 * 3
    found = total("label", "score", label=x * [1, -1], score=x, weight=np.full(2, 3.0)).total
    assert found == exact != Fraction(3 * (x[0] * x[0] - x[1] * x[1]))


def test_products_past_the_ends_of_float64() -> None:
    assert total("score", "score", score=np.array([1e200])).special == math.inf
    assert total("score", "label", score=np.array([1e200]), label=np.array([-1e200])).special == -math.inf
    assert total("score", "score", score=np.array([1e150]), weight=np.array([2.0**20])).special is None
    assert math.isnan(total("score", "label", score=np.array([0.0]), label=np.array([np.inf])).special or 0.0)
    # 3 * 2^-1075 is a tie between 2^-1074 and 2^-1073, and is rounded to even.
    tiny = total("score", "label", score=np.array([3 * 2.0**-540]), label=np.array([2.0**-535]))
    assert tiny.total == Fraction(1, 2**1073)


def test_rows_of_weight_zero_are_absent() -> None:
    columns = {"label": np.array([np.nan, 2.0]), "score": np.array([np.inf, 3.0]), "weight": np.array([0.0, 1.0])}
    accumulator = product("label", "score", **columns)
    assert accumulator.at(0).total == 6
    assert accumulator.at(0).special is None
    assert accumulator.rows.tolist() == [1]


@given(st.lists(st.tuples(moderate, weight, st.integers(0, 3)), min_size=1), st.randoms())
def test_slices_and_any_order_give_the_same_state(rows: list[tuple[float, float, int]], random: Any) -> None:
    x, w, s = (np.array(column) for column in zip(*rows, strict=True))
    slices = s.astype(np.int32)
    whole = product("label", "label", np.append(slices, np.int32(3)), label=np.append(x, 0.0), weight=np.append(w, 1.0))
    for each in range(4):
        assert whole.at(each).total == sum(
            Fraction(a) ** 2 * Fraction(b) for a, b, c in rows if c == each
        )  # fmt: skip
    order = np.array(random.sample(range(len(rows)), len(rows)))
    parts = ExactProduct("label", "label")
    parts.grow(4)
    for part in np.array_split(order, 3):
        if part.size:
            parts.update(Rows(label=x[part], weight=w[part]), slices[part])  # type: ignore[arg-type]
    assert (parts.digits == whole.digits).all()


def test_lengths_are_checked() -> None:
    digits, special = np.zeros((1, exact_sum.DIGITS), np.int64), np.zeros((1, exact_sum.SPECIALS), np.int64)
    with pytest.raises(ValueError, match="length"):
        exact_sum.add_products(np.ones(2), np.ones(3), None, None, digits, special)
    exact_sum.add_products(np.empty(0), np.empty(0), None, None, digits, special)
    assert digits_to_fraction(digits[0]) == 0
    assert special_value(special[0]) is None


@given(st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False, width=32)] * 2), min_size=1))
def test_products_of_float32_columns_are_exact(rows: list[tuple[float, float]]) -> None:
    x, y = (np.array(column, np.float32) for column in zip(*rows, strict=True))
    assert total("label", "score", label=x, score=y).total == sum(Fraction(a) * Fraction(b) for a, b in rows)
    weights = np.full(len(rows), 1 / 3)
    exact = sum(Fraction(a) * Fraction(b) * Fraction(1 / 3) for a, b in rows)
    assert total("label", "score", label=x, score=y, weight=weights).total == exact
