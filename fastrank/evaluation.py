"""The whole way: source -> batches -> Evaluator -> Result."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from numbers import Integral
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, overload

from fastrank.answer import check_evaluated
from fastrank.errors import InvalidValueError, ParameterError, QueryOrderError, StateMismatchError
from fastrank.evaluator import Evaluator
from fastrank.metrics.base import ROLES
from fastrank.negatives import binary_columns
from fastrank.per_query import QueryValues
from fastrank.qrels import open_run
from fastrank.replay import Replay
from fastrank.scattered import DEFAULT_MEMORY_LIMIT
from fastrank.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fastrank.metrics.base import Metric
    from fastrank.result import Result
    from fastrank.sources import Source
    from fastrank.sources.base import Batches

__all__ = ["compute", "evaluate", "feed", "run", "thread_count"]


@overload
def evaluate(
    source: Any, metrics: Metric | str | Iterable[Metric | str], *, per_query: Literal[False] = ..., **options: Any
) -> Result: ...
@overload
def evaluate(
    source: Any, metrics: Metric | str | Iterable[Metric | str], *, per_query: Literal[True], **options: Any
) -> QueryValues: ...
def evaluate(  # type: ignore[misc] # the two above say only what decides the type of the result
    source: Any,
    metrics: Metric | str | Iterable[Metric | str],
    *,
    label: str | None = None,
    score: str | Sequence[str] | None = None,
    rank: str | None = None,
    weight: str | None = None,
    class_weight: Mapping[Any, float] | None = None,
    negative_downsampling: float | None = None,
    query: str | None = None,
    query_weight: str | None = None,
    item: str | None = None,
    ranking: str | None = None,
    relevant: str | None = None,
    by: str | Sequence[str] | Sequence[Sequence[str]] | None = None,
    where: Any = None,
    on_invalid: str = "raise",
    qrels: Any = None,
    batch_rows: int | None = None,
    queries: str | None = None,
    memory_limit: int = DEFAULT_MEMORY_LIMIT,
    threads: int | None = None,
    per_query: bool = False,
    engine: str | None = None,
) -> Result | QueryValues:
    """Evaluates metrics over a source in one pass.

    Parameters
    ----------
    source : path, list of paths, glob, folder, URI, Arrow object, LazyFrame, or dict of arrays
        Parquet, Arrow IPC, ORC and CSV files (also gzipped), on the local disk or by URI (`s3://`, `gs://`, `hdfs://`);
        pyarrow tables, batches, readers and datasets; any object with `__arrow_c_stream__` (Polars, DuckDB, pandas);
        a Polars LazyFrame; a dict of NumPy arrays.  Only needed columns are read.  Folders called `key=value` are
        columns.
    metrics : Metric, str, or list of them
        `fastrank.metrics.auc()`, `"ndcg@10"`, ...
    label, score, rank, weight : str, optional
        The column in each role.  `score` may be a list of columns: several models in one pass; `rank`, positions
        from 1, may stand in its place for ranking metrics.
    class_weight : dict of label to weight, optional
        What the weight of a row (1 without `weight`) is multiplied by, for its label; 1 for a label that is not named.
        Of metrics of two classes, 0 (or -1) names negative rows and 1 positive ones; with `positive=`, and for metrics
        of several classes, labels are named as they stand in the column.  `calibration_ratio` takes it of labels 0 and
        1.  Metrics of ranked lists and of numbers have no classes and are not changed.
    negative_downsampling : float, optional
        The share of negative rows that were kept, in (0, 1]: each weighs 1 / share.  For metrics of two classes.
    query, query_weight, item : str, optional
        The column in each role.
    ranking, relevant : str, optional
        In place of label, score and item: columns of lists, a row a query, of ids from the first rank down, and of the
        ids that are relevant.
    by : str, list of str, or list of lists of str, optional
        Slice columns: `["a", "b"]` makes the combinations, `[["a"], ["b"]]` two groupings.
    where : str or pyarrow.compute.Expression, optional
        Only rows that meet the condition count; files and row groups that cannot hold one are not read.  With `qrels`,
        a judged query of which it excludes all rows is missing.
    on_invalid : "raise" or "drop"
        What to do with rows that hold a null, a NaN, or a value that is not allowed in its role.
    qrels : source, or dict of dicts, optional
        Judgments: a row for each query and item, with its label; or `{query: {item: label}}`.  They give the rows of
        the run (`source`; or a dict of dicts of scores) their labels, by query and item, and say which relevant items
        were not retrieved, and which queries are missing.  Their columns are called `query`, `item` and `label` as
        here, or by a usual name (`query_id`, `doc_id`, `relevance`, ...); `query`, `item` and `score` need not be named
        where they are called so.  They are held in memory, at 9 to 16 bytes each.
    batch_rows : int, optional
        Rows a batch; the result does not depend on it.
    queries : "adjacent" or "scattered", optional
        Where the rows of a query stand.  Default: they are taken to be adjacent; where a query comes back, the pass
        starts anew and takes them from anywhere.
    memory_limit : int
        Bytes of rows to keep in memory for that, of batches that cannot be read again, and of the states of scores
        (`auc` and its kin) together; what is past it goes to a temporary file without a name.
    threads : int, optional
        Most threads to use for rows in memory; default: as many as there are processors where a metric is of ranked
        lists, else one.  The result does not depend on it.
    per_query : bool
        Give the value of each query instead, of ranking metrics: a stream of record batches (`QueryValues`), which has
        the Result when it has been read.
    engine : "pyarrow" or "polars", optional
        What reads Parquet files.  Polars, which has to be installed, is often faster; it reads local files.

    Returns
    -------
    Result or QueryValues
        `result["auc"]`, `result["auc", {"country": "DE"}]`, `result.table`.

    Raises
    ------
    FastrankError
        Of these: SourceError (unreadable), MissingColumnError, ColumnTypeError, InvalidValueError (with column, row,
        value, what is allowed), QueryOrderError, EmptyInputError, UnknownMetricError, ParameterError.

    Examples
    --------
    >>> import fastrank as fr
    >>> rows = {"clicked": [0, 1, 1, 0], "p": [0.1, 0.8, 0.4, 0.5], "user": [1, 1, 2, 2]}
    >>> result = fr.evaluate(rows, ["auc", "mrr"], label="clicked", score="p", query="user")
    >>> result["auc"], result["mrr"]
    (0.75, 0.75)

    One negative row in ten was kept:

    >>> fr.evaluate(rows, "brier", label="clicked", score="p", negative_downsampling=0.1)["brier"]
    0.13636363636363635
    """
    evaluator = Evaluator(
        metrics,
        label=label,
        score=score,
        rank=rank,
        weight=weight,
        class_weight=class_weight,
        negative_downsampling=negative_downsampling,
        query=query,
        query_weight=query_weight,
        item=item,
        ranking=ranking,
        relevant=relevant,
        by=by,
        where=where,
        on_invalid=on_invalid,
        qrels=qrels,
        queries=queries or "adjacent",
        memory_limit=memory_limit,
    )
    opener = open_source if qrels is None else open_run
    opened = opener(source, batch_rows=batch_rows, engine=engine)
    if per_query:
        _thread_count(threads, evaluator)  # its batches come in order, from one
        return QueryValues(opened, evaluator)
    return run(opened, evaluator, threads=threads, restart=queries is None)


def run(
    source: Source,
    evaluator: Evaluator,
    progress: Callable[[int], None] | None = None,
    *,
    threads: int | None = None,
    restart: bool = True,
) -> Result:
    """Feeds a source to an evaluator.

    Parameters
    ----------
    source : Source
        An opened source.
    evaluator : Evaluator
        Gets all batches.
    progress : callable, optional
        Called with the number of rows of each batch; a negative number where the pass starts anew.
    threads : int, optional
        Most threads to use; default: as for `evaluate`.
    restart : bool
        Whether to start anew with scattered queries where a query comes back.

    Returns
    -------
    Result

    Raises
    ------
    EmptyInputError
        There was no row, or none was left.
    ParameterError
        `threads` is no positive integer.
    """
    return feed(source, evaluator, progress, threads=threads, restart=restart)[1]


def feed(
    source: Source,
    evaluator: Evaluator,
    progress: Callable[[int], None] | None = None,
    *,
    threads: int | None = None,
    restart: bool = True,
) -> tuple[Evaluator, Result]:
    """As `run`, with the evaluator that holds the rows: another than was given, where the pass started anew."""
    whole, source = source, evaluator.plan.narrow(source)
    shards = source.shards(_thread_count(threads, evaluator))
    counter = _Counter(progress)
    if len(shards) > 1:
        try:
            _feed_shards(shards, evaluator, counter)
        except (QueryOrderError, StateMismatchError, InvalidValueError) as error:
            if isinstance(error, InvalidValueError) and not binary_columns(evaluator.plan.distinct_row_sets):
                raise
            # One thread tells which row it is, where it is not to start anew: a shard does not know that a query, or
            # the other label of negative rows, stands in another.
            counter.reset()
            evaluator = evaluator.twin(queries="scattered") if restart else evaluator.twin()
            _feed(source.batches(*evaluator.columns(source.schema)), evaluator, counter)
    else:
        evaluator = _feed_again(source, evaluator, counter, restart=restart)
    result = evaluator.result()
    check_evaluated(result, counter.total or whole.rows or 0)  # all rows may be excluded without being read
    return evaluator, result


def thread_count(threads: int | None) -> int:
    """What `threads` says of metrics of rows; ParameterError where it is no positive integer."""
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, Integral) or threads < 1):
        raise ParameterError(f"threads={threads!r}; allowed: an integer from 1, or None: one for each processor")
    # Metrics of rows are as fast as memory; what they would gain, merging their states would cost.
    return 1 if threads is None else int(threads)


def _thread_count(threads: int | None, evaluator: Evaluator) -> int:
    count = thread_count(threads)
    if evaluator.plan.in_order:
        return 1
    return len(os.sched_getaffinity(0)) if threads is None and evaluator.plan.streams else count


class _Counter:
    """Counts rows, and tells of them."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self.total = 0
        self._progress = progress
        self._lock = Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self.total += count
            if self._progress is not None:
                self._progress(count)

    def reset(self) -> None:
        self.add(-self.total)


def _feed(batches: Batches, evaluator: Evaluator, counter: _Counter) -> None:
    """Gives the evaluator all batches."""
    for batch, origin in batches:
        evaluator.update(batch, describe_row=origin.describe)
        counter.add(batch.num_rows)


def _feed_again(source: Source, evaluator: Evaluator, counter: _Counter, *, restart: bool) -> Evaluator:
    """Feeds the evaluator or, where a query comes back, another that takes rows from anywhere; returns that."""
    limit = evaluator.memory_limit if restart and evaluator.plan.streams else 0
    replay = Replay(source, *evaluator.columns(source.schema), limit)
    try:
        _feed(replay.batches(), evaluator, counter)
    except QueryOrderError:
        if not restart or not replay.possible:
            raise
    else:
        return evaluator
    counter.reset()
    evaluator = evaluator.twin(queries="scattered")
    _feed(replay.again(), evaluator, counter)
    return evaluator


def _feed_shards(shards: Sequence[Source], evaluator: Evaluator, counter: _Counter) -> None:
    """Feeds the first shard to the evaluator and the others to twins of it, at once, and merges."""
    evaluator.threads = len(shards)
    share = max(1, evaluator.memory_limit // len(shards))
    twins = [evaluator.twin(memory_limit=share) for _ in shards[1:]]
    evaluator.plan.limit_scores(share)
    with ThreadPoolExecutor(len(shards)) as pool:
        jobs = [
            pool.submit(_feed, shard.batches(*each.columns(shard.schema)), each, counter)
            for shard, each in zip(shards, [evaluator, *twins], strict=True)
        ]
        # In the order of the shards, so that the error that is told is that of the first bad row.
        for job in jobs:
            job.result()
    evaluator.plan.limit_scores(evaluator.memory_limit)
    for twin in twins:
        evaluator.merge(twin)


def compute(metric: Metric, arrays: Mapping[str, Any]) -> float:
    """The value of one metric for arrays by role; see `Metric.compute`."""
    given = {role: array for role, array in arrays.items() if array is not None}
    if "weight" in given and "weight" not in metric.definition.optional:
        given["query_weight"] = given.pop("weight")
    # Columns that parameters name are called as their roles, as are the others.
    named = {role: role for role in metric.domains if role in metric.parameters}
    by_role = replace(metric, parameters={**metric.parameters, **named}, overrides={})
    for role in given:
        if role not in (*ROLES, *named):
            raise ParameterError(f"{metric.name} has no use for a column in the role {role!r}")
    for role in named:
        if role not in given:
            raise ParameterError(f"{metric.name} needs a {role} column: give it ({role}=)")
    roles: dict[str, Any] = {role: role for role in given if role in ROLES}
    evaluator = Evaluator([by_role], **roles)
    source = open_source(given)
    for batch, origin in source.batches(*evaluator.columns(source.schema)):
        evaluator.update(batch, describe_row=origin.describe)
    value = evaluator.result()[by_role.name]
    assert isinstance(value, float)
    return value
