"""The laws of states, for every accumulator of the registry: bit for bit on the Arrow form and on the results.

Each law is a function of a case; each is also shown to bite, on an accumulator that is broken on purpose.
"""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import helpers
import numpy as np
import pyarrow as pa
import pytest
from helpers import frozen, identical_state, merged, same_result, same_state

from fastrank import Evaluator, Metric, wire
from fastrank import metrics as m
from fastrank.accumulators import ExactSum, ScoreRuns
from fastrank.accumulators.base import ACCUMULATORS, Accumulator, ListAccumulator
from fastrank.errors import StateMismatchError
from fastrank.requests import read_metrics

# Metrics by the accumulator that they are here for; a new accumulator needs an entry.
METRICS = {
    "exact_sum": [
        "log_loss(label=clicked)",
        "nce(label=clicked)",
        "nce(background=base, label=clicked)",
        "brier(label=clicked)",
        "log_loss(eps=None, label=clicked)",
        "log_loss(eps=0.25, clip=true_class, label=clicked)",
        "log_loss(from_logits=True, label=clicked, score=logit)",
        "focal(gamma=0.5, alpha=0.25, eps=0.25, label=clicked)",
        "rig(background=overall, label=clicked)",
        "hinge(squared=True, label=clicked, score=logit)",
        "calibration_ratio(label=target)",
        "mse(label=target)",
        "huber(delta=0.5, label=target)",
        "mean_error(label=target)",
        "tweedie_deviance(power=1.5, label=count, score=forecast)",
    ],
    "largest_error": ["max_error(label=target)"],
    "zero_rows": ["mape(label=count)", "smape(zero=skip, label=count)"],
    "function_sum": [
        m.mean_of(helpers.log_share, label="target"),
        m.mean_of(helpers.log_share, label="grade", name="g"),
    ],
    "score_histogram": [
        "auc(bits=12, label=clicked)",
        "auc(bits=14, label=clicked)",
        "auc(bits=14, max_fpr=0.3, label=clicked)",
        "auc_standard_error(bits=12, label=clicked)",
        "average_precision(bits=12, label=clicked)",
        "ks(bits=12, label=clicked)",
        "pr_auc(bits=12, method=integral, label=clicked)",
        "pr_curve(bits=12, label=clicked)",
        "best_threshold(bits=12, label=clicked)",
    ],
    "score_runs": [
        "auc(label=clicked)",
        "auc(min_tpr=0.4, label=clicked)",
        "auc_gini(label=clicked)",
        "auc_standard_error(label=clicked)",
        "average_precision(label=clicked)",
        "ks(label=clicked)",
        "pr_auc(method=trapezoid, label=clicked)",
        "lift(fraction=0.3, label=clicked)",
        "precision_at_recall(label=clicked)",
        "score_quantiles(label=clicked)",
        "calibration_curve(strategy=quantile, bins=3, label=clicked)",
    ],
    "score_bins": [
        "ece(label=clicked)",
        "ece(mode=binary_top_label, phantom_one=True, label=clicked)",
        "rmsce(bins=400, label=clicked)",
        "calibration_curve(edges=[0.1, 0.25, 0.7], closed=right, label=clicked)",
    ],
    "class_bins": [
        "ece(mode=top_label, label=number, score=shares)",
        "mce(mode=classwise, bins=3, label=number, score=shares)",
        "ece(mode=classwise, classes=[cat, dog, é], scores=['share of cat', 'share of dog', 'share of é'], label=kind)",
    ],
    "exact_product": [
        "r2(label=target)",
        "pearson(label=target)",
        "rate(ci=0.95, label=clicked)",
        "mean(ci=0.9)",
        "ratio(ci=0.99)",
        "roi(ci=0.5)",
    ],
    "value_runs": ["quantiles(value=denominator)", "quantiles(q=[0, 0.3, 1], value=target)"],
    "value_histogram": ["quantiles(bits=12)", "quantiles(bits=14, value=cost, q=0.7)", "quantiles(bits=12, q=0.1)"],
    "decision_counts": [
        "mcc(threshold=0.25, label=clicked)",
        "confusion(threshold=[0.1, 0.5, 0.7], strict=True, label=clicked)",
    ],
    "list_sums": [
        "ndcg(label=grade)@3",
        "ndcg(gain=exp2, ties=item_desc, label=grade)",
        "map(no_relevant=skip, label=grade)",
        "map(aggregation=geometric, label=grade)",
        "mrr(ties=pessimistic, relevance_level=3, label=grade)@2",
        "recall(no_relevant=one, label=grade)@2",
        "dcg(propensity=propensity, clip=0.1, self_normalized=true, ties=item_asc, label=grade)@3",
        "bpref(ties=optimistic, label=grade)",
        "num_rel(relevance_level=2, label=grade)",
        "popularity@3",
    ],
    "list_moments": [
        "ndcg(aggregation=std, label=grade)@3",
        "dcg(aggregation=std, gain=exp2, no_relevant=skip, label=grade)",
    ],
    "list_extremes": [
        "rbp(aggregation=min, rbp_gain=raw, label=grade)",
        "precision(aggregation=max, propensity=propensity, label=grade)@2",
        "map(aggregation=max, no_relevant=nan, relevance_level=3, label=grade)",
    ],
    "list_values": [
        "ndcg(aggregation=median, label=grade)@3",
        "mrr(aggregation=median, no_relevant=nan, label=grade)",
        "recall(aggregation=median, score_dtype=float32, no_relevant=skip, relevance_level=3, label=grade)@2",
    ],
    "list_wins": [
        "gauc(label=clicked)",
        "gauc(group_weight=pairs, tied_groups=skip, label=clicked)",
        "gauc(group_weight=equal, nan_score=last, label=clicked)",
    ],
    "item_counts": [
        "coverage(item=product)",
        "coverage(item=product, ties=item_desc, catalogue=100)@2",
        "item_gini(item=product, ties=item_asc, catalogue=100)@3",
    ],
    "group_exposure": [
        "exposure(group=category)",
        "exposure(group=category, ties=item_desc)@2",
        "exposure(group=product)@3",
    ],
    "class_runs": [
        "multiclass_auc(label=number, score=scores)",
        "multiclass_auc(average=weighted, scheme=ovo, label=number, score=scores)",
        "multiclass_auc(average=micro, scores=['score of cat', 'score of dog', 'score of é'], label=number)",
    ],
    "class_histograms": [
        "multiclass_auc(bits=12, classes=[cat, dog, é], label=kind, score=scores)",
        "multiclass_auc(bits=13, scheme=ovo, label=number, score=scores)",
        "multiclass_auc(bits=12, average=micro, label=number, score=scores)",
    ],
    "class_sum": [
        "multiclass_log_loss(eps=0.25, label=number, score=shares)",
        "multiclass_log_loss(eps=None, label=number, score=shares)",
        "multiclass_log_loss(normalize=True, classes=[cat, dog, é], label=kind, score=amounts)",
        "multiclass_log_loss(from_logits=True, scores=['score of cat', 'score of dog', 'score of é'], label=number)",
        "multiclass_brier(label=number, score=shares)",
        "multiclass_hinge(kind=one_vs_all, label=number, score=scores)",
    ],
    "class_pairs": ["multiclass_confusion(label=number, score=scores)"],
    "top_class_sum": ["top_k_accuracy(label=number, score=scores)@1", "top_k_accuracy(label=number, score=scores)@2"],
}

BORDERS = (18, 48)  # so that each shard has another number of whole queries


@dataclass(frozen=True)
class Case:
    """Metrics that need one kind of accumulator, with what they are evaluated on."""

    kind: str
    weighted: bool
    sliced: bool
    dtype: str

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of its evaluators."""
        weights = {"weight": "weight", "query_weight": "query_weight"} if self.weighted else {}
        by = [["country"], ["country", "day"]] if self.sliced else None
        return {"score": ["p", "p2"], "query": "query", "item": "item", "by": by, **weights}

    @property
    def metrics(self) -> list[Metric]:
        """The metrics."""
        return [metric for given in METRICS[self.kind] for metric in read_metrics(given)]

    @property
    def rows(self) -> pa.RecordBatch:
        """The rows of all shards together."""
        return helpers.make_rows([3, 9, 1, 14, 6, 2, 11, 8, 5, 13], 7, np.dtype(self.dtype))

    @property
    def shards(self) -> list[pa.RecordBatch]:
        """Three shards of different rows; each border cuts a query."""
        return helpers.checked_shards(helpers.cut(self.rows, BORDERS))

    def of(self, *batches: pa.RecordBatch) -> Evaluator:
        """An evaluator that has seen these batches."""
        return helpers.fed(Evaluator(self.metrics, **self.arguments), batches)

    @property
    def all(self) -> Evaluator:
        """An evaluator that has seen all rows in one batch."""
        return self.of(self.rows)


def zero_is_neutral(case: Case) -> None:
    for shard in case.shards:
        same_state(merged(case.of(), case.of(shard)), case.of(shard))
        same_state(merged(case.of(shard), case.of()), case.of(shard))
    same_state(merged(case.of(), case.of()), case.of())


def merge_commutes(case: Case) -> None:
    a, b, c = case.shards
    for one, two in ((a, b), (b, c), (c, a)):
        same_state(merged(case.of(one), case.of(two)), merged(case.of(two), case.of(one)))


def merge_associates(case: Case) -> None:
    for i, j, k in ((0, 1, 2), (1, 2, 0), (0, 2, 1)):
        a, b, c = (case.shards[place] for place in (i, j, k))
        left = merged(merged(case.of(a), case.of(b)), case.of(c))
        right = merged(case.of(a), merged(case.of(b), case.of(c)))
        same_state(left, right)


def chunks_do_not_matter(case: Case) -> None:
    rows = case.rows
    for places in ([1], [0, 0, 18, 19, 33, rows.num_rows], range(1, rows.num_rows)):
        same_state(case.of(*helpers.cut(rows, places)), case.all)


def row_order_does_not_matter(case: Case) -> None:
    rng = np.random.default_rng(5)
    for _ in range(3):
        shuffled = case.of(helpers.reordered(case.rows, rng))
        same_result(shuffled, case.all)
        # Other queries stand at the borders, and these are part of the state of lists.
        if not issubclass(ACCUMULATORS[case.kind], ListAccumulator):
            assert helpers.canonical(shuffled.state()) == helpers.canonical(case.all.state())


def shards_add_up(case: Case) -> None:
    for shards in permutations(case.shards):
        first, *others = map(case.of, shards)
        same_result(merged(first, *others), case.all)


def the_other_side_is_unchanged(case: Case) -> None:
    a, b, c = case.shards
    mine, other, table = case.of(a), case.of(c), case.of(c).state()
    before = frozen(other.state())
    merged(mine, other).update(b)
    identical_state(other.state(), before)
    same_result(other, case.of(c))
    merged(case.of(a), table).update(b)
    identical_state(table, before)


def the_other_side_may_go_on(case: Case) -> None:
    a, b, c = case.shards
    mine, other = case.of(a), case.of(b)
    mine.merge(other)
    before = frozen(mine.state())
    other.update(c)
    identical_state(mine.state(), before)
    same_result(mine, case.of(a, b))


def updating_goes_on(case: Case) -> None:
    a, b, c = case.shards
    head, tail = helpers.cut(c, [5])
    evaluator = merged(case.of(head), case.of(b))
    same_result(evaluator, merged(case.of(b), case.of(head)))
    evaluator.update(tail)
    same_state(evaluator, merged(case.of(b), case.of(c)))
    evaluator.merge(case.of(a).state())
    same_result(evaluator, case.all)


def asking_changes_nothing(case: Case) -> None:
    more = helpers.make_rows([3, 9, 12], 8, np.dtype(case.dtype), first_query=100)
    evaluator = case.all
    first, value = evaluator.state(), evaluator.result()
    before = frozen(first)
    identical_state(evaluator.state(), before)
    same_result(evaluator, value)
    evaluator.update(more)
    same_state(evaluator, case.of(case.rows, more))
    same_result(value, case.all)
    identical_state(first, before)


def states_travel(case: Case) -> None:
    a, b, c = case.shards
    for evaluator in (case.all, case.of(), merged(case.of(c), case.of(a))):
        arrived = merged(case.of(), evaluator.state())
        identical_state(arrived.state(), evaluator.state())
        same_result(arrived, evaluator)
    same_state(merged(case.of(a), case.of(b).state()), merged(case.of(a), case.of(b)))


def states_are_stored(case: Case) -> None:
    with TemporaryDirectory() as folder:
        for evaluator in (case.all, case.of()):
            path = Path(folder) / "state.arrow"
            evaluator.save_state(path)
            with pa.OSFile(str(path)) as file:
                table = pa.ipc.open_file(file).read_all()
            identical_state(table, evaluator.state())
            same_state(merged(case.of(), table), evaluator)


def evaluators_are_pickled(case: Case) -> None:
    a, b, c = case.shards
    arrived = pickle.loads(pickle.dumps(case.of(a)))
    identical_state(arrived.state(), case.of(a).state())
    same_result(helpers.fed(arrived, [b, c]), case.all)


def strangers_are_refused(case: Case) -> None:
    a, b, _ = case.shards
    here = case.of(a)
    before = frozen(here.state())
    arguments = case.arguments
    strangers = [
        Evaluator([m.auc(bits=20), m.mse(score="p2"), m.map(k=7)], **{**arguments, "label": "grade"}),
        Evaluator(case.metrics, **{**arguments, "by": "day"}),
        Evaluator(case.metrics, **{**arguments, "where": "day = 1"}),
        Evaluator(case.metrics, **{**arguments, "on_invalid": "drop"}),
        Evaluator([*case.metrics, m.hit_rate(k=9, label="grade")], **arguments),
    ]
    if any("score" in metric.domains and "score" not in metric.overrides for metric in case.metrics):
        strangers.append(Evaluator(case.metrics, **{**arguments, "score": "p"}))
    for stranger in strangers:
        for other in (stranger, stranger.state()):
            with pytest.raises(StateMismatchError):
                here.merge(other)
    foreign: list[Any] = [b, pa.table({"a": [1]}), before.replace_schema_metadata(None), before.slice(0, 0)]
    for other in foreign:
        with pytest.raises(StateMismatchError):
            here.merge(other)
    identical_state(here.state(), before)


def slices_become_one(case: Case) -> None:
    # Of queries, so that a list is in one slice.
    numbers = case.rows["query"].to_numpy() % 4 - 1
    renamed = case.rows.append_column("part", pa.array(numbers))
    fine, coarse = (
        helpers.fed(Evaluator(case.metrics, **{**case.arguments, "by": [by]}), [batch])
        for by, batch in (("query", case.rows), ("part", renamed.filter(pa.compute.field("part") >= 0)))
    )
    states = fine._intake.closed(), coarse._intake.closed()
    queries, parts = (
        each._intake.slices.column(name, range(each._intake.slices.count)).to_pylist()
        for each, name in ((fine, "query"), (coarse, "part"))
    )
    into = np.array([-1 if q is None or q % 4 == 0 else parts.index(q % 4 - 1) for q in queries])
    for (identity, mine), expected in zip(states[0].items(), states[1].values(), strict=True):
        found = wire.make_accumulator(identity.text)
        found.grow(expected.slices)
        found.merge(mine, into)
        for s in range(1, expected.slices):
            assert {n: found.state[n][s].tolist() for n in found.fields} == {
                n: expected.state[n][s].tolist() for n in found.fields
            }
            if found.ragged:
                for name, array in expected.ragged_arrays(s).items():
                    assert np.array_equal(array, found.ragged_arrays(s)[name]), name


LAWS = [
    zero_is_neutral, merge_commutes, merge_associates, chunks_do_not_matter, row_order_does_not_matter, shards_add_up,
    the_other_side_is_unchanged, the_other_side_may_go_on, updating_goes_on, asking_changes_nothing, states_travel,
    states_are_stored, evaluators_are_pickled, strangers_are_refused, slices_become_one,
]  # fmt: skip
CASES = [
    Case(kind, weighted, sliced, dtype)
    for kind in METRICS
    for weighted, sliced, dtype in (
        (False, False, "float32"), (True, False, "float64"), (True, True, "float32"), (False, True, "float64"),
    )
]  # fmt: skip


def test_every_accumulator_has_cases():
    assert set(METRICS) == set(ACCUMULATORS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_case_meets_its_accumulator(case):
    # The sum of the weights is one of its own.
    assert {case.kind} <= helpers.kinds_in(case.all.state()) <= {case.kind, "exact_sum"}


def shards_tell_fields_apart(case: Case) -> None:
    # Laws of merging hold of any field that is the same whatever the rows were.
    states = [[each.state for each in case.of(shard).plan.accumulators.values()] for shard in case.shards]
    kinds = [type(each) for each in case.all.plan.accumulators.values()]
    for name, field in ACCUMULATORS[case.kind].fields.items():
        held = [
            {each[k][name].tobytes() for each in states} for k, kind in enumerate(kinds)
            if kind.kind == case.kind and any((each[k][name] != 0).any() for each in states)
        ]  # fmt: skip
        assert field.merge == "same" or not held or max(map(len, held)) > 1, f"{name} is the same in all shards"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_shards_tell_fields_apart(case):
    shards_tell_fields_apart(case)


def test_a_wrong_merge_of_the_largest_error_is_found(monkeypatch):
    # The least of what starts at infinity: infinite whatever the rows, so that the laws hold of it.
    monkeypatch.setattr(ACCUMULATORS["largest_error"].fields["largest"], "merge", "min")
    with pytest.raises(AssertionError, match="largest is the same in all shards"):
        shards_tell_fields_apart(next(case for case in CASES if case.kind == "largest_error"))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Callable[[Case], None], case: Case):
    law(case)


def test_shards_of_four_processes_add_up():
    by_type = {dtype: [case for case in CASES if case.dtype == dtype] for dtype in ("float32", "float64")}
    jobs = [
        (shard, [(case.metrics, case.arguments) for case in cases])
        for cases in by_type.values()
        for shard in helpers.checked_shards(helpers.cut(cases[0].rows, [*BORDERS, 55]))
    ]
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        states = pool.map(helpers.states_of_shard, jobs, chunksize=1)
    for dtype, arrived in (("float32", states[:4]), ("float64", states[4:])):
        for case, of_case in zip(by_type[dtype], zip(*arrived, strict=True), strict=True):
            assert len({repr(helpers.canonical(state)) for state in of_case}) == 4
            same_result(merged(case.of(), *reversed(of_case)), case.all)


def merge_and(fault: Callable[[Accumulator, Accumulator, Any], None]) -> Callable[..., None]:
    """A merge that does something wrong at the end."""
    right = Accumulator.merge

    def merge(self: Accumulator, other: Accumulator, numbers: Any) -> None:
        right(self, other, numbers)
        fault(self, other, numbers)

    return merge


def update_and(fault: Callable[[ExactSum, Any], None]) -> Callable[..., None]:
    """An update that does something wrong first."""
    right = ExactSum.update

    def update(self: ExactSum, rows: Any, slices: Any) -> None:
        fault(self, rows)
        right(self, rows, slices)

    return update


def add_rows(accumulator: Accumulator, count: Any) -> None:
    accumulator.state["rows"] += count


def forget_others(mine: Accumulator, other: Accumulator, numbers: Any) -> None:
    mine.state["rows"][numbers] = other.state["rows"][: other.slices]


def halve(mine: Accumulator, other: Accumulator, numbers: Any) -> None:
    mine.state["rows"][numbers] += mine.state["rows"][numbers] // 2


def share(mine: Accumulator, other: Accumulator, numbers: Any) -> None:
    other.state = mine.state


def read_more_rows(*arguments: Any) -> Accumulator:
    accumulator = READ(*arguments)
    add_rows(accumulator, 1)
    return accumulator


def value_that_counts(self: ExactSum, s: int) -> Any:
    add_rows(self, 1)
    return VALUE(self, s)


def save_without_metadata(self: Evaluator, path: Path) -> None:
    table = self.state().replace_schema_metadata(None)
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


def merge_anything(self: Evaluator, other: Any) -> None:
    with suppress(StateMismatchError):
        MERGE(self, other)


READ, VALUE, MERGE = wire._read_accumulator, ExactSum.at, Evaluator.merge
# For each law, an error that it must find: what is replaced, and by what.
FAULTS: dict[str, tuple[Any, str, Any]] = {
    "zero_is_neutral": (Accumulator, "merge", merge_and(lambda mine, other, numbers: add_rows(mine, 1))),
    "merge_commutes": (Accumulator, "merge", merge_and(forget_others)),
    "merge_associates": (Accumulator, "merge", merge_and(halve)),
    "chunks_do_not_matter": (ExactSum, "update", update_and(lambda self, rows: add_rows(self, 1))),
    "row_order_does_not_matter": (
        ExactSum, "update", update_and(lambda self, rows: add_rows(self, int(rows["label"][0] > rows["label"][1]))),
    ),
    "shards_add_up": (Accumulator, "merge", merge_and(halve)),
    "the_other_side_is_unchanged": (Accumulator, "merge", merge_and(lambda mine, other, numbers: add_rows(other, 1))),
    "the_other_side_may_go_on": (Accumulator, "merge", merge_and(share)),
    "updating_goes_on": (ExactSum, "update", update_and(lambda self, rows: add_rows(self, int(self.rows[0] > 20)))),
    "asking_changes_nothing": (ExactSum, "at", value_that_counts),
    "states_travel": (wire, "_read_accumulator", read_more_rows),
    "states_are_stored": (Evaluator, "save_state", save_without_metadata),
    "evaluators_are_pickled": (
        Evaluator, "__reduce__", lambda self: (partial(Evaluator, self._metrics, **self._arguments), ()),
    ),
    "slices_become_one": (Accumulator, "merge", merge_and(forget_others)),
    "strangers_are_refused": (Evaluator, "merge", merge_anything),
}  # fmt: skip


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_each_law_bites(law: Callable[[Case], None], monkeypatch):
    monkeypatch.setattr(*FAULTS[law.__name__])
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        law(CASES[0])


def test_a_new_accumulator_needs_cases(monkeypatch):
    monkeypatch.setitem(ACCUMULATORS, "new", ScoreRuns)
    with pytest.raises(AssertionError):
        test_every_accumulator_has_cases()


@pytest.mark.parametrize("kind", METRICS)
def test_types_of_columns_may_change_from_batch_to_batch(kind):
    case = Case(kind, weighted=True, sliced=True, dtype="float32")
    narrow = case.rows
    wide = pa.RecordBatch.from_pydict(
        {name: narrow[name].cast(pa.float64()) if name in ("p", "p2") else narrow[name] for name in narrow.schema.names}
    )
    mixed = [narrow.slice(0, BORDERS[0]), *helpers.cut(wide, BORDERS)[1:2], narrow.slice(BORDERS[1])]
    same_result(case.of(*mixed), case.of(wide))
    first, *others = map(case.of, mixed)
    same_result(merged(first, *others), case.of(wide))


def test_made_up_rows_must_differ():
    rows = CASES[0].rows
    constant = rows.set_column(rows.schema.get_field_index("p"), "p", pa.repeat(0.5, rows.num_rows))
    with pytest.raises(ValueError, match="'p' is constant"):
        helpers.checked(constant)
    with pytest.raises(ValueError, match="shard 2 equals another"):
        helpers.checked_shards([rows, rows.slice(0, 20), rows])
