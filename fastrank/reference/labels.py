"""Labels of two classes as users have them."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

__all__ = ["is_positive", "two_classes"]

Function = TypeVar("Function", bound="Callable[..., Any]")


def is_positive(label: ArrayLike, positive: float | str | None = None) -> NDArray[np.bool_]:
    """Which rows are positive: those of the label `positive`, or of 1, where the others have 0, or -1."""
    wanted = 1 if positive is None else positive
    return np.array([each == wanted for each in np.asarray(label).tolist()], np.bool_)


def two_classes(function: Function) -> Function:
    """The function of labels 0, 1 and NaN, which are made of any labels by a parameter `positive`."""

    @functools.wraps(function)
    def of_labels(label: ArrayLike, *columns: Any, positive: float | str | None = None, **more: Any) -> Any:
        classes = is_positive(label, positive).astype(np.int64)
        missing = np.array([each is None or each != each for each in np.asarray(label).tolist()], np.bool_)
        return function(np.where(missing, np.nan, classes) if missing.any() else classes, *columns, **more)

    signature = inspect.signature(function)
    added = inspect.Parameter("positive", inspect.Parameter.KEYWORD_ONLY, default=None)
    of_labels.__signature__ = signature.replace(parameters=[*signature.parameters.values(), added])  # type: ignore[attr-defined]
    return cast("Function", of_labels)
