"""How metrics are spelled, made and documented."""

from __future__ import annotations

import doctest
import importlib
import inspect
import math
import pickle
import pkgutil
import re
from ast import literal_eval
from types import SimpleNamespace

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import fastrank as fr
from fastrank import metrics as m
from fastrank.errors import ParameterError, UnknownMetricError
from fastrank.metrics.base import OVERRIDES
from fastrank.metrics.bins import Edges
from fastrank.metrics.forecasts import LargestValue, ZeroTarget
from fastrank.metrics.names import ClassNames, ColumnName, ColumnNames, Label
from fastrank.metrics.parameters import (
    Background,
    Choice,
    Discount,
    Epsilon,
    Fallback,
    Flag,
    Gain,
    Number,
    Numbers,
    WholeNumber,
)
from fastrank.metrics.spelling import spell

NAMES = fr.list_metrics()
DEFINITIONS = {name: m.definition_of(name) for name in NAMES}
# One name is none in Python.
FACTORIES = {name: getattr(m, {"11pt_avg": "avg_11pt"}.get(name, name)) for name in NAMES}


# ---------------------------------------------------------------------------------------------------------------------
# The canonical spelling

COLUMNS = st.one_of(
    st.sampled_from(
        ["class", "None", "True", "lambda", "p click", "größe", "ﬁt", "a'b", 'a"b', "a\\b", "a@1", "x)", "12", "-1", ""]
    ),
    st.text(min_size=1, max_size=6),
).filter(bool)


def values_of(kind) -> st.SearchStrategy:
    match kind:
        case WholeNumber(low=low, high=high, optional=optional):
            numbers = st.integers(low, 10**6 if high is None else high)
            return st.none() | numbers if optional else numbers
        case Number(low=low, high=high, closed=closed):
            top = None if high == float("inf") else high
            open_end = top is not None and "high" not in closed
            ends = {"exclude_min": "low" not in closed, "exclude_max": open_end}
            return st.floats(low, top, **ends, allow_nan=False, allow_infinity=False)
        case Numbers(low=low, high=high, closed=closed):
            return st.lists(values_of(Number(low, high, closed)), min_size=1, max_size=4)
        case Edges():
            inner = st.floats(0, 1, exclude_min=True, exclude_max=True)
            return st.none() | st.lists(inner, min_size=1, max_size=4, unique=True).map(sorted)
        case Choice(words=words):
            return st.sampled_from(words)
        case Gain():
            gains = st.floats(0, 1e300, allow_nan=False) | st.integers(0, 10**6)
            table = st.dictionaries(st.integers(-3, 10**7) | st.floats(0.1, 9.0), gains, min_size=1, max_size=4)
            return st.sampled_from(["linear", "exp2"]) | table.map(lambda table: {**table, 0: 0})
        case Discount():
            return st.just("log2")
        case Flag(word=word):
            return st.sampled_from([True, False, *([word] if word else [])])
        case Epsilon():
            return st.sampled_from([None, "dtype"]) | st.floats(2.0**-1022, 0.5, exclude_max=True)
        case Fallback(numbers=numbers):
            return st.sampled_from(["nan", *numbers])
        case ColumnName(optional=optional):
            return st.none() | COLUMNS if optional else COLUMNS
        case ColumnNames():
            return st.none() | st.lists(COLUMNS, min_size=2, max_size=4, unique=True)
        case ClassNames():
            names = st.lists(COLUMNS, min_size=2, max_size=4, unique=True)
            return st.none() | names | st.lists(st.integers(-(2**53), 2**53), min_size=2, max_size=4, unique=True)
        case Background():
            return st.sampled_from(["self", "overall", "global"]) | st.floats(2.0**-1022, 1 - 2.0**-53) | COLUMNS
        case ZeroTarget():
            return st.sampled_from(["skip", "COUNT", "inf", "max1"]) | st.floats(
                0, exclude_min=True, allow_infinity=False
            )
        case Discount():
            return st.just("log2")  # a function has no spelling
        case LargestValue():
            return st.sampled_from([200, 2, 100, 1])
        case Label():
            return st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-(2**53), 2**53) | COLUMNS
    raise AssertionError(f"a new kind of parameter: {kind}")


@st.composite
def made_metrics(draw) -> fr.Metric:
    definition = DEFINITIONS[draw(st.sampled_from(NAMES))]
    arguments = {name: draw(values_of(kind)) for name, kind in definition.parameters.items() if draw(st.booleans())}
    assume(not definition.conflict(SimpleNamespace(**definition.base(arguments) | arguments)))
    metric = FACTORIES[definition.name](**arguments)
    roles = [
        role for role in (*metric.domains, *definition.optional) if role in OVERRIDES and draw(st.integers(0, 3)) == 0
    ]
    arguments |= {role: draw(COLUMNS) for role in roles}
    if draw(st.booleans()):
        arguments["where"] = draw(
            st.sampled_from(["a = 1", "country in ('DE', 'it''s') and not b is null", '"x@y" < 2.5'])
        )
    return FACTORIES[definition.name](**arguments)


@settings(max_examples=300, deadline=None)
@given(made_metrics())
def test_the_canonical_spelling_is_read_back_as_the_same_metric(metric):
    again = m.parse(metric.canonical)
    assert again == [metric]
    assert again[0].canonical == metric.canonical
    assert (again[0].parameters, again[0].overrides, again[0].where) == (
        metric.parameters,
        metric.overrides,
        metric.where,
    )
    assert hash(again[0]) == hash(metric)


@settings(max_examples=200, deadline=None)
@given(made_metrics(), made_metrics())
def test_metrics_are_equal_where_all_they_are_made_of_is(one, other):
    parts = [(each.definition.name, each.parameters, each.overrides, each.where) for each in (one, other)]
    assert (one == other) == (parts[0] == parts[1])


@pytest.mark.parametrize("column", ["class", "None", "True", "import", "p click", "größe", "ﬁt", "a'b", "12"])
def test_columns_of_any_name_can_be_spelled(column):
    metric = m.auc(label=column)
    assert m.parse(metric.canonical)[0].overrides == {"label": column}


@pytest.mark.parametrize("gain", [{1: 0.123456789}, {1: 1e-9, 2: 1 / 3}, {1_234_567: 1}, {1: 12_345_678}])
def test_gains_are_spelled_in_full(gain):
    metric = m.ndcg(gain=gain)
    assert m.parse(metric.canonical)[0].parameters == metric.parameters
    assert metric != m.ndcg(gain={label: value * (1 + 2**-50) for label, value in gain.items()})


def test_metrics_that_differ_in_a_gain_only_are_kept_apart():
    gains = [m.ndcg(gain={1: 1.0, 2: 3.0}), m.ndcg(gain={1: 1.0000001, 2: 3.0})]
    assert gains[0] != gains[1]
    values = fr.evaluate(
        {"y": [0, 1, 2], "p": [3, 2, 1], "q": [1, 1, 1]}, gains, label="y", score="p", query="q"
    ).to_dict()["value"]
    assert len(set(values)) == 2


# (canonical spelling, other spellings)
SPELLINGS = {
    "ndcg@10": [
        "nDCG@10",
        "NDCG@10",
        "ndcg_cut_10",
        "ndcg_cut.10",
        "ndcg(k=10)",
        " ndcg @10 ",
        "NDCG(K=10)",
        "ndcg_10",
    ],
    "ndcg": [
        "nDCG",
        "ndcg()",
        "ndcg(gain=linear)",
        "ndcg(gain='LINEAR', ties=average)",
        "ndcg(k=None)",
        "normalized_dcg",
    ],
    "ndcg(gain=exp2)@10": ["ndcg_burges@10", "ndcg(gain=exp2, k=10)", "NDCG(GAIN=EXP2)@10", "ndcg_burges(k=10)"],
    "precision@5": ["P_5", "P@5", "p.5", "precision_5", "Precision(k=5)"],
    "recall@100": ["R@100", "recall_100", "recall.100"],
    "mrr": ["recip_rank", "RR", "reciprocal_rank", "MRR"],
    "mrr@10": ["RR@10", "mrr_10", "recip_rank@10"],
    "map": ["AP", "mAP", "mean_average_precision"],
    "map@10": ["map_cut_10", "AP@10", "MAP@10"],
    "hit_rate@1": ["success_1", "Success@1", "HR@1", "hitrate@1", "success.1"],
    "log_loss": ["logloss", "LogLoss", "cross_entropy", "bce", "log_loss(eps=2.220446049250313e-16)"],
    "nce": ["ne", "NE", "normalized_entropy", "nce(background=self)"],
    "auc": ["roc_auc", "AUC", "auroc", "roc_auc_score", "auc(bits=None)"],
    "auc(bits=20)": ["roc_auc(bits=20)", "AUC( bits = 20 )"],
    "mse": ["l2", "mean_squared_error"],
    "rmse": ["root_mean_squared_error", "RMSE"],
    "mae": ["l1", "mean_absolute_error", "MAE"],
    "mean_error": ["bias", "mean_bias_error"],
    "max_error": ["max_absolute_error", "maximum_error"],
    "huber": ["huber_loss", "huber(delta=1)", "huber(delta=1.0, form=HUBER)"],
    "huber(form=smooth_l1)": ["smooth_l1", "smooth_l1_loss"],
    "huber(delta=2, form=smooth_l1)": ["smooth_l1(delta=2)"],
    "quantile_loss": ["pinball", "pinball_loss", "mean_pinball_loss", "quantile_loss(alpha=None)"],
    "quantile_loss(alpha=0.9)": ["pinball(alpha=0.9)"],
    "quantile_loss(over_prediction_weight=0.9)": ["pinball_loss(over_prediction_weight=.9)"],
    "log_cosh": ["logcosh", "log_cosh_error"],
    "msle": ["mean_squared_log_error", "mean_squared_logarithmic_error"],
    "rmsle": ["root_mean_squared_log_error", "root_mean_squared_logarithmic_error"],
    "mape": ["mean_absolute_percentage_error", "MAPE", "mape(zero=SKIP)", "mape(percent=False)"],
    "mape(zero=1)": ["mape(zero=max1)", "mape(zero=1.0)"],
    "smape": ["symmetric_mean_absolute_percentage_error", "sMAPE", "smape(form=200)"],
    "wape": ["wmape", "weighted_mape", "weighted_mean_absolute_percentage_error"],
    "poisson_deviance": ["mean_poisson_deviance"],
    "gamma_deviance": ["mean_gamma_deviance"],
    "tweedie_deviance": ["mean_tweedie_deviance", "tweedie_deviance(power=0)"],
    "brier": ["brier_score", "brier_score_loss"],
    "r2": ["r2_score", "R2", "r_squared", "coefficient_of_determination", "r2(force_finite=false)"],
    "pearson": ["pearsonr", "pearson_correlation", "pearson_corrcoef"],
    "calibration_ratio": ["calibration", "pred_over_label"],
}


@pytest.mark.parametrize("canonical", SPELLINGS)
def test_aliases(canonical):
    for text in (canonical, *SPELLINGS[canonical]):
        assert [metric.canonical for metric in m.parse(text)] == [canonical], text


# Canonical spelling -> what trec_eval, ir_measures, ranx, Spark and others call it.
PEER_SPELLINGS = {
    "ndcg@10": ["ndcg_cut_10", "ndcg_cut.10", "nDCG@10", "NDCG@10", "ndcgAt(10)", "nDCG(cutoff=10)",
                "nDCG(dcg='log2')@10"],
    "ndcg(gain=exp2)@10": ["nDCG(dcg='exp-log2')@10", "ndcg_burges@10", "nDCG(dcg='exp-log2', cutoff=10)"],
    "ndcg(relevance_level=2)@10": ["ndcg@10-l2", "nDCG(rel=2)@10"],
    "dcg(gain=exp2)": ["dcg_burges"],
    "map": ["AP", "MAP", "meanAveragePrecision"],
    "map@10": ["map_cut_10", "map_cut.10", "AP@10", "MAP@10", "meanAveragePrecisionAt(10)"],
    "map(relevance_level=2)@10": ["AP(rel=2)@10", "map@10-l2", "AP(cutoff=10, rel=2)"],
    "map(relevance_level=2)": ["AP(rel=2)", "map-l2"],
    "map(aggregation=geometric)": ["gm_map"],
    "map(unjudged=drop)": ["AP(judged_only=True)"],
    "mrr": ["recip_rank", "RR", "MRR", "mrr"],
    "mrr@10": ["RR@10", "MRR@10", "mrr@10"],
    "precision@5": ["P_5", "P.5", "P@5", "precision@5", "Precision@5", "precisionAt(5)", "P(cutoff=5)"],
    "precision(relevance_level=2)@5": ["P(rel=2)@5", "precision@5-l2", "P_5(rel=2)"],
    "precision": ["set_P", "SetP"],
    "recall": ["set_recall", "SetR"],
    "recall@100": ["recall_100", "R@100", "recall@100", "Recall@100", "recallAt(100)"],
    "f_beta": ["set_F", "SetF", "f1"],
    "f_beta@5": ["f1@5", "F1Beta@5"],
    "hit_rate@1": ["success_1", "Success@1", "hit_rate@1", "HitRate@1"],
    "rbp(p=0.9)": ["rbp.p=0.9", "RBP(p=0.9)", "rbp.90", "rbp.0.9", "rbp.9"],
    "rbp(p=0.95)": ["rbp.95"],
    "rbp@10": ["RBP@10", "rbp(k=10)"],
    "rbp(p=0.9)@10": ["RBP(p=0.9)@10"],
    "iprec(recall=0.1)": ["iprec_at_recall_0.10", "iprec_at_recall.0.10", "iprec_at_recall..10", "IPrec@0.1",
                          "iprec(0.1)"],
    "iprec(recall=1)": ["iprec_at_recall_1.00", "IPrec@1.0", "IPrec@1", "iprec(1)"],
    "iprec": ["iprec_at_recall_0.00"],
    "r_precision": ["Rprec", "r-precision", "r_precision"],
    "r_precision(relevance_level=2)": ["Rprec(rel=2)", "r-precision-l2"],
    "bpref": ["bpref", "Bpref"],
    "infap": ["infAP"],
    "judged@10": ["Judged@10", "judged@10"],
    "11pt_avg": ["11pt_avg"],
    "num_ret": ["num_ret", "NumRet"],
    "num_rel": ["num_rel", "NumRel"],
    "num_rel_ret": ["num_rel_ret"],
}  # fmt: skip


@pytest.mark.parametrize("canonical", PEER_SPELLINGS)
def test_names_of_peers(canonical):
    for text in (canonical, *PEER_SPELLINGS[canonical]):
        assert [metric.canonical for metric in m.parse(text)] == [canonical], text


def test_other_names_are_told_of_in_python():
    with pytest.raises(AttributeError, match=r"no attribute 'logloss'; it is another name of log_loss: .*_loss\(\)$"):
        m.logloss  # noqa: B018
    with pytest.raises(AttributeError, match=r"another name of focal: metrics.focal\(from_logits=True, alpha=0.25\)$"):
        m.sigmoid_focal_loss  # noqa: B018
    with pytest.raises(AttributeError, match=r"module 'fastrank.metrics' has no attribute 'lgo_loss'$"):
        m.lgo_loss  # noqa: B018


def test_several_numbers_as_in_trec_eval():
    assert m.parse("P.5,10") == m.parse("P_5,10") == [m.precision(k=5), m.precision(k=10)]
    assert m.parse("iprec_at_recall..1,.2") == m.parse("IPrec@0.1,0.2") == [m.iprec(recall=0.1), m.iprec(recall=0.2)]


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("ratio(clicks, views, ci=0.9)", "ratio(numerator=clicks, denominator=views, ci=0.9)"),
        ("roi(earned, 'spent in all')", "roi(revenue=earned, cost='spent in all')"),
        ("median(seconds)", "quantiles(q=0.5, value=seconds)"),
        ("time_on_page(seconds)", "quantiles(value=seconds)"),
        ("quantiles(0.99, seconds)", "quantiles(q=0.99, value=seconds)"),
        ("quantiles([0.5, 0.9], seconds)", "quantiles(q=[0.5, 0.9], value=seconds)"),
        ("novelty(views)@10", "novelty(popularity=views)@10"),
        ("ece@10", "ece(bins=10)"),
        ("ece(n_bins=10)", "ece(bins=10)"),
    ],
)
def test_words_without_a_name_are_columns_and_a_number_is_the_parameter_it_fits(short, long):
    assert [metric.canonical for metric in m.parse(short)] == [long]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("num_q", r"^'num_q': the number of queries is the column `queries` of every result$"),
        ("NumQ", r"the number of queries is the column `queries`"),
        ("ndgc_cut_10", r"^no metric is called 'ndgc_cut' \(near: .*ndcg_cut"),
        ("unj_10", r"^no metric is called 'unj'"),
        ("ndcg@0.5", r"the cut-off after @ is '0.5'; allowed: integers from 1"),
        ("ndcg_cut_.5", r"the cut-off after @ is '.5'"),
        ("bpref@10", r"^'bpref@10': bpref has no cut-off @k$"),
        ("iprec@x", r"^'iprec@x': 'x' is no number$"),
        ("iprec@1.5", r"^iprec: recall=1.5; allowed: a number from 0 to 1$"),
        ("iprec(0.1, 0.2)", r"a metric is spelled name\("),
        ("iprec(0.1)@0.2", r"a metric is spelled name\("),
        ("iprec(0.1, recall=0.2)", r"recall is given twice$"),
        ("precision(0.1)", r"a metric is spelled name\("),
        ("median(0.9)", r"^'median\(0.9\)': q is given twice: median stands for quantiles\(q=0.5\)$"),
        ("ratio(a, b, c)", r"a metric is spelled name\("),
        ("mean(0.9)", r"^mean: value=0.9; allowed: the name of a column$"),
        ("mean(t, value=t)", r"value is given twice$"),
        ("rbp(*p)", r"a metric is spelled name\("),
        ("rbp.p=", r"no metric is called 'rbp.p='"),
        ("rbp.p=0..9", r"^'rbp.p=0..9': 0..9 is no number"),
        ("rbp.q=0.9", r"^rbp has no parameter 'q'"),
        ("P(rel=2, relevance_level=1)@5", r"relevance_level is given twice$"),
        ("precision(relevance_level=2)@5-l2", r"relevance_level is given twice$"),
        ("P(cutoff=5)@5", r"^'P\(cutoff=5\)@5': k is given twice$"),
        ("nDCG(dcg='exp')@5", r"^\"nDCG\(dcg='exp'\)@5\": dcg='exp'; allowed: 'log2', 'exp-log2'$"),
        ("P(dcg='log2')@5", r"^precision has no parameter 'dcg'"),
        ("auc-l2", r"^auc has no parameter 'relevance_level'"),
        ("SetF(beta=2)", r"^'SetF\(beta=2\)': beta is given twice: SetF stands for f_beta\(beta=1\)$"),
    ],
)
def test_what_peers_do_not_say(text, message):
    with pytest.raises((ParameterError, UnknownMetricError), match=message):
        m.parse(text)


def test_an_alias_changes_no_rules():
    for name, texts in PEER_SPELLINGS.items():
        for text in texts:
            (metric,) = m.parse(text)
            rules = {rule: value for rule, value in metric.parameters.items() if f"{rule}=" not in name and rule != "k"}
            assert rules == {rule: metric.definition.defaults[rule] for rule in rules}


def test_every_alias_and_preset_is_read():
    for name, definition in DEFINITIONS.items():
        for alias in definition.aliases:
            assert m.parse(alias) == m.parse(alias.upper()) == [FACTORIES[name]()]
        for preset, parameters in definition.presets.items():
            assert m.parse(preset) == [FACTORIES[name](**parameters)]


def test_several_cutoffs():
    assert m.parse("ndcg@1,5,10") == [m.ndcg(k=1), m.ndcg(k=5), m.ndcg(k=10)]
    assert m.parse("NDCG(gain=exp2)@ 5, 10 ") == [m.ndcg(k=5, gain="exp2"), m.ndcg(k=10, gain="exp2")]
    with pytest.raises(ParameterError, match=r"^'ndcg@5,': the cut-off after @ is ''"):
        m.parse("ndcg@5,")


@pytest.mark.parametrize("text", ["ndcg(5)@5", "ndcg(k=5", "ndcg)k=5(", "ndcg(**x)", "ndcg(k=5)(k=5)", "ndcg(k=5) x"])
def test_what_is_no_call(text):
    with pytest.raises(ParameterError, match=r": a metric is spelled name\(parameter=value, ...\)@k$"):
        m.parse(text)


@pytest.mark.parametrize("text", ["auc(bits=12; 3)", "auc(positive=>50K)", "auc(positive=Iris setosa)"])
def test_text_without_its_quotes(text):
    with pytest.raises(ParameterError, match=r"\)@k; text that is no plain word stands in quotes$"):
        m.parse(text)
    assert m.parse("auc(positive='>50K')")[0] == m.auc(positive=">50K")


def test_a_value_that_is_no_literal():
    allowed = "number, list of numbers, word, quoted text or {label: gain}"
    with pytest.raises(ParameterError, match=re.escape(f"'ndcg(k=open(1))': open(1) is no {allowed}") + "$"):
        m.parse("ndcg(k=open(1))")


@pytest.mark.parametrize(
    ("given", "canonical", "spelled"),
    [
        (0.5, (0.5,), "0.5"),
        ([0.75, 0.25, 0.75], (0.25, 0.75), "[0.25, 0.75]"),
        ((1, 0), (0.0, 1.0), "[0, 1]"),
        (np.array([-0.0]), (0.0,), "0"),
    ],
)
def test_numbers_ascend_and_stand_once(given, canonical, spelled):
    kind = Numbers(0.0, 1.0, "low high")
    assert kind.check(given) == canonical
    assert spell(canonical) == spelled
    assert kind.check(literal_eval(spelled)) == canonical


@pytest.mark.parametrize("given", [[], "0.5", "[0.5]", {0.5: 1}, [0.5, 1.0], True, [None], math.nan, [[0.5]]])
def test_what_are_no_numbers(given):
    allowed = re.escape(f"{given!r}; allowed: a number from 0 and below 1, or a list of such")
    with pytest.raises(ParameterError, match=f"^{allowed}$"):
        Numbers(0.0, 1.0, "low").check(given)


def test_numbers_without_limits():
    kind = Numbers(-math.inf, math.inf)
    assert kind.check([1e300, -2]) == (-2.0, 1e300)
    with pytest.raises(ParameterError, match=r"^\[inf\]; allowed: a finite number, or a list of such$"):
        kind.check([math.inf])


@pytest.mark.parametrize(
    "text", ["ndcg(k=3, k=4)", "ndcg(k=3, K=4)", "ndcg(k=3)@4", "ndcg_burges(gain=linear)", "ndcg_cut_5(k=3)"]
)
def test_a_parameter_that_is_given_twice(text):
    with pytest.raises(ParameterError, match=r"(twice|repeated|spelled)"):
        m.parse(text)


def test_names_and_overrides():
    metric = m.auc(label="converted", score="p_conv", weight="w", where="clicked=1", name="cvr_auc")
    assert metric.canonical == "auc(label=converted, score=p_conv, weight=w, where='clicked = 1')"
    assert metric.name == "cvr_auc"
    assert repr(metric) == f"{metric.canonical} as 'cvr_auc'"
    assert m.parse("auc(label=converted, score='p_conv', weight=w, where='clicked=1', name=cvr_auc)") == [metric]
    assert metric != m.auc(label="converted", score="p_conv", weight="w", where="clicked=1")
    assert repr(m.ndcg(k=3)) == m.ndcg(k=3).name == "ndcg@3"
    assert str(m.ndcg(gain={2: 3, 1: 1}, label="grade")) == "ndcg(gain={0: 0, 1: 1, 2: 3}, label=grade)"
    with pytest.raises(ParameterError, match=r"^auc: name=''; allowed: text that is not empty$"):
        m.auc(name="")


@settings(max_examples=50, deadline=None)
@given(made_metrics())
def test_metrics_are_pickled(metric):
    again = pickle.loads(pickle.dumps(metric))
    assert again == metric
    assert again.definition is metric.definition


def test_a_name_and_an_expression_are_pickled_too():
    metric = m.auc(where=pc.field("x") > 1, name="some")
    again = pickle.loads(pickle.dumps(metric))
    assert (again, again.name, again.where) == (metric, "some", metric.where)
    rows = {"y": [0, 1, 1], "p": [0.5, 0.25, 0.75], "x": [2, 2, 3]}
    assert (
        fr.evaluate(rows, again, label="y", score="p")["some"]
        == fr.evaluate(rows, metric, label="y", score="p")["some"]
        == 0.5
    )


# ---------------------------------------------------------------------------------------------------------------------
# Factories and documentation


def test_the_list_of_metrics():
    assert sorted(set(NAMES)) == NAMES
    assert set(NAMES) - {"11pt_avg"} | {"avg_11pt"} <= set(m.__all__)
    assert fr.list_metrics() is not fr.list_metrics()


@pytest.mark.parametrize("name", NAMES)
def test_the_signature_is_what_the_factory_takes(name):
    factory, definition = FACTORIES[name], DEFINITIONS[name]
    parameters = inspect.signature(factory).parameters
    assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert {n for n in parameters if n not in OVERRIDES} == set(definition.parameters)
    assert {n: p.default for n, p in parameters.items() if n in definition.parameters} == definition.defaults
    given = {"where": "a = 1", "name": "given"}
    taken = set()
    for role in OVERRIDES:
        try:
            factory(**{role: given.get(role, "column")})
            taken.add(role)
        except ParameterError:
            pass
    assert {n for n in parameters if n in OVERRIDES} == taken
    assert repr(factory).startswith(f"<fastrank metric {name}(*")


def sections(document: str) -> dict[str, str]:
    parts = re.split(r"\n(\w[\w ]*)\n-{3,}\n", document)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_document_says_all(name):
    definition, document = DEFINITIONS[name], FACTORIES[name].__doc__
    assert document.splitlines()[0] == definition.summary
    assert definition.summary.endswith(".")
    found = sections(document)
    named = {
        title: re.findall(r"^(\w+) : .+$", found.get(title, ""), re.MULTILINE)
        for title in ("Columns", "Parameters", "Other Parameters")
    }
    assert [*named["Parameters"], *named["Other Parameters"]] == list(definition.parameters)
    assert named["Other Parameters"] == list(definition.shared)
    assert re.findall(r"^(\w+)$", found.get("Presets", ""), re.MULTILINE) == list(definition.peers)
    required = list(m.parse(name)[0].domains)
    assert named["Columns"] == [*required, *definition.optional]
    for title in ("Returns", "Undefined", "State", "Source", "Examples"):
        assert len(found[title].strip()) > 10, title
    assert ("optional" in found["Columns"]) == bool(definition.optional)
    both = found.get("Parameters", "") + "\n" + found.get("Other Parameters", "")
    for line in re.findall(r"^\w+ : (.+)$", both, re.MULTILINE):
        assert re.search(r"; default .+$", line)
    assert ".." not in document.replace("...", "")
    assert max(map(len, document.splitlines())) < 200
    # Parameters that change what a column may hold are told where the column is.
    told = {"positive": "With positive=, any label", "classes": "With classes=, one", "scores": "With scores=, a"}
    columns = " ".join(found["Columns"].split())
    assert [name for name in told if told[name] in columns] == [name for name in told if name in definition.parameters]


def test_the_document_names_what_each_preset_sets():
    presets = sections(m.mrr.__doc__)["Presets"]
    assert "trec_eval\n    ties=item_desc, missing_query=skip, score_dtype=float32\n" in presets
    assert "ir_measures\n    ties=item_desc, score_dtype=float32\n    with k: ties=item_asc\n" in presets
    assert "\nsklearn\n    negative_rel=error\n" in presets
    assert "\nrectools\n    ties=input, no_relevant=skip\n" in presets
    assert "no_relevant" not in sections(m.dcg.__doc__)["Presets"].partition("\nsklearn\n")[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_metric_run(name):
    test = doctest.DocTestParser().get_doctest(FACTORIES[name].__doc__, {}, name, None, None)
    assert len(test.examples) >= 2
    assert doctest.DocTestRunner().run(test).failed == 0


MODULES = [
    module.name
    for module in pkgutil.walk_packages(fr.__path__, "fastrank.")
    if not module.name.startswith("fastrank.spark")
]


def test_the_examples_of_all_modules_run():
    attempted = 0
    for name in ["fastrank", *MODULES]:
        outcome = doctest.testmod(importlib.import_module(name))
        assert outcome.failed == 0, name
        attempted += outcome.attempted
    assert attempted >= 10
