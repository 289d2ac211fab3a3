"""A state with many distinct scores, in parts that add up to it."""

from __future__ import annotations

import helpers
import numpy as np
import pyarrow as pa
import pytest

import fastrank as fr
from fastrank.spark.parts import parts_of

METRICS = ["auc", "average_precision", "log_loss", "ndcg@5"]
ROLES = {"label": "clicked", "score": ["p", "p2"], "query": "query"}


def rows(count: int) -> pa.RecordBatch:
    rng = np.random.default_rng(1)
    columns = {
        "clicked": rng.integers(0, 2, count),
        "p": rng.random(count),
        "p2": rng.random(count).astype(np.float32),
        "query": np.arange(count) // 7,
        "country": rng.integers(0, 3, count),
        "day": rng.integers(0, 2, count),
        "weight": rng.random(count),
    }
    return pa.RecordBatch.from_pydict({name: pa.array(values.tolist()) for name, values in columns.items()})


@pytest.mark.parametrize(
    ("count", "options"),
    [(150_000, {}), (3_000, {"by": [["country"], ["country", "day"]]}), (150_000, {"weight": "weight"})],
    ids=str,
)
def test_parts_add_up_in_any_order(count, options):
    held = helpers.fed(fr.Evaluator(METRICS, **ROLES, **options), [rows(count)])
    parts = list(parts_of(held, most=10_000))
    assert len(parts) > 4
    assert max(part.nbytes for part in parts) < held.state().nbytes / 2
    expected = helpers.result_bits(held.result())
    for order in (parts, parts[::-1]):
        assert helpers.result_bits(fr.merge_states(order).result()) == expected
    assert helpers.result_bits(fr.merge_states(parts[:-1]).result()) != expected


def test_a_small_state_is_one_part():
    held = helpers.fed(fr.Evaluator(METRICS, **ROLES), [rows(300)])
    (part,) = parts_of(held)
    assert part.equals(held.state())
