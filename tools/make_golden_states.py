"""Writes states of this version's format, and what they answer, to tests/golden/states/format-N.

    python tools/make_golden_states.py

Files that are there are never written again: a state that some version wrote has to load in all later ones.  Run it
when the format, an accumulator's version, or the cases below change; the tests load whatever there is.
"""

from __future__ import annotations

import datetime
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

import fastrank as fr
from fastrank.wire import FORMAT

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "golden" / "states"
ROLES = {"label": "clicked", "score": "p"}
LISTS = {"label": "grade", "score": "p", "query": "query"}
CLASSES = {"label": "class", "score": "shares"}

# Name of the file -> metrics, arguments of the Evaluator.  Each kind of accumulator occurs.
CASES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "auc": (["auc", "ks", "average_precision"], {**ROLES, "weight": "weight", "by": ["country"]}),
    "auc_of_minus_one": (["auc"], {"label": "sign", "score": "p", "by": ["day"]}),
    "cells": (["auc(bits=12)", "quantiles(bits=12, value=amount)"], {**ROLES, "by": ["day"]}),
    "losses": (
        ["log_loss", "nce", "brier(where='amount > 1')", "calibration_ratio(name=ratio)"],
        {**ROLES, "weight": "weight", "by": ["country"], "where": "grade < 3"},
    ),
    "dropped": (["log_loss", "mse(label=grade, score=nullable)"], {**ROLES, "on_invalid": "drop"}),
    "class_weights": (["log_loss", "auc"], {**ROLES, "class_weight": {1: 2.5}, "negative_downsampling": 0.5}),
    "models": (["auc", "brier"], {"label": "clicked", "score": ["p", "p2"]}),
    "types": (
        ["log_loss"],
        {**ROLES, "by": [["day"], ["moment"], ["flag", "price"], ["bytes"], ["country", "day"]]},
    ),
    "bins": (["ece(bins=4)", "calibration_curve(bins=3)"], {**ROLES, "by": ["country"]}),
    "regression": (
        ["mse", "mae", "r2", "pearson", "mape", "smape", "max_error", "quantiles(value=amount)"],
        {"label": "amount", "score": "p", "by": ["flag"]},
    ),
    "decisions": (["mcc(threshold=0.25)", "confusion(threshold=[0.1, 0.5])"], {**ROLES}),
    "ranking": (["ndcg@3", "mrr", "map", "recall@2", "precision@1"], {**LISTS, "by": ["day"]}),
    "ranking_of_text": (["ndcg@3", "mrr(ties=item_desc)"], {**LISTS, "query": "user", "item": "item"}),
    "scattered": (["ndcg@3", "gauc(label=clicked)"], {**LISTS, "queries": "scattered", "by": ["country"]}),
    "gauc": (["gauc", "gauc(group_weight=pairs)"], {**ROLES, "query": "query"}),
    "aggregates": (
        ["ndcg(aggregation=std)@3", "rbp(aggregation=min)", "ndcg(aggregation=median)@3"],
        {**LISTS, "query_weight": "one"},
    ),
    "items": (
        ["coverage(ties=item_asc)@2", "item_gini(ties=item_asc)", "exposure(group=flag)"],
        {**LISTS, "item": "item"},
    ),
    "classes": (
        [
            *("multiclass_log_loss", "multiclass_auc", "multiclass_auc(bits=12)", "ece(mode=top_label)"),
            *("top_k_accuracy@2", "multiclass_auc(scheme=ovo)"),
        ],
        CLASSES,
    ),
    "confusion": (["multiclass_confusion"], {**CLASSES, "by": ["country"]}),
    "empty": (["auc", "log_loss"], {**ROLES, "by": ["country"]}),
}


def rows(count: int, first_query: int) -> pa.RecordBatch:
    """Rows that depend on no generator of random numbers: that of this year may not be that of the next."""
    draws, state = [], 12345 + first_query
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        draws.append(state >> 33)
    day, moment = datetime.date(2026, 1, 1), datetime.datetime(2026, 1, 1, 12)
    columns = {
        "p": pa.array([(x % 97 + 1) / 99 for x in draws], pa.float32()),
        "p2": pa.array([(x % 89 + 1) / 91 for x in draws]),
        "clicked": pa.array([x // 97 % 3 % 2 for x in draws], pa.int8()),
        "sign": pa.array([x // 97 % 2 * 2 - 1 for x in draws], pa.int8()),
        "grade": pa.array([x // 101 % 4 for x in draws], pa.int64()),
        "class": pa.array([x // 103 % 3 for x in draws], pa.int32()),
        "amount": pa.array([x % 1009 / 64 + 0.5 for x in draws]),
        "nullable": pa.array([None if x % 5 == 0 else x % 7 / 8 for x in draws]),
        "weight": pa.array([x % 4 / 2 for x in draws]),
        "one": pa.array([1.0] * count),
        "query": pa.array([first_query + i // 4 for i in range(count)], pa.int64()),
        "user": pa.array([f"u{first_query + i // 4}" for i in range(count)]),
        "item": pa.array([(i * 7 + first_query) % 11 for i in range(count)], pa.int64()),
        "country": pa.array([[None, "DE", "FR"][(i // 4) % 3] for i in range(count)]),
        "day": pa.array([day + datetime.timedelta(days=i // 4 % 2) for i in range(count)]),
        "moment": pa.array([moment + datetime.timedelta(hours=x % 3) for x in draws], pa.timestamp("us", "UTC")),
        "flag": pa.array([x % 11 > 5 for x in draws]),
        "price": pa.array([Decimal(x % 3) / 4 for x in draws], pa.decimal128(6, 2)),
        "bytes": pa.array([b"\x00", b"\xff"] * (count // 2), pa.binary()),
        "shares": pa.array([[[0.25, 0.25, 0.5], [0.5, 0.375, 0.125], [0.125, 0.625, 0.25]][x % 3] for x in draws]),
    }
    return pa.RecordBatch.from_pydict(columns)


def answers(result: fr.Result) -> list[dict[str, Any]]:
    """The table of a result, its values as JSON has them."""
    return [{name: plain(value) for name, value in row.items()} for row in result.table.to_pylist()]


def plain(value: Any) -> Any:
    """Numbers as they are, to the last bit; not-a-number and keys of other types as text."""
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and value - value == 0):
        return value
    return str(value)


def make(name: str) -> fr.Evaluator:
    """The evaluator of a case, fed."""
    metrics, arguments = CASES[name]
    evaluator = fr.Evaluator(metrics, **arguments)
    if name != "empty":
        for first_query in (0, 10):
            evaluator.update(rows(40, first_query))
    return evaluator


def main() -> int:
    folder = FOLDER / f"format-{FORMAT}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (metrics, arguments) in CASES.items():
        path = folder / f"{name}.arrow"
        if path.exists():
            continue
        evaluator = make(name)
        evaluator.save_state(path)
        about = {
            "metrics": metrics,
            # As pairs: JSON's keys are text.
            "arguments": {n: list(v.items()) if isinstance(v, dict) else v for n, v in arguments.items()},
            "answers": answers(evaluator.result()),
        }
        path.with_suffix(".json").write_text(json.dumps(about, indent=1) + "\n")
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
