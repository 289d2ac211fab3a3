"""One table of cases: a metric, or several, their data, and who computes them.

Every contestant takes the arrays of the data by name; "numpy" is what one writes in NumPy, or the readable twin of
`fastrank.reference`.  Each answer is checked against that before it is timed.  First comes a case of each metric, then
come those that differ in the shape of the data.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import by_numpy
import curves_by_numpy
import online_by_numpy
import peers
import pyarrow as pa
import regression_by_numpy
from contestants import Case, Contestant
from data import (
    JUDGED,
    RUN_ROWS,
    SLICES,
    classes,
    clicked_lists,
    clicks,
    forecasts,
    lists,
    named_run,
    pooled_lists,
    run,
    scattered_lists,
    sliced_clicks,
    users,
)
from drift_by_numpy import DRIFT

import fastrank as fr
from fastrank import reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from contestants import Arrays

__all__ = ["CASES"]

LABELLED = {"label": "label", "score": "score"}
RANKED = {**LABELLED, "query": "query"}
CLASS_WEIGHTS = {0: 0.5, 1: 8.0}
RUN = {"query": "query", "item": "item", "score": "score"}
# Row by row the twins of ranking metrics are Python loops: a small input tells enough.
SLOW_ROWS = 50_000


def _fastrank(
    metrics: tuple[str, ...],
    roles: dict[str, str],
    prepare: Callable[[Arrays], Any] = pa.table,
    threads: int = 1,
    **options: Any,
) -> Contestant:
    """`fastrank.evaluate` over an Arrow table in memory."""

    def evaluate(table: pa.Table) -> list[float]:
        result = fr.evaluate(table, list(metrics), **roles, threads=threads, **options)
        return [float(result[metric]) for metric in metrics]

    return Contestant(evaluate, prepare)


def _threads(metrics: tuple[str, ...], roles: dict[str, str], **options: Any) -> dict[str, Contestant]:
    return {
        "fastrank": _fastrank(metrics, roles, **options),
        "fastrank, 2 threads": _fastrank(metrics, roles, threads=2, **options),
    }


def _of_rows(metric: str, numpy: Contestant, **others: Contestant) -> Case:
    """A metric of a click log."""
    peers = {name.replace("_", "-"): contestant for name, contestant in others.items()}
    return Case(metric, clicks, {"numpy": numpy, **_threads((metric,), LABELLED), **peers})


# What is asked of each model of clicks, together.
CLICK_SET = ("log_loss", "nce", "brier", "calibration_ratio", "ece")


def _click_set_by_numpy(arrays: Arrays) -> list[float]:
    loss, nce = by_numpy.log_loss(arrays), by_numpy.nce(arrays)
    return [loss, nce, by_numpy.squared_error(arrays), by_numpy.calibration_ratio(arrays), curves_by_numpy.ece(arrays)]


def _of_users(metric: str, numpy: Callable[[Arrays], Any]) -> Case:
    """A metric of columns of numbers."""
    return Case(metric, users, {"numpy": Contestant(numpy, tolerance=1e-9), **_threads((metric,), {})})


def _row_of_users(metric: str) -> Contestant:
    """A metric with its interval."""

    def evaluate(table: pa.Table) -> list[float]:
        (row,) = fr.evaluate(table, metric).table.to_pylist()
        return [row["value"], row["ci_lower"], row["ci_upper"]]

    return Contestant(evaluate, pa.table)


def _quantiles(metric: str) -> Contestant:
    """The quantiles of a column."""

    def evaluate(table: pa.Table) -> list[float]:
        values = fr.evaluate(table, metric).curve(metric)["value"].to_pylist()
        return [float(value) for value in values]

    return Contestant(evaluate, pa.table)


def _squared(label: float, score: float) -> float:
    return (score - label) * (score - label)


def _of_a_function(table: pa.Table, threads: int) -> float:
    """The mean of a user's own function, which is compiled once."""
    metric = fr.metrics.mean_of(_squared, name="squared")
    return float(fr.evaluate(table, metric, **LABELLED, threads=threads)["squared"])


def _of_classes(metric: str, numpy: Contestant, peer: Contestant | None = None) -> Case:
    """A metric of ten classes."""
    fastrank = {name: replace(each, prepare=dict) for name, each in _threads((metric,), LABELLED).items()}
    largest = replace(numpy, largest=peers.CLASS_ROWS)
    others = {} if peer is None else {"scikit-learn": peer}
    return Case(metric, classes, {"numpy": largest, **fastrank, **others})


def _of_lists(
    metric: str, *columns: str, twin: str = "", data: Callable[[int], Arrays] = lists, **parameters: Any
) -> Case:
    """A metric of ranked lists, against its twin, which takes `columns` and has these parameters besides k."""
    name, _, k = metric.partition("@")
    if k:
        parameters["k"] = int(k)
    specified = getattr(reference, twin or name.partition("(")[0])

    def run(arrays: Arrays) -> float:
        of_items = {column: arrays[column] for column in columns}
        return float(specified(arrays["label"], arrays["score"], arrays["query"], **of_items, **parameters))

    roles = {**RANKED, "item": "item"} if "item" in columns else RANKED
    contestants = {"numpy": Contestant(run, largest=SLOW_ROWS), "fastrank": _fastrank((metric,), roles)}
    return Case(metric, data, contestants)


def _list_columns(arrays: Arrays, width: int = 100) -> pa.Table:
    """A row a query."""
    offsets = pa.array(range(0, len(arrays["query"]) + 1, width), pa.int32())
    columns = {name: pa.ListArray.from_arrays(offsets, pa.array(arrays[name])) for name in ("label", "score")}
    return pa.table({"query": arrays["query"][::width], **columns})


def _judged(ids: str, data: Callable[[int], Arrays], largest: int | None, **peers: Contestant) -> Case:
    """A run, and judgments apart from it."""
    metrics = ("ndcg@10", "map")

    def prepare(arrays: Arrays) -> tuple[pa.Table, pa.Table]:
        judgments = {name: arrays[f"judged_{name}"] for name in ("query", "item", "label")}
        return pa.table({name: arrays[name] for name in RUN}), pa.table(judgments)

    def evaluate(tables: tuple[pa.Table, pa.Table], threads: int) -> list[float]:
        result = fr.evaluate(tables[0], list(metrics), **RUN, qrels=tables[1], threads=threads)
        return [float(result[metric]) for metric in metrics]

    contestants = {
        "numpy": by_numpy.judged(*metrics, run_rows=RUN_ROWS, judgments=JUDGED, largest=largest),
        "fastrank": Contestant(partial(evaluate, threads=1), prepare),
        "fastrank, 2 threads": Contestant(partial(evaluate, threads=2), prepare),
    }
    return Case(f"ndcg@10, map: run and judgments, {ids}", data, {**contestants, **peers})


def _sliced(metric: str, threads: int) -> Contestant:
    """The values of a metric of a click log by slice."""

    def evaluate(table: pa.Table) -> list[float]:
        result = fr.evaluate(table, metric, **LABELLED, by="slice", threads=threads)
        return [float(result[metric, {"slice": s}]) for s in range(SLICES)]

    return Contestant(evaluate, pa.table)


# About one row in seven is above it.  It is a float32, so that NumPy compares with the same number.
AT = 0.125
BETA = {"binary_f_beta": "beta=2, "}
SKLEARN_DECIDED: dict[str, tuple[str, dict[str, Any]]] = {
    "binary_precision": ("precision_score", {}),
    "binary_recall": ("recall_score", {}),
    "binary_specificity": ("recall_score", {"pos_label": 0}),
    "binary_f1": ("f1_score", {}),
    "binary_f_beta": ("fbeta_score", {"beta": 2}),
    "accuracy": ("accuracy_score", {}),
    "balanced_accuracy": ("balanced_accuracy_score", {}),
    "mcc": ("matthews_corrcoef", {}),
}


def _decided(name: str) -> Case:
    """A metric of decisions of a click log."""
    peer, options = SKLEARN_DECIDED.get(name, ("", {}))
    others = {"scikit_learn": peers.sklearn(peer, at=AT, **options)} if peer else {}
    return _of_rows(f"{name}({BETA.get(name, '')}threshold={AT})", by_numpy.decided(name, AT), **others)


SKLEARN_TARGETED: dict[str, tuple[str, dict[str, Any]]] = {
    "mse": ("mean_squared_error", {}),
    "rmse": ("root_mean_squared_error", {}),
    "mae": ("mean_absolute_error", {}),
    "max_error": ("max_error", {}),
    "quantile_loss(alpha=0.9)": ("mean_pinball_loss", {"alpha": 0.9}),
    "msle": ("mean_squared_log_error", {}),
    "rmsle": ("root_mean_squared_log_error", {}),
    "mape": ("mean_absolute_percentage_error", {}),
    "poisson_deviance": ("mean_poisson_deviance", {}),
    "gamma_deviance": ("mean_gamma_deviance", {}),
    "tweedie_deviance(power=1.5)": ("mean_tweedie_deviance", {"power": 1.5}),
}


def _of_targets(metric: str) -> Case:
    """A metric of forecasts of amounts."""
    others = {}
    if metric in SKLEARN_TARGETED:
        name, options = SKLEARN_TARGETED[metric]
        others["scikit-learn"] = peers.sklearn(name, tolerance=1e-4, **options)  # in float32
    contestants = {"numpy": regression_by_numpy.targeted(metric), **_threads((metric,), LABELLED), **others}
    return Case(metric, forecasts, contestants)


HUNDRED = [i / 128 for i in range(1, 101)]
SIX = ("ndcg@10", "map@10", "mrr@10", "recall@10", "precision@10", "hit_rate@10")
UNCUT = ("map", "ndcg")
LONG = partial(lists, width=1000)
SHORT = partial(lists, width=5)
TREC_UNCUT = {"map": "map", "ndcg": "ndcg"}
TREC_NDCG = {"ndcg_cut.10": "ndcg_cut_10"}

CASES = [
    _of_rows(
        "log_loss",
        Contestant(by_numpy.log_loss),
        # scikit-learn computes float32 probabilities in float32.
        scikit_learn=peers.sklearn("log_loss", tolerance=1e-5),
    ),
    _of_rows("log_loss(from_logits=True)", Contestant(by_numpy.logit_loss)),
    _of_rows("nce", Contestant(by_numpy.nce)),
    _of_rows("rig", Contestant(by_numpy.rig)),
    _of_rows("focal", Contestant(by_numpy.focal)),
    _of_rows("hinge", Contestant(by_numpy.hinge), scikit_learn=peers.sklearn("hinge_loss", tolerance=1e-5)),
    _of_rows(
        "brier", Contestant(by_numpy.squared_error), scikit_learn=peers.sklearn("brier_score_loss", tolerance=1e-5)
    ),
    *(_of_targets(metric) for metric in regression_by_numpy.TARGETED),
    Case(
        "mean_of(squared error)",
        clicks,
        {
            "numpy": Contestant(by_numpy.squared_error),
            "fastrank": Contestant(partial(_of_a_function, threads=1), pa.table),
            "fastrank, 2 threads": Contestant(partial(_of_a_function, threads=2), pa.table),
        },
    ),
    _of_rows("calibration_ratio", Contestant(by_numpy.calibration_ratio)),
    _of_rows("r2", Contestant(by_numpy.r2), scikit_learn=peers.sklearn("r2_score", tolerance=1e-5)),
    _of_rows("pearson", Contestant(by_numpy.pearson)),
    # A few terms of one sign and the other cancel in a bin.
    _of_rows("calibration_curve", Contestant(partial(curves_by_numpy.ece, count=10), tolerance=1e-9)),
    _of_rows("ece", Contestant(curves_by_numpy.ece, tolerance=1e-9)),
    _of_rows("mce", Contestant(curves_by_numpy.mce, tolerance=1e-9)),
    _of_rows("rmsce", Contestant(curves_by_numpy.rmsce, tolerance=1e-9)),
    _of_rows("ece(strategy=quantile)", Contestant(curves_by_numpy.ece_of_equal_mass, tolerance=1e-9)),
    _of_rows("brier_decomposition(part=reliability)", Contestant(curves_by_numpy.brier_reliability, tolerance=1e-9)),
    _of_rows("auc", Contestant(by_numpy.auc), scikit_learn=peers.sklearn("roc_auc_score")),
    _of_rows(
        "auc(bits=20)",
        Contestant(by_numpy.auc, tolerance=1e-5),
        scikit_learn=peers.sklearn("roc_auc_score"),
    ),
    Case(
        "gauc",
        clicked_lists,
        {"numpy": Contestant(by_numpy.gauc), **_threads(("gauc",), RANKED), "scikit-learn": peers.sklearn_gauc()},
    ),
    *(_decided(name) for name in by_numpy.DECIDED),
    Case(
        "binary_f1: 100 thresholds",
        clicks,
        {"numpy": by_numpy.best_f1(HUNDRED), **_threads((f"binary_f1(threshold={HUNDRED})",), LABELLED)},
    ),
    _of_rows("auc_gini", Contestant(by_numpy.auc_gini)),
    _of_rows("auc_standard_error", Contestant(by_numpy.auc_standard_error)),
    _of_rows("ks", Contestant(by_numpy.ks)),
    _of_rows(
        "average_precision",
        Contestant(by_numpy.average_precision),
        scikit_learn=peers.sklearn("average_precision_score"),
    ),
    _of_rows("pr_auc", Contestant(by_numpy.average_precision)),
    _of_rows("roc_curve", Contestant(by_numpy.auc), scikit_learn=peers.sklearn("roc_auc_score")),
    _of_rows("roc_curve(points=1000)", Contestant(by_numpy.auc)),
    _of_rows("pr_curve", Contestant(curves_by_numpy.pr_curve), scikit_learn=peers.sklearn("average_precision_score")),
    _of_rows("recall_at_precision", Contestant(curves_by_numpy.recall_at_precision)),
    _of_rows("precision_at_recall", Contestant(curves_by_numpy.precision_at_recall)),
    _of_rows("tpr_at_fpr", Contestant(curves_by_numpy.tpr_at_fpr)),
    _of_rows("best_threshold", Contestant(curves_by_numpy.best_threshold)),
    _of_rows("score_quantiles", Contestant(curves_by_numpy.median)),
    _of_rows("lift", Contestant(curves_by_numpy.lift)),
    _of_rows("cumulative_gain", Contestant(curves_by_numpy.cumulative_gain)),
    *(
        _of_rows(name, Contestant(online_by_numpy.rate))
        for name in ("rate", "ctr", "conversion_rate", "bounce_rate", "engagement_rate")
    ),
    _of_users("mean(value=seconds)", online_by_numpy.mean),
    _of_users("ratio(numerator=clicks, denominator=views)", online_by_numpy.ratio),
    _of_users("roi", online_by_numpy.roi),
    Case(
        "ratio(numerator=clicks, denominator=views, ci=0.95)",
        users,
        {
            "numpy": Contestant(online_by_numpy.ratio_with_interval, tolerance=1e-9),
            "fastrank": _row_of_users("ratio(numerator=clicks, denominator=views, ci=0.95)"),
        },
    ),
    Case(
        "quantiles(value=seconds)",
        users,
        {"numpy": Contestant(online_by_numpy.quantiles), "fastrank": _quantiles("quantiles(value=seconds)")},
    ),
    _of_classes(
        "multiclass_auc",
        Contestant(by_numpy.class_aucs),
        peers.sklearn_multiclass("roc_auc_score", multi_class="ovr"),
    ),
    _of_classes(
        "multiclass_log_loss",
        Contestant(by_numpy.log_loss_of_classes),
        peers.sklearn_multiclass("log_loss", tolerance=1e-5),
    ),
    _of_classes("multiclass_log_loss(from_logits=True)", Contestant(by_numpy.logit_loss_of_classes)),
    _of_classes(
        "multiclass_brier",
        Contestant(by_numpy.brier_of_classes),
        peers.sklearn_multiclass("brier_score_loss", tolerance=1e-5),
    ),
    _of_classes(
        "multiclass_hinge",
        Contestant(by_numpy.hinge_of_classes),
        peers.sklearn_multiclass("hinge_loss", tolerance=1e-5),
    ),
    _of_classes("top_k_accuracy@5", by_numpy.hits_of_classes(5), peers.sklearn_multiclass("top_k_accuracy_score", k=5)),
    _of_classes("multiclass_confusion", Contestant(by_numpy.right_classes), peers.sklearn_multiclass("accuracy_score")),
    _of_lists("ndcg"),
    _of_lists("dcg@10"),
    _of_lists("map"),
    _of_lists("map@10"),
    _of_lists("mrr"),
    _of_lists("mrr@10"),
    _of_lists("precision@10"),
    _of_lists("recall@10"),
    _of_lists("f_beta@10"),
    _of_lists("hit_rate@10"),
    _of_lists("r_precision"),
    _of_lists("fallout@10"),
    _of_lists("err@10"),
    _of_lists("rbp"),
    _of_lists("iprec(recall=0.3)", recall=0.3),
    _of_lists("11pt_avg", twin="avg_11pt"),
    _of_lists("num_ret"),
    _of_lists("num_rel"),
    _of_lists("num_rel_ret"),
    _of_lists("judged@10", data=pooled_lists),
    _of_lists("bpref", data=pooled_lists),
    _of_lists("infap", data=pooled_lists),
    _of_lists("coverage@10", "item", data=pooled_lists),
    _of_lists("item_gini@10", "item", data=pooled_lists),
    _of_lists("popularity@10", "popularity", data=pooled_lists),
    _of_lists("novelty@10", "popularity", data=pooled_lists),
    _of_lists("freshness@10", "age", data=pooled_lists),
    _of_lists("intra_list_diversity@10", "category", data=pooled_lists),
    _of_lists("alpha_ndcg@10", "category", data=pooled_lists),
    _of_lists("exposure@10", "group", data=pooled_lists),
    Case(
        "auc(bits=20): 20 slices",
        sliced_clicks,
        {
            "numpy": Contestant(by_numpy.sliced_auc, tolerance=1e-4),
            "fastrank": _sliced("auc(bits=20)", 1),
            "fastrank, 2 threads": _sliced("auc(bits=20)", 2),
        },
    ),
    Case(
        "ndcg@10: 100 rows a query",
        lists,
        {
            "numpy": by_numpy.ranked("ndcg@10"),
            **_threads(("ndcg@10",), RANKED),
            "scikit-learn": peers.sklearn_ndcg(),
            "ranx": peers.ranx("ndcg@10"),
            "ranx, building": peers.ranx_building("ndcg@10"),
            "pytrec_eval": peers.pytrec_eval(TREC_NDCG),
            "DuckDB": peers.duckdb_ndcg(),
            "Polars": peers.polars_ndcg(),
        },
    ),
    Case(
        "ndcg@10, map@10, mrr@10, recall@10, precision@10, hit_rate@10: 100 rows a query",
        lists,
        {"numpy": by_numpy.ranked(*SIX), **_threads(SIX, RANKED), "ranx": peers.ranx(*SIX)},
    ),
    Case(
        "map, ndcg: 1,000 rows a query",
        LONG,
        {
            "numpy": by_numpy.ranked(*UNCUT, width=1000),
            **_threads(UNCUT, RANKED),
            "ranx": peers.ranx(*UNCUT),
            "pytrec_eval": peers.pytrec_eval(TREC_UNCUT),
        },
    ),
    Case(
        "ndcg@10: 5 rows a query",
        SHORT,
        {
            "numpy": by_numpy.ranked("ndcg@10", width=5),
            **_threads(("ndcg@10",), RANKED),
            "ranx": peers.ranx("ndcg@10"),
            "DuckDB": peers.duckdb_ndcg(),
            "Polars": peers.polars_ndcg(),
        },
    ),
    Case(
        "map, ndcg: 5 rows a query",
        SHORT,
        {"numpy": by_numpy.ranked(*UNCUT, width=5), **_threads(UNCUT, RANKED), "ranx": peers.ranx(*UNCUT)},
    ),
    _judged("integer ids", run, None),
    _judged(
        "string ids",
        named_run,
        1_000_000,
        ranx=peers.ranx("ndcg@10", "map"),
        pytrec_eval=peers.pytrec_eval({**TREC_NDCG, "map": "map"}),
    ),
    Case(
        "ndcg@10: scattered queries",
        scattered_lists,
        {
            "numpy": by_numpy.scattered("ndcg@10"),
            **_threads(("ndcg@10",), RANKED, queries="scattered"),
            "DuckDB": peers.duckdb_ndcg(),
            "Polars": peers.polars_ndcg(),
        },
    ),
    Case(
        ", ".join(CLICK_SET),
        clicks,
        {"numpy": Contestant(_click_set_by_numpy, tolerance=1e-5), **_threads(CLICK_SET, LABELLED)},
    ),
    Case(
        "log_loss: class weights",
        clicks,
        {
            "numpy": Contestant(partial(by_numpy.weighted_log_loss, weights=CLASS_WEIGHTS)),
            **_threads(("log_loss",), LABELLED, class_weight=CLASS_WEIGHTS),
        },
    ),
    DRIFT,
    Case(
        "ndcg@10: list columns",
        lists,
        {"numpy": by_numpy.ranked("ndcg@10"), **_threads(("ndcg@10",), RANKED, prepare=_list_columns)},
    ),
]
