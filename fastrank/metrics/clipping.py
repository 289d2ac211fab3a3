"""What losses of probabilities share: how far these are kept from 0 and 1, and logits in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastrank.accumulators import ExactSum
from fastrank.domains import PROBABILITY, SCORE
from fastrank.metrics.labels import POSITIVE, binary_label
from fastrank.metrics.parameters import Choice, Epsilon, Flag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.accumulators.base import Accumulator
    from fastrank.domains import Domain
    from fastrank.metrics.parameters import Kind

__all__ = ["CLIPPING", "CLIPS", "EPS", "clip_conflict", "columns", "ends", "log_loss_state"]

EPS = 2.0**-52
# Below 2^-53 there is no float64 1 - eps other than 1.
LEAST_AT_BOTH_ENDS = 2.0**-53

CLIPS: Mapping[str, tuple[Kind, Any]] = {
    "eps": (
        Epsilon(
            doc="Probabilities are kept this far from 0 and 1; rows that are not are counted in `rows_clipped`.\n"
            "dtype: the machine epsilon of the column's own type, 2^-23 of float32 (and float16), 2^-52 of others, as "
            "in scikit-learn; each row by the type that it is read in.\n"
            "None: they count as they are, and a certain miss costs infinitely much."
        ),
        EPS,
    ),
    "clip": (
        Choice(
            ("both", "true_class"),
            doc="both: p is clipped to [eps, 1 - eps].  true_class: only the probability of the true class is kept "
            "from eps on, as in LightGBM and XGBoost, so that a certain hit costs nothing.",
        ),
        "both",
    ),
}
# For reading= of a declaration: they reach the states, not the finalizer.
CLIPPING: Mapping[str, tuple[Kind, Any]] = {
    **CLIPS,
    "from_logits": (
        Flag(
            doc="Scores are logits z, of p = 1 / (1 + e^-z): the loss is log(1 + e^-z) of positive rows, log(1 + e^z) "
            "of others.  Infinite logits stand for p = 0 and 1, and nothing is clipped."
        ),
        False,
    ),
}


def clip_conflict(p: Any) -> str:
    """What is wrong with these parameters taken together."""
    if p.from_logits and (p.eps != EPS or p.clip != "both"):
        return "from_logits=True clips nothing: leave out eps= and clip="
    if p.eps is None and p.clip != "both":
        return "eps=None clips nothing: leave out clip="
    if p.clip == "both" and isinstance(p.eps, float) and p.eps < LEAST_AT_BOTH_ENDS:
        return f"eps={p.eps!r}: 1 - eps is 1 in float64; give 2^-53 or more, or clip=true_class"
    return ""


def ends(p: Any) -> tuple[float | str, float | str]:
    """What p is clipped to at both ends, and from where on the probability of the true class is kept."""
    eps = 0.0 if p.eps is None else p.eps
    return (eps, 0.0) if p.clip == "both" else (0.0, eps)


def columns(p: Any) -> Mapping[str, Domain]:
    """Labels of two classes, and probabilities or logits."""
    return {"label": binary_label(p), "score": SCORE if p.from_logits else PROBABILITY}


def log_loss_state(p: Any) -> Accumulator:
    """The sum of log losses."""
    if p.from_logits:
        return ExactSum("logit_loss")
    return ExactSum(*log_loss_term(p))


def log_loss_term(p: Any) -> tuple[str, tuple[float | str, ...]]:
    """The term of log loss of probabilities, and its constants."""
    low, floor = ends(p)
    return ("log_loss", (low,)) if low else ("true_class_log_loss", (floor,))


READING: Mapping[str, tuple[Kind, Any]] = {**CLIPPING, **POSITIVE}
