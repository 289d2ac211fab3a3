"""Log loss in units of the entropy of the labels."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from fastrank._kernels import elementary
from fastrank.accumulators import ExactSum
from fastrank.domains import PROBABILITY
from fastrank.metrics import clipping
from fastrank.metrics.base import Value, metric
from fastrank.metrics.parameters import Background, Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrank.accumulators.base import Accumulator
    from fastrank.accumulators.sums import Sum
    from fastrank.domains import Domain

__all__ = ["nce", "rig"]


def _names_column(background: str | float) -> bool:
    return isinstance(background, str) and background not in ("self", "overall")


def _columns(p: Any) -> Mapping[str, Domain]:
    """Labels, scores, and the column of rates where one is named."""
    return {**clipping.columns(p), **({"background": PROBABILITY} if _names_column(p.background) else {})}


def _states(p: Any) -> Mapping[str, Accumulator]:
    """The log losses of the scores and of a column of rates; labels and weights."""
    states: dict[str, Accumulator] = {
        "loss": clipping.log_loss_state(p),
        "label": ExactSum("label"),
        "weight": ExactSum("weight"),
    }
    if _names_column(p.background):
        # A rate is clipped at both ends, so that the entropy is finite.
        eps = p.eps if p.clip == "both" and p.eps is not None else clipping.EPS
        states["background_loss"] = ExactSum("background", (eps,))
    return states


def _conflict(p: Any) -> str:
    """What is wrong with the parameters taken together."""
    if p.denominator == "entropy" and _names_column(p.background):
        return "denominator=entropy is that of one rate, and background= names a column of them"
    return clipping.clip_conflict(p)


_NCE: Mapping[str, Any] = {
    "family": "classification",
    "columns": _columns,
    "states": _states,
    "overall": lambda p: {"all_labels": "label", "all_weight": "weight"} if p.background == "overall" else {},
    "parameters": {
        "background": Background(),
        "denominator": Choice(
            ("cross", "entropy"),
            doc="cross: -(q log b + (1 - q) log(1 - b)), with q the mean label and b the background rate; entropy: "
            "-(b log b + (1 - b) log(1 - b)), which is the same where b is q.",
        ),
    },
    "reading": clipping.READING,
    "conflict": _conflict,
    "undefined": "there are no rows, or the cross entropy of the background is 0 (one class)",
    "exactness": "sums are exact; 1 is as good as the background",
}


def _log(share: Fraction) -> float:
    """The logarithm of a share, the same digits for one near 0 and one near 1."""
    return elementary.log(float(share)) if 2 * share <= 1 else elementary.log1p(-float(1 - share))


def _cross_entropy(rate: Fraction, background: Fraction) -> float:
    """Cross entropy of labels of a mean rate with a constant background probability."""
    pairs = ((rate, background), (1 - rate, 1 - background))
    # A class that is missing adds nothing, though its logarithm may be infinite.  The smaller share first, so that
    # both classes may change places.
    return -math.fsum(float(q) * _log(b) for q, b in pairs if q)


@metric(
    **_NCE,
    aliases=("ne", "normalized_entropy", "normalized_cross_entropy", "binary_normalized_entropy"),
    range=(0.0, math.inf),
    better="lower",
    source="He et al. 2014, Practical Lessons from Predicting Clicks on Ads at Facebook; with background=self as "
    "torcheval.metrics.BinaryNormalizedEntropy and torchrec.metrics.ne (which return a huge number for one class)",
)
def nce(
    loss: Sum,
    label: Sum,
    weight: Sum,
    background_loss: Sum | None = None,
    all_labels: Sum | None = None,
    all_weight: Sum | None = None,
    *,
    background: str | float = "self",
    denominator: str = "cross",
) -> Value:
    """Normalized cross entropy: log loss over the cross entropy of a background rate.

    log_loss / -(q log b + (1 - q) log(1 - b)), with q the mean label and b the background rate.

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.nce().compute([0, 1, 0, 1], [0.2, 0.9, 0.4, 0.6]), 6)
    0.486966
    """
    if background_loss is not None:
        entropy = background_loss.over(weight)
    elif weight.total == 0:
        entropy = math.nan
    else:
        rate = label.total / weight.total
        base = rate if isinstance(background, str) else Fraction(background)
        if all_labels is not None and all_weight is not None:
            base = all_labels.total / all_weight.total
        entropy = _cross_entropy(base if denominator == "entropy" else rate, base)
    return Value(loss.over(weight) / entropy if entropy > 0 else math.nan, clipped=loss.clipped)


@metric(
    **_NCE,
    aliases=("relative_information_gain",),
    range=(-math.inf, 1.0),
    better="higher",
    source="Graepel et al. 2010; He et al. 2014: 1 - normalized entropy",
)
def rig(
    loss: Sum,
    label: Sum,
    weight: Sum,
    background_loss: Sum | None = None,
    all_labels: Sum | None = None,
    all_weight: Sum | None = None,
    *,
    background: str | float = "self",
    denominator: str = "cross",
) -> Value:
    """Relative information gain: 1 - nce, the share of the background's cross entropy that the model saves.

    Examples
    --------
    >>> from fastrank import metrics
    >>> round(metrics.rig().compute([0, 1, 0, 1], [0.2, 0.9, 0.4, 0.6]), 6)
    0.513034
    """
    sums = (loss, label, weight, background_loss, all_labels, all_weight)
    of_background = {"background": background, "denominator": denominator}
    normalized = cast("Value", nce.definition.finalize(*sums, **of_background))
    return normalized._replace(value=1 - normalized.value)
