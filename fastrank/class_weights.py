"""Weights by class: what the weight of a row is multiplied by, for the class of its label.

They make a column of weights of the columns of labels and weights, so that whatever reads the weight of a row reads the
product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrank._kernels import checks
from fastrank.domains import LARGEST_NUMBER, LARGEST_WEIGHT, REAL, WEIGHT, Beside, Column, either, in_units
from fastrank.errors import ParameterError
from fastrank.metrics.parameters import Label, Number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrank.domains import Domain

__all__ = ["ClassWeights"]

_WEIGHT = Number(0.0, LARGEST_WEIGHT, closed="low high")
_RATE = Number(1.0 / LARGEST_WEIGHT, 1.0, closed="low high")


@dataclass(frozen=True)
class ClassWeights:
    """The weight of each class that has one, by label, and the rate at which negative rows were kept (1: all)."""

    weights: tuple[tuple[float | str, float], ...]
    rate: float

    @staticmethod
    def make(class_weight: Any, negative_downsampling: Any) -> ClassWeights | None:
        """What a user gave, checked; None where rows keep their weight."""
        if class_weight is None and negative_downsampling is None:
            return None
        if isinstance(class_weight, str):
            raise ParameterError(
                f'class_weight={class_weight!r}; allowed: a dict of label and weight, or None; "balanced" weights '
                "depend on the counts of all rows: count them and give each class n_rows / (n_classes * its rows)"
            )
        if class_weight is not None and not isinstance(class_weight, Mapping):
            raise ParameterError(f"class_weight={class_weight!r}; allowed: a dict of label and weight, or None")
        weights: dict[float | str, float] = {}
        for given, weight in (class_weight or {}).items():
            label = _checked(Label(), given, "the label") if given is not None else None
            if label is None:
                raise ParameterError("class_weight: the label is None; allowed: a number, text, True or False")
            weights[label] = _checked(_WEIGHT, weight, f"the weight of {given!r}")
        rate = 1.0
        if negative_downsampling is not None:
            try:
                rate = _RATE.check(negative_downsampling) or rate
            except ParameterError as error:
                raise ParameterError(
                    f"negative_downsampling={error}: the share of negative rows that were kept"
                ) from None
        if not weights and rate == 1:
            return None
        # In an order of their own: the same weights are the same, however they were written down.
        return ClassWeights(tuple(sorted(weights.items(), key=repr)), rate)

    def domain(self, labels: Domain, *, alone: bool) -> Domain | None:
        """The domain of weights beside labels, or, where no column holds weights, of the classes alone; None where the
        labels are of no classes."""
        if labels.by_class is None:
            return None
        numbers, factors = labels.by_class(dict(self.weights), self.rate)
        if max(factors) > LARGEST_WEIGHT:
            raise ParameterError(
                f"class_weight and negative_downsampling multiply a weight by {max(factors)!r}; "
                f"allowed: {WEIGHT.allowed}"
            )
        return _weights_times(factors, numbers, self.text, alone=alone)

    @property
    def text(self) -> str:
        """As the user might have written it."""
        weights = "{" + ", ".join(f"{label!r}: {weight!r}" for label, weight in self.weights) + "}"
        parts = [f"class_weight={weights}"] if self.weights else []
        parts += [f"negative_downsampling={self.rate!r}"] if self.rate != 1 else []
        return " and ".join(parts)


def _checked(kind: Any, value: Any, what: str) -> Any:
    try:
        return kind.check(value)
    except ParameterError as error:
        raise ParameterError(f"class_weight: {what} is {error}") from None


def _weights_times(factors: list[float], numbers: Domain, what: str, *, alone: bool) -> Domain:
    """Weights, times the factor of each row's class; of the classes `alone` where no column holds weights.

    `numbers` reads the labels as numbers of classes: of each the factor, the last of them of all that are higher.
    The product is rounded to float64, as whoever makes such a column of weights would, then as any weight.
    """
    of_class = in_units(np.array(factors)) if alone else np.array(factors)

    def times(domain: Domain, mine: Column, classes: Column) -> tuple[Domain, Column]:
        weights = _of_each(of_class, classes.values)
        if alone:
            return domain, Column(weights, None)
        with np.errstate(over="ignore", invalid="ignore"):  # of weights that are invalid
            weights *= mine.values
        invalid = mine.invalid
        # A negative weight times 0 would be 0.
        if checks.any_outside(mine.values, 0.0, LARGEST_NUMBER) or checks.any_outside(weights, 0.0, LARGEST_WEIGHT):
            invalid = either(invalid, ~((mine.values >= 0) & (weights <= LARGEST_WEIGHT)))
        return domain, Column(in_units(weights), invalid)

    return replace(
        WEIGHT,
        name=f"weight times {what} of a {numbers.name}",
        allowed=f"{WEIGHT.allowed}, after {what} multiplied it",
        view=(lambda _: Column(None, None)) if alone else REAL.view,
        reading=f"times {what}",
        beside=Beside("label", times, numbers),
    )


def _of_each(factors: NDArray[np.float64], numbers: NDArray[Any]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = (
        np.where(numbers.view(np.bool_), factors[1], factors[0])  # in half the time
        if factors.size == 2 and numbers.dtype == np.uint8
        else factors.take(numbers, mode="clip")
    )
    return found
