"""What runs in the driver: a DataFrame of states, merged, and asked for a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrank.answer import check_evaluated
from fastrank.errors import StateMismatchError
from fastrank.evaluator import Evaluator
from fastrank.feeding import processors
from fastrank.scattered import DEFAULT_MEMORY_LIMIT
from fastrank.spark.failures import telling
from fastrank.spark.frames import parallelism, partitions_of
from fastrank.spark.rows import COLUMNS, read_state
from fastrank.spark.tasks import merging
from fastrank.stats import Meter

if TYPE_CHECKING:
    from fastrank.result import Result

__all__ = ["Options", "gather", "result_of"]

FEW_STATES = 64  # so many are merged in the driver as they are
MOST_MERGING = 32  # tasks that merge some each first, where there are more


@dataclass(frozen=True)
class Options:
    """How states are merged: see `fastrank.merge_states`."""

    metrics: Any = None
    qrels: Any = None
    missing: str = "error"
    memory_limit: int = DEFAULT_MEMORY_LIMIT

    @property
    def like(self) -> dict[str, Any]:
        """What `Evaluator.like` takes."""
        return {"metrics": self.metrics, "qrels": self.qrels, "memory_limit": self.memory_limit}


def gather(states: Any, evaluator: Evaluator | None, options: Options) -> tuple[Evaluator | None, int]:
    """(the evaluator of all states, None where there is none; how many rows they are of)."""
    with telling():
        count = partitions_of(states)
        if count > FEW_STATES:
            tasks = min(MOST_MERGING, parallelism(states.sparkSession))
            spread = states.select("partition", "rows", "state").repartition(tasks, "partition")
            states = spread.mapInArrow(merging(evaluator, options), COLUMNS)
        held = states.select("rows", "state").collect()
    merged, rows = evaluator, 0
    for row in held:
        table = read_state(row["state"])
        merged = Evaluator.like(table, **options.like) if merged is None else merged
        merged.merge(table, missing=options.missing)
        rows += row["rows"]
    return merged, rows


def result_of(states: Any, evaluator: Evaluator) -> Result:
    """The result of the states of an evaluation."""
    meter = Meter()
    merged, rows = gather(states, evaluator.twin(), Options(memory_limit=evaluator.memory_limit))
    if merged is None:
        raise StateMismatchError("there is no state to merge")
    merged.threads = processors()
    with meter.timing("result"):
        result = merged.result()
    check_evaluated(result, rows)
    meter.add(rows)
    result.stats = meter.stats(None)
    return result
