"""Metrics as one computes them with other tools, each on one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from contestants import Contestant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contestants import Arrays

__all__ = [
    "duckdb_ndcg",
    "polars_ndcg",
    "pytrec_eval",
    "ranx",
    "sklearn",
    "sklearn_gauc",
    "sklearn_multiclass",
    "sklearn_ndcg",
]

CLASS_ROWS = 1_000_000  # of ten scores each

Pairs = dict[str, dict[str, Any]]


def sklearn(name: str, tolerance: float = 1e-12, at: float | None = None, **options: Any) -> Contestant:
    """One of its metrics, of scores or of decisions at a threshold."""

    def run(arrays: Arrays) -> float:
        from sklearn import metrics

        score = arrays["score"] if at is None else arrays["score"] >= at
        return float(getattr(metrics, name)(arrays["label"], score, **options))

    return Contestant(run, tolerance=tolerance)


def sklearn_gauc(width: int = 100) -> Contestant:
    """A call a query, of lists of `width` rows each of one weight."""

    def run(arrays: Arrays) -> float:
        from sklearn.metrics import roc_auc_score

        rows = zip(arrays["label"].reshape(-1, width), arrays["score"].reshape(-1, width), strict=True)
        return float(np.mean([roc_auc_score(label, score) for label, score in rows if label.any() and not label.all()]))

    return Contestant(run, largest=100_000)


def sklearn_multiclass(name: str, tolerance: float = 1e-12, **options: Any) -> Contestant:
    """A metric of a matrix of scores; of the class with the highest score where it takes predictions."""

    def run(arrays: Arrays) -> float:
        from sklearn import metrics

        score = arrays["score"]
        given = score.argmax(axis=1) if name == "accuracy_score" else score
        return float(getattr(metrics, name)(arrays["label"], given, **options))

    return Contestant(run, tolerance=tolerance, largest=CLASS_ROWS)


def sklearn_ndcg(width: int = 100) -> Contestant:
    """nDCG@10; untied rows need no average over their orders."""

    def run(arrays: Arrays) -> float:
        from sklearn.metrics import ndcg_score

        label, score = arrays["label"].reshape(-1, width), arrays["score"].reshape(-1, width)
        return float(ndcg_score(label, score, k=10, ignore_ties=True))

    return Contestant(run)


def _by_query(query: Any, item: Any, value: Any) -> Pairs:
    pairs: Pairs = {}
    for q, i, v in zip(query.tolist(), item.tolist(), value.tolist(), strict=True):
        pairs.setdefault(str(q), {})[str(i)] = v
    return pairs


def _judgments_and_run(arrays: Arrays) -> tuple[Pairs, Pairs]:
    """As dicts of dicts.  Lists with labels are judgments of all rows, which get their number for an id."""
    item = arrays["item"] if "judged_item" in arrays else np.arange(len(arrays["query"]))
    judged = [arrays.get(f"judged_{name}") for name in ("query", "item", "label")]
    if judged[0] is None:
        judged = [arrays["query"], item, arrays["label"]]
    return _by_query(*judged), _by_query(arrays["query"], item, arrays["score"])


RANX_ROWS = 1_000_000  # its dictionaries take minutes to make


def ranx(*metrics: str, largest: int = RANX_ROWS) -> Contestant:
    """`evaluate` of Qrels and Run, which hold their rows in order: sorting them is not timed."""

    def prepare(arrays: Arrays) -> tuple[Any, Any]:
        from ranx import Qrels, Run

        judgments, run = _judgments_and_run(arrays)
        return Qrels(judgments), Run(run)

    def evaluate(prepared: tuple[Any, Any]) -> list[float]:
        from ranx import evaluate

        found = evaluate(*prepared, list(metrics), threads=1, save_results_in_run=False)
        return [float(found[metric]) for metric in metrics] if isinstance(found, dict) else [float(found)]

    return Contestant(evaluate, prepare, largest=largest, needs="ranx")


def ranx_building(*metrics: str, largest: int = 200_000) -> Contestant:
    """The same with Qrels and Run made of dictionaries first."""
    built = ranx(*metrics)

    def run(dicts: tuple[Pairs, Pairs]) -> Any:
        from ranx import Qrels, Run

        return built.run((Qrels(dicts[0]), Run(dicts[1])))

    return Contestant(run, _judgments_and_run, largest=largest, needs="ranx")


def pytrec_eval(names: Mapping[str, str], largest: int = RANX_ROWS) -> Contestant:
    """`names` maps each measure to the name that its values have."""

    def prepare(arrays: Arrays) -> tuple[Any, Pairs]:
        from pytrec_eval import RelevanceEvaluator

        judgments, run = _judgments_and_run(arrays)
        return RelevanceEvaluator(judgments, set(names)), run

    def run(prepared: tuple[Any, Pairs]) -> list[float]:
        evaluator, pairs = prepared
        found = evaluator.evaluate(pairs)
        return [sum(values[name] for values in found.values()) / len(found) for name in names.values()]

    return Contestant(run, prepare, largest=largest, needs="pytrec_eval")


NDCG_SQL = """
    WITH ranked AS (
        SELECT query, label,
            row_number() OVER (PARTITION BY query ORDER BY score DESC) AS rank,
            row_number() OVER (PARTITION BY query ORDER BY label DESC) AS best
        FROM rows
    ), sums AS (
        SELECT sum(label / log2(rank + 1)) FILTER (rank <= 10) AS dcg,
            sum(label / log2(best + 1)) FILTER (best <= 10) AS ideal
        FROM ranked GROUP BY query
    )
    SELECT avg(CASE WHEN ideal > 0 THEN dcg / ideal ELSE 0 END) FROM sums
"""


def duckdb_ndcg() -> Contestant:
    """nDCG@10 in SQL, over a table of DuckDB's own."""

    def prepare(arrays: Arrays) -> Any:
        import duckdb
        import pyarrow as pa

        connection = duckdb.connect(config={"threads": 1})
        connection.register("arrays", pa.table(arrays))
        connection.execute("CREATE TABLE rows AS SELECT * FROM arrays")
        return connection

    return Contestant(lambda connection: float(connection.execute(NDCG_SQL).fetchone()[0]), prepare)


def polars_ndcg() -> Contestant:
    """nDCG@10 in expressions; conftest.py limits Polars to a thread."""

    def prepare(arrays: Arrays) -> Any:
        import polars as pl

        return pl.DataFrame(arrays)

    def run(frame: Any) -> float:
        import polars as pl

        label = pl.col("label")

        def dcg(by: str) -> Any:
            rank = pl.col(by).rank("ordinal", descending=True)
            return (label / (rank + 1).log(2)).filter(rank <= 10).sum()

        sums = frame.lazy().group_by("query").agg(dcg=dcg("score"), ideal=dcg("label"))
        value = pl.when(pl.col("ideal") > 0).then(pl.col("dcg") / pl.col("ideal")).otherwise(0.0)
        return float(sums.select(value.mean()).collect().item())

    return Contestant(run, prepare)
