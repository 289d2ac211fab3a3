"""The rules of peers, as values of parameters of metrics of ranked lists.

Parameters that are not named keep their defaults; rules for parameters that a metric does not have do not apply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PEERS", "rules_of_peer"]

_TREC_EVAL = {"ties": "item_desc", "score_dtype": "float32", "missing_query": "skip", "p": 0.9}

# Peer -> rules for all metrics.  Those with idcg="listed" know only the rows that they are given: to match their other
# metrics too, leave out rows that were not retrieved.
PEERS: dict[str, dict[str, Any]] = {
    # Version 9, which pytrec_eval wraps; skips judged queries that the run lacks, as without -c.
    "trec_eval": _TREC_EVAL,
    "ir_measures": {**_TREC_EVAL, "missing_query": "zero", "p": 0.8},
    # Its order of tied rows is that of the run, up to some 15 of them.
    "ranx": {
        "ties": "input",
        "level_gates_gain": True,
        "negative_rel": "nonrelevant",
        "rbp_gain": "raw",
        "guard": False,
    },
    "sklearn": {"idcg": "listed", "negative_rel": "error"},
    # Of tied rows it leaves the order open, but for nDCG, which adds negative gains where it should refuse them.
    "torchmetrics": {
        "ties": "input",
        "score_dtype": "float32",
        "idcg": "listed",
        "ap_denominator": "hits",
        "negative_rel": "error",
    },
    "lightgbm": {
        "ties": "input",
        "gain": "exp2",
        "idcg": "listed",
        "no_relevant": "one",
        "ap_denominator": "min_rel_k_len",
        "negative_rel": "error",
    },
    # Version 2 and later, which divide AP by min(R, k).
    "xgboost": {
        "ties": "input",
        "score_dtype": "float32",
        "gain": "exp2",
        "idcg": "listed",
        "no_relevant": "one",
        "ap_denominator": "min_rel_k",
        "negative_rel": "error",
    },
    "spark": {
        "ties": "input",
        "duplicates": "count",
        "gain": "exp2",
        "idcg": "label_order",
        "ap_denominator": "min_rel_k",
    },
    # It knows interactions only, labels of 1; a user without any is none of its users.
    "rectools": {"ties": "input", "idcg": "full_k", "no_relevant": "skip"},
    "replay": {"ties": "item_desc", "ap_denominator": "min_rel_k"},
}

_MS_MARCO = {"ties": "item_asc", "score_dtype": "float64"}

# (peer, measure) -> rules that differ.
_OF_MEASURES: dict[tuple[str, str], dict[str, Any]] = {
    # Providers of its own, which read scores as they are.  Judged counts negative labels too.
    ("ir_measures", "judged"): {**_MS_MARCO, "negative_rel": "nonrelevant"},
    ("ir_measures", "err"): {"score_dtype": "float64"},
    ("torchmetrics", "ndcg"): {"ties": "average"},
    ("torchmetrics", "fallout"): {"no_relevant": "one"},
    ("xgboost", "precision"): {"precision_denominator": "min_k_len", "no_relevant": "zero"},
    **{("torchmetrics", name): {"drop_nonpositive": True} for name in ("map", "precision", "recall", "mrr")},
}


def rules_of_peer(peer: str, measure: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rules of a peer for a measure, where these parameters are given."""
    rules = {**PEERS[peer], **_OF_MEASURES.get((peer, measure), {})}
    if (peer, measure) == ("ir_measures", "mrr") and given.get("k") is not None:
        # RR is computed by pytrec_eval, RR@k by the provider for MS MARCO.
        return {**rules, **_MS_MARCO}
    if (peer, measure) == ("ir_measures", "ndcg") and given.get("gain") == "exp2":
        # By gdeval.pl.
        return {**rules, "score_dtype": "float64"}
    return rules
