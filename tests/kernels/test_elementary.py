"""Elementary functions against mpmath, their special values, and the same bits wherever they run."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest

from fastrank._kernels import elementary

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

INF, NAN = math.inf, math.nan
DENORMAL, LEAST, LARGEST = 2.0**-1074, 2.0**-1022, sys.float_info.max


def softplus(x: Any) -> Any:
    return mpmath.log1p(mpmath.exp(x)) if x < 0 else x + mpmath.log1p(mpmath.exp(-x))


# The exact function, and the largest error in ULP that elementary.h promises.
FUNCTIONS: dict[str, tuple[Callable[..., Any], float]] = {
    "log": (mpmath.log, 1),
    "log1p": (mpmath.log1p, 1),
    "exp": (mpmath.exp, 1),
    "expm1": (mpmath.expm1, 1),
    "softplus": (softplus, 2),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), 2),
}


def error_in_ulp(found: float, exact: Any) -> float:
    if math.isinf(found):
        # The exact value has to round to the same infinity, or be within one ULP of it.
        return 0.0 if abs(exact) > LARGEST else INF
    return float(abs(found - exact) / math.ulp(float(exact))) if not math.isinf(float(exact)) else INF


def any_positive(generator: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Every exponent alike, denormal numbers too."""
    bits = generator.integers(0, 0x7FF << 52, count, dtype=np.uint64)
    bits[::4] >>= generator.integers(12, 62, len(bits[::4])).astype(np.uint64)
    return np.maximum(bits, 1).view(np.float64)


def near(generator: np.random.Generator, point: float, count: int) -> NDArray[np.float64]:
    """Numbers about a point, at every distance down to its neighbours."""
    return point + generator.uniform(-1, 1, count) * np.exp2(-generator.integers(0, 60, count).astype(float))


def signed(generator: np.random.Generator, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values * generator.choice([-1.0, 1.0], len(values))


def points(name: str, generator: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Points of the domain of a function, where it is neither infinite nor out of range."""
    n = count // 4
    if name == "log":
        found = [any_positive(generator, n), near(generator, 1, n), generator.uniform(0.5, 2, n), np.arange(1.0, n + 1)]
    elif name == "log1p":
        parts = [any_positive(generator, n), near(generator, -1, n), near(generator, 0, n), generator.uniform(-1, 1, n)]
        found = [signed(generator, parts[0]), *parts[1:]]
    else:
        ends = [generator.uniform(-745, 709.7, n), generator.uniform(-40, 40, n), generator.uniform(-2, 2, n)]
        found = [*ends, near(generator, 0, n // 2), generator.uniform(-745.2, -708, n // 2)]
    values = np.concatenate(found)
    return values[(values > 0) if name == "log" else (values > -1) if name == "log1p" else np.ones(len(values), bool)]


def check_accuracy(name: str, values: NDArray[np.float64]) -> None:
    exact, allowed = FUNCTIONS[name]
    with mpmath.workprec(140):
        errors = [
            error_in_ulp(y, exact(mpmath.mpf(x)))
            for x, y in zip(values.tolist(), getattr(elementary, name)(values).tolist(), strict=True)
        ]
    worst = int(np.argmax(errors))
    assert errors[worst] <= allowed, f"{name}({values[worst].hex()}) is {errors[worst]} ULP off"


def doubtful(found: NDArray[np.float64], near: NDArray[np.longdouble], allowed: float) -> NDArray[np.bool_]:
    """Where a value may be off by more than allowed: by the long double of the C library, which has 11 more bits, far
    more than half of that.  All are where there is no such type."""
    if np.finfo(np.longdouble).nmant < 63:
        return np.ones(found.size, bool)
    with np.errstate(all="ignore"):
        off = np.abs(found - near) / np.spacing(np.abs(found))
    return ~(off <= 0.75 * allowed)  # of NaN too: what is infinite has no spacing


LONG: dict[str, Callable[[Any], Any]] = {
    **{name: getattr(np, name) for name in ("log", "log1p", "exp", "expm1")},
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


def check_powers(generator: np.random.Generator, exponents: int, count: int, *, every_point: bool) -> None:
    worst, some = (0.0, 0.0, 0.0), 0
    sizes = np.exp2(generator.uniform(-6, 60, exponents))
    for y in [0.5, 2.0, 3.0, -1.0, 1.5, 1 / 3, *signed(generator, sizes).tolist()]:
        # Powers from 2^-1074 to 2^1024: of any x where y is small, of x near 1 where it is large.
        x = np.exp2(generator.uniform(-1074, 1024, count) / max(abs(y), 1))
        x = np.concatenate([x, any_positive(generator, count // 4), near(generator, 1, count // 4)])
        x = x[(x > 0) & (x < INF)]
        powers = elementary.pow(x, y)
        if not every_point:
            with np.errstate(all="ignore"):
                long = x.astype(np.longdouble) ** np.longdouble(y)
                chosen = doubtful(powers, long, 1)
                # What is far out of range needs no more digits.
                chosen &= ~((powers == 0) & (long < np.longdouble(2) ** -1090))
                chosen &= ~((powers == INF) & (long > np.longdouble(2) ** 1030))
            x, powers = x[chosen], powers[chosen]
        some += x.size
        with mpmath.workprec(200):
            for a, found in zip(x.tolist(), powers.tolist(), strict=True):
                exact = mpmath.mpf(a) ** mpmath.mpf(y)
                if exact < mpmath.mpf(2) ** -1080:
                    assert found == 0
                elif exact > mpmath.mpf(2) ** 1025:
                    assert found == INF
                else:
                    worst = max(worst, (error_in_ulp(found, exact), a, y))
    assert worst[0] <= 1, worst
    assert some


@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_its_ulp(name: str) -> None:
    check_accuracy(name, points(name, np.random.default_rng(1), 12_000))


def test_powers_are_within_one_ulp() -> None:
    check_powers(np.random.default_rng(2), 60, 100, every_point=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_its_ulp_at_millions_of_points(name: str) -> None:
    values = points(name, np.random.default_rng(3), 2_000_000)
    found = getattr(elementary, name)(values)
    with np.errstate(all="ignore"):
        chosen = doubtful(found, LONG[name](values.astype(np.longdouble)), FUNCTIONS[name][1])
    chosen[::1000] = True
    check_accuracy(name, values[chosen])


@pytest.mark.slow
def test_powers_are_within_one_ulp_at_a_million_points() -> None:
    check_powers(np.random.default_rng(4), 3000, 300, every_point=False)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        *[("log", 0.0, -INF), ("log", -0.0, -INF), ("log", -1.0, NAN), ("log", -INF, NAN), ("log", INF, INF)],
        *[("log", NAN, NAN), ("log", 1.0, 0.0), ("log", 2.0, math.log(2)), ("log", -DENORMAL, NAN)],
        *[("log", DENORMAL, math.log(DENORMAL)), ("log", LARGEST, math.log(LARGEST))],
        *[("log1p", -1.0, -INF), ("log1p", -1.5, NAN), ("log1p", -INF, NAN), ("log1p", INF, INF)],
        *[("log1p", NAN, NAN), ("log1p", 0.0, 0.0), ("log1p", -0.0, -0.0), ("log1p", DENORMAL, DENORMAL)],
        *[("log1p", -LEAST, -LEAST), ("log1p", LARGEST, math.log(LARGEST)), ("log1p", 2.0**54, math.log(2.0**54))],
        *[("exp", 0.0, 1.0), ("exp", -0.0, 1.0), ("exp", INF, INF), ("exp", -INF, 0.0), ("exp", NAN, NAN)],
        *[("exp", 709.79, INF), ("exp", 1e300, INF), ("exp", -745.2, 0.0), ("exp", -1e300, 0.0)],
        *[("exp", -745.1, DENORMAL), ("exp", DENORMAL, 1.0), ("exp", 1.0, math.e)],
        *[("expm1", 0.0, 0.0), ("expm1", -0.0, -0.0), ("expm1", INF, INF), ("expm1", -INF, -1.0), ("expm1", NAN, NAN)],
        *[("expm1", 709.79, INF), ("expm1", -50.0, -1.0), ("expm1", -DENORMAL, -DENORMAL), ("expm1", LEAST, LEAST)],
        *[("softplus", INF, INF), ("softplus", -INF, 0.0), ("softplus", NAN, NAN), ("softplus", 0.0, math.log(2))],
        *[("softplus", 800.0, 800.0), ("softplus", -746.0, 0.0), ("softplus", LARGEST, LARGEST)],
        *[("sigmoid", INF, 1.0), ("sigmoid", -INF, 0.0), ("sigmoid", NAN, NAN), ("sigmoid", 0.0, 0.5)],
        *[("sigmoid", 40.0, 1.0), ("sigmoid", -746.0, 0.0), ("sigmoid", -0.0, 0.5)],
    ],
)
def test_special_values(name: str, x: float, expected: float) -> None:
    found = getattr(elementary, name)(x)
    assert isinstance(found, float)
    assert math.isnan(found) if math.isnan(expected) else found == expected
    assert math.isnan(expected) or math.copysign(1, found) == math.copysign(1, expected)


SPECIAL = [0.0, -0.0, DENORMAL, LEAST, 0.5, math.nextafter(1, 0), 1.0, math.nextafter(1, 2), 2.0, LARGEST, INF]


@pytest.mark.parametrize("y", [v for x in SPECIAL for v in (x, -x)])
def test_special_powers_are_those_of_the_c_library(y: float) -> None:
    with np.errstate(all="ignore"):
        expected = np.power(np.abs(SPECIAL), y)
    found = elementary.pow(np.array(SPECIAL), y)
    exact = (expected == 0) | (expected == 1) | np.isinf(expected)
    assert (found[exact] == expected[exact]).all()
    assert found == pytest.approx(expected, rel=3e-16, abs=DENORMAL)


def test_powers_of_what_is_no_number_above_zero() -> None:
    for x in (NAN, -1.0, -DENORMAL, -INF):
        assert all(math.isnan(elementary.pow(x, y)) for y in (0.0, 2.0, 0.5, -INF))
    assert [math.isnan(elementary.pow(x, NAN)) for x in (0.0, 0.5, 1.0, 2.0, INF)] == [True, True, False, True, True]


def every(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [*(getattr(elementary, name)(values) for name in FUNCTIONS), elementary.pow(values, 1.7)]


def awkward() -> NDArray[np.float64]:
    generator = np.random.default_rng(5)
    values = [any_positive(generator, 300), generator.uniform(-50, 50, 300), near(generator, 0, 300), np.array(SPECIAL)]
    return np.random.default_rng(6).permutation(np.concatenate([*values, -np.array(SPECIAL), [NAN]]))


def test_the_same_bits_at_every_place_of_an_array() -> None:
    # Beginnings and lengths that put a value into the body of a vector loop, into its tail, and alone.
    values = awkward()
    whole = every(values)
    for start in (0, 1, 2, 3, 5):
        for length in (1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 100):
            for part, full in zip(every(values[start : start + length]), whole, strict=True):
                np.testing.assert_array_equal(part, full[start : start + length])
    alone = [[f(x) for x in values.tolist()] for f in (getattr(elementary, name) for name in FUNCTIONS)]
    for one_by_one, full in zip(alone, whole, strict=False):
        np.testing.assert_array_equal(np.array(one_by_one), full)


def test_every_instruction_set_gives_the_same_bits() -> None:
    found = {}
    for level in ("baseline", "avx2", "avx512"):
        environment = {**os.environ, "FASTRANK_CPU": level}
        done = subprocess.run(
            [sys.executable, __file__], env=environment, capture_output=True, text=True, check=True
        )  # fmt: skip
        found[level] = done.stdout
    assert len(found["baseline"]) == 65
    assert len(set(found.values())) == 1, found


def test_arrays_of_any_kind() -> None:
    whole = np.arange(1, 25).reshape(2, 3, 4)
    for values in (whole, whole.astype(np.float32), whole.T, whole[:, ::2], whole[:, :0]):
        found = elementary.log(values)
        assert found.shape == values.shape
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found.ravel(), [elementary.log(x) for x in values.ravel().tolist()])
    read_only = np.array([1.0, 2.0])
    read_only.flags.writeable = False
    assert elementary.pow(read_only, 2.0).tolist() == [1.0, 4.0]
    assert elementary.pow(3.0, 2.0) == 9.0


if __name__ == "__main__":
    digest = hashlib.sha256()
    for array in every(awkward()):
        digest.update(np.where(np.isnan(array), 0.25, array).tobytes())
    sys.stdout.write(digest.hexdigest() + "\n")
