"""The whole way: source -> batches -> Evaluator -> Result."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, overload

from fastrank.answer import check_evaluated
from fastrank.errors import InvalidValueError, ParameterError
from fastrank.evaluator import Evaluator
from fastrank.feeding import feed_source, processors
from fastrank.files_apart import feed_files
from fastrank.metrics.base import ROLES
from fastrank.per_query import QueryValues
from fastrank.qrels import open_run
from fastrank.scattered import DEFAULT_MEMORY_LIMIT
from fastrank.slices import DEFAULT_MAX_SLICES
from fastrank.sources import open_source
from fastrank.states_dir import StatesDir
from fastrank.stats import Meter

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fastrank.metrics.base import Metric
    from fastrank.result import Result
    from fastrank.sources import Source
    from fastrank.stats import SkippedFile
    from fastrank.time_windows import By

__all__ = ["compute", "evaluate", "feed", "run", "thread_count"]

MANY_ROWS = 4_000_000  # in memory: from here on a second thread pays


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
    by: By = None,
    max_slices: int = DEFAULT_MAX_SLICES,
    other_slices: bool = False,
    where: Any = None,
    on_invalid: str = "raise",
    qrels: Any = None,
    batch_rows: int | None = None,
    queries: str | None = None,
    memory_limit: int = DEFAULT_MEMORY_LIMIT,
    threads: int | None = None,
    per_query: bool = False,
    engine: str | None = None,
    on_bad_file: str = "error",
    states_dir: str | os.PathLike[str] | None = None,
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
    by : str, Window, list of these, or list of lists of them, optional
        Slice columns: `["a", "b"]` makes the combinations, `[["a"], ["b"]]` two groupings.  `fastrank.window` makes one
        of a column of time.
    max_slices : int
        How many slices a grouping may have; more are an error, or see `other_slices`.
    other_slices : bool
        Let a grouping have any number of slices, and give the max_slices with the most rows and one that adds up all
        its others: its keys are null, and the column `slices`, null for every other row of the table, says how many
        these are.  The state keeps all of them, in memory too, so that results of merged states are those of all rows.
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
        Most threads that read and evaluate side by side; default: as many as there are processors, but one for less
        than 4 million rows in memory where no metric is of ranked lists.  Streams, which can be read once only, and
        metrics that depend on the order of the source (`ties="input"`) take one.  The result does not depend on it.
    per_query : bool
        Give the value of each query instead, of ranking metrics: a stream of record batches (`QueryValues`), which has
        the Result when it has been read.
    engine : "pyarrow" or "polars", optional
        What reads Parquet files.  Polars, which has to be installed, is often faster; it reads local files.
    on_bad_file : "error" or "skip"
        What to do with a file that cannot be read to its end, or lacks a column, or has one of another type.  Skip: no
        row of it counts, the others are evaluated, and `result.skipped_files` says which it was and why.  Rows with
        invalid values are no bad file: see `on_invalid`.
    states_dir : str or path-like, optional
        A folder for the state of each file, written when the file is done.  Another run with the same folder and the
        same arguments does not read it again, unless the size or the time of modification of the file has changed; so
        a run that was killed goes on where it was, to the same bits.  A query that comes back is an error then;
        `queries="scattered"` takes it, and keeps all rows of the columns that its metrics read in the states.

    Returns
    -------
    Result or QueryValues
        `result["auc"]`, `result["auc", {"country": "DE"}]`, `result.table`; `result.stats` says what it took.

    Raises
    ------
    FastrankError
        Of these: SourceError (unreadable), WriteError (a full disk), MissingColumnError, ColumnTypeError,
        InvalidValueError (with column, row, value, what is allowed), QueryOrderError, EmptyInputError,
        UnknownMetricError, ParameterError.

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
        max_slices=max_slices,
        other_slices=other_slices,
        where=where,
        on_invalid=on_invalid,
        qrels=qrels,
        queries=queries or "adjacent",
        memory_limit=memory_limit,
    )
    opener = open_source if qrels is None else open_run
    opened = opener(source, batch_rows=batch_rows, engine=engine)
    if per_query:
        thread_count(threads)  # its batches come in order, from one
        if on_bad_file != "error" or states_dir is not None:
            raise ParameterError("per_query=True gives values as they are read: leave out on_bad_file= and states_dir=")
        return QueryValues(opened, evaluator)
    return run(
        opened,
        evaluator,
        threads=threads,
        restart=queries is None,
        on_bad_file=on_bad_file,
        states_dir=states_dir,
    )


def run(
    source: Source,
    evaluator: Evaluator,
    progress: Callable[[int], None] | None = None,
    *,
    threads: int | None = None,
    restart: bool = True,
    on_bad_file: str = "error",
    states_dir: str | os.PathLike[str] | None = None,
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
    on_bad_file, states_dir
        As for `evaluate`.

    Returns
    -------
    Result

    Raises
    ------
    EmptyInputError
        There was no row, or none was left.
    ParameterError
        `threads` is no positive integer, or the source is not of files.
    """
    return feed(
        source,
        evaluator,
        progress,
        threads=threads,
        restart=restart,
        on_bad_file=on_bad_file,
        states_dir=states_dir,
    )[1]


def feed(
    source: Source,
    evaluator: Evaluator,
    progress: Callable[[int], None] | None = None,
    *,
    threads: int | None = None,
    restart: bool = True,
    on_bad_file: str = "error",
    states_dir: str | os.PathLike[str] | None = None,
) -> tuple[Evaluator, Result]:
    """As `run`, with the evaluator that holds the rows: another than was given, where the pass started anew."""
    if on_bad_file not in ("error", "skip"):
        raise ParameterError(f'on_bad_file={on_bad_file!r}; allowed: "error", "skip"')
    count = _thread_count(threads, evaluator, source)
    meter = Meter(progress)
    skipped: tuple[SkippedFile, ...] = ()
    narrow = evaluator.plan.narrow(source)
    if on_bad_file == "skip" or states_dir is not None:
        if not source.files or any(len(each.files) != 1 for each in source.by_file()):
            raise ParameterError("on_bad_file= and states_dir= need a source of files: give their paths")
        states = None if states_dir is None else StatesDir(states_dir, evaluator, source)
        held, skipped = feed_files(
            narrow, evaluator, meter, threads=count, restart=restart, skip=on_bad_file == "skip", states=states
        )
        result = _result(held, meter)
    else:
        held = feed_source(narrow, evaluator, meter, threads=count, restart=restart)
        try:
            result = _result(held, meter)
        except InvalidValueError:
            if meter.threads == 1:
                raise
            # A row that does not fit its query, parts of which were in several threads: one knows where it stood.
            meter.reset()
            held = feed_source(narrow, held.twin(memory_limit=evaluator.memory_limit), meter, restart=False)
            result = _result(held, meter)
    check_evaluated(result, meter.rows or source.rows or 0)  # all may be excluded, or in states, without being read
    result.stats, result.skipped_files = meter.stats(source.bytes), skipped
    return held, result


def _result(evaluator: Evaluator, meter: Meter) -> Result:
    with meter.timing("result"):
        return evaluator.result()


def thread_count(threads: int | None) -> int:
    """What `threads` says of metrics of rows in memory; ParameterError where it is no positive integer."""
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, Integral) or threads < 1):
        raise ParameterError(f"threads={threads!r}; allowed: an integer from 1, or None: one for each processor")
    return 1 if threads is None else int(threads)


def _thread_count(threads: int | None, evaluator: Evaluator, source: Source) -> int:
    count = thread_count(threads)
    if evaluator.plan.in_order or source.reads_once:
        return 1
    # Metrics of rows are as fast as memory: what a second thread gains of few rows, merging states costs.
    pays = evaluator.plan.streams or source.files or (source.rows or 0) >= MANY_ROWS
    return processors() if threads is None and pays else count


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
