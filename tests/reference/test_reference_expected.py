"""The reference of measures of ranked lists under ties="average" against their mean over all orders of tied rows.

The plain measures are of rows in the order of their ranks, each a label with a weight, and of rows not retrieved.
"""

from __future__ import annotations

import math
from itertools import groupby, permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrank import reference

Row = tuple[float, float]  # label, weight

LEVEL = 1


def hits(rows: list[Row]) -> list[float]:
    return [weight if label >= LEVEL else 0.0 for label, weight in rows]


def plain_precision(rows, lost, k, denominator="k"):
    cut = len(rows) if k is None else k
    relevant = sum(label >= LEVEL for label, _ in rows + lost)
    ranks = {"k": cut, "min_k_len": min(cut, len(rows)), "min_k_rel": min(cut, relevant)}[denominator]
    return sum(hits(rows)[:k]) / ranks if ranks else 0.0


def plain_recall(rows, lost, k, denominator="rel"):
    weights = sorted(hits(rows + lost), reverse=True)
    return sum(hits(rows)[:k]) / sum(weights if denominator == "rel" else weights[:k])


def plain_f_beta(rows, lost, k, beta=1.0):
    precision, recall = plain_precision(rows, lost, k), plain_recall(rows, lost, k)
    if precision == recall == 0:
        return 0.0
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def plain_hit_rate(rows, lost, k):
    return float(any(hits(rows)[:k]))


def plain_mrr(rows, lost, k):
    return next((hit / rank for rank, hit in enumerate(hits(rows)[:k], 1) if hit), 0.0)


def plain_map(rows, lost, k, denominator="rel"):
    relevant, total = [label >= LEVEL for label, _ in rows], 0.0
    for rank in range(1, len(rows[:k]) + 1):
        if relevant[rank - 1]:
            total += sum(relevant[:rank]) / rank
    number, cut = sum(label >= LEVEL for label, _ in rows + lost), math.inf if k is None else k
    by = {
        "rel": number,
        "min_rel_k": min(number, cut),
        "min_rel_k_len": min(number, cut, len(rows)),
        "k": len(rows) if k is None else k,
    }[denominator]
    return total / by if by else 0.0


def plain_dcg(rows, lost, k, exp2=False):
    total = 0.0
    for rank, (label, weight) in enumerate(rows[:k], 1):
        total += weight * ((2 ** max(label, 0) - 1) if exp2 else max(label, 0)) / math.log2(rank + 1)
    return total


def plain_ndcg(rows, lost, k):
    best = max(plain_dcg(list(order), [], k) for order in permutations(rows + lost))
    return plain_dcg(rows, [], k) / best


def plain_r_precision(rows, lost, k):
    relevant = sum(label >= LEVEL for label, _ in rows + lost)
    return sum(label >= LEVEL for label, _ in rows[:relevant]) / relevant


def plain_rbp(rows, lost, k, gain=lambda label: float(label >= LEVEL)):
    return sum(0.2 * 0.8**r * gain(label) for r, (label, _) in enumerate(rows[:k]))


def plain_judged(rows, lost, k):
    shown = rows[:k]
    return sum(label >= 0 for label, _ in shown) / len(shown) if shown else 0.0


def plain_fallout(rows, lost, k):
    others = [label < LEVEL for label, _ in rows + lost]
    return sum(label < LEVEL for label, _ in rows[:k]) / sum(others)


CASES: dict[str, tuple[str, dict[str, Any], Any]] = {
    "precision": ("precision", {}, plain_precision),
    "precision, min_k_len": ("precision", {"precision_denominator": "min_k_len"}, ("min_k_len", plain_precision)),
    "precision, min_k_rel": ("precision", {"precision_denominator": "min_k_rel"}, ("min_k_rel", plain_precision)),
    "recall": ("recall", {}, plain_recall),
    "recall, min_rel_k": ("recall", {"recall_denominator": "min_rel_k"}, ("min_rel_k", plain_recall)),
    "f_beta": ("f_beta", {}, plain_f_beta),
    "f_beta, 2": ("f_beta", {"beta": 2.0}, (2.0, plain_f_beta)),
    "hit_rate": ("hit_rate", {}, plain_hit_rate),
    "mrr": ("mrr", {}, plain_mrr),
    "map": ("map", {}, plain_map),
    "map, min_rel_k": ("map", {"ap_denominator": "min_rel_k"}, ("min_rel_k", plain_map)),
    "map, min_rel_k_len": ("map", {"ap_denominator": "min_rel_k_len"}, ("min_rel_k_len", plain_map)),
    "map, k": ("map", {"ap_denominator": "k"}, ("k", plain_map)),
    "dcg": ("dcg", {}, plain_dcg),
    "dcg, exp2": ("dcg", {"gain": "exp2"}, (True, plain_dcg)),
    "ndcg": ("ndcg", {}, plain_ndcg),
    "r_precision": ("r_precision", {}, plain_r_precision),
    "rbp": ("rbp", {}, plain_rbp),
    "rbp, scaled": ("rbp", {"rbp_gain": "scaled"}, (lambda label: max(label, 0) / 4, plain_rbp)),
    "rbp, raw": ("rbp", {"rbp_gain": "raw"}, (lambda label: max(label, 0), plain_rbp)),
    "judged": ("judged", {}, plain_judged),
    "fallout": ("fallout", {}, plain_fallout),
}
WEIGHTED = {name for name, case in CASES.items() if case[0] in ("precision", "recall", "mrr", "dcg", "ndcg")}
WITHOUT_CUT = {"r_precision"}


def orders(rows: list[tuple[float | None, Row]]) -> list[list[Row]]:
    """Those in which no row stands above one of higher score."""
    ranked = sorted((row for row in rows if row[0] is not None), key=lambda row: -row[0])
    groups = [[row for _, row in group] for _, group in groupby(ranked, key=lambda row: row[0])]
    return [[row for group in order for row in group] for order in product(*(permutations(group) for group in groups))]


ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 1, 2, None]),
        st.tuples(st.sampled_from([-math.inf, -1, 0, 0, 1, 2, 4]), st.sampled_from([0.1, 0.25, 0.5, 1.0])),
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=60, deadline=None)
@given(rows=ROWS, k=st.none() | st.integers(1, 7), clip=st.sampled_from([0.0, 0.2]))
def test_average_is_the_mean_over_all_orders(case, rows, k, clip):
    name, options, plain = CASES[case]
    extra, plain = plain if isinstance(plain, tuple) else (None, plain)
    shown = {"propensity": [p for _, (_, p) in rows], "clip": clip} if case in WEIGHTED else {}
    weighted = [(score, (label, 1 / max(p, clip) if shown else 1.0)) for score, (label, p) in rows]
    labels = [None if label == -math.inf else label for _, (label, _) in rows]
    scores = np.array([score for score, _ in rows], object)
    cut = {} if name in WITHOUT_CUT else {"k": k}
    value = getattr(reference, name)(labels, scores, [7] * len(rows), no_relevant="skip", **cut, **options, **shown)
    lost = [row for score, row in weighted if score is None]
    relevant = any(label >= LEVEL for _, (label, _) in rows)
    found = {"judged": True, "fallout": not all(label >= LEVEL for _, (label, _) in rows)}.get(name, relevant)
    if not found or all(label is None for label in labels):
        assert math.isnan(value)
        return
    arguments = () if extra is None else (extra,)
    values = [plain(order, lost, k, *arguments) for order in orders(weighted)]
    assert value == pytest.approx(math.fsum(values) / len(values), rel=1e-12, abs=1e-15)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, k=st.none() | st.integers(1, 7), name=st.sampled_from(["precision", "mrr", "dcg"]))
def test_self_normalized_divides_by_the_mean_weight_above_the_cut(rows, k, name):
    rows = [(None if score is None else i, row) for i, (score, row) in enumerate(rows)]
    labels, scores = [label for _, (label, _) in rows], np.array([score for score, _ in rows], object)
    shown = [p for _, (_, p) in rows]
    metric = getattr(reference, name)
    value = metric(labels, scores, [0] * len(rows), k=k, propensity=shown, self_normalized=True)
    plain = metric(labels, scores, [0] * len(rows), k=k, propensity=shown)
    weights = [1 / p for score, (_, p) in sorted((row for row in rows if row[0] is not None), reverse=True)][:k]
    if not weights or all(label == -math.inf for label in labels):
        assert value == 0 or math.isnan(value)
    else:
        assert value == pytest.approx(plain / (sum(weights) / len(weights)), rel=1e-14)
    with pytest.raises(ValueError, match="rows tie from rank 1 on"):
        metric([1, 1], [3, 3], [0, 0], propensity=[0.5, 0.1], self_normalized=True)
