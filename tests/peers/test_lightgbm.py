"""preset="lightgbm", against LightGBM."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from peer_rows import GRADED, Collection, make_collection, spelled

import fastrank as fr

CUTOFFS = (1, 3, 5, 20)
ROLES = {"label": "label", "score": "score", "query": "query"}


def answers(collection: Collection, weight: np.ndarray | None = None, **options: object) -> dict[str, float]:
    """The means over lists: scores are what training starts from."""
    scores = [score for scores in collection.run.values() for score in scores.values()]
    labels = [collection.qrels[query][item] for query, scores in collection.run.items() for item in scores]
    sizes = [len(scores) for scores in collection.run.values()]
    data = lightgbm.Dataset(np.arange(len(scores))[:, None], labels, weight=weight, group=sizes, init_score=scores)
    settings = {"objective": "lambdarank", "metric": ["ndcg", "map"], "eval_at": CUTOFFS, "verbosity": -1, **options}
    booster = lightgbm.Booster(settings, data)
    return {name: value for _, name, value, _ in booster.eval_train()}


@pytest.mark.parametrize("seed", range(4))
def test_means(seed):
    collection = make_collection(40 + seed, complete=True, longest=14 + 20 * seed)
    expected = answers(collection)
    assert set(expected) == {f"{name}@{k}" for name in ("ndcg", "map") for k in CUTOFFS}
    for metric, value in expected.items():
        (found,) = fr.evaluate(collection.rows, spelled(metric, "lightgbm"), **ROLES).to_dict()["value"]
        assert found == pytest.approx(value, rel=1e-12)


def test_every_list():
    # Of single lists too, so that no two differences cancel in a mean.
    for query in GRADED.run:
        collection = GRADED.only([query])
        for metric, value in answers(collection).items():
            (found,) = fr.evaluate(collection.rows, spelled(metric, "lightgbm"), **ROLES).to_dict()["value"]
            assert found == pytest.approx(value, rel=1e-12)


def test_a_table_of_gains():
    expected = answers(GRADED, label_gain=[0, 2, 3, 10])
    for k in CUTOFFS:
        metric = spelled(f"ndcg@{k}", "lightgbm", gain="{0: 0, 1: 2, 2: 3, 3: 10}")
        (found,) = fr.evaluate(GRADED.rows, metric, **ROLES).to_dict()["value"]
        assert found == pytest.approx(expected[f"ndcg@{k}"], rel=1e-12)


def test_weights_of_lists():
    # Lists without a relevant row count 1 there whatever their weight, and so the mean may exceed 1: not copied.
    collection = make_collection(45, complete=True).with_relevant()
    sizes = [len(scores) for scores in collection.run.values()]
    per_row = np.repeat(np.resize([0.5, 1.0, 2.0], len(sizes)), sizes)
    expected = answers(collection, weight=per_row)
    rows = collection.rows.append_column("weight", [per_row.tolist()])
    for metric, value in expected.items():
        (found,) = fr.evaluate(rows, spelled(metric, "lightgbm"), query_weight="weight", **ROLES).to_dict()["value"]
        # It keeps weights as float32, which these fit.
        assert found == pytest.approx(value, rel=1e-12)
        assert found != pytest.approx(answers(collection)[metric], rel=1e-6)


def test_negative_labels_are_refused():
    collection = make_collection(46, grades=(-1, 0, 1), complete=True)
    with pytest.raises(lightgbm.basic.LightGBMError, match="negative"):
        answers(collection)
    with pytest.raises(fr.FastrankError, match="not negative"):
        fr.evaluate(collection.rows, "ndcg(preset=lightgbm)@5", **ROLES)
