"""What metrics of two classes share: which label is that of positive rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastrank.labels import BINARY, one_label
from fastrank.metrics.names import Label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.domains import Domain
    from fastrank.metrics.parameters import Kind

__all__ = ["POSITIVE", "binary_label"]

# For reading= of a declaration.
POSITIVE: Mapping[str, tuple[Kind, Any]] = {"positive": (Label(), None)}


def binary_label(p: Any) -> Domain:
    """The column of labels: of 0 and 1, or -1 and 1; or of any, where the parameter `positive` names one."""
    return BINARY if p.positive is None else one_label(p.positive)
