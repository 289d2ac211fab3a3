"""What Spark's settings say of the memory of a task."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fastrank.errors import ParameterError
from fastrank.spark.frames import memory_of_task

MB = 1 << 20


def session(**settings: str) -> SimpleNamespace:
    names = {name.replace("_", "."): value for name, value in settings.items()}
    given = {"spark.master": "yarn", **{f"spark.{name}": value for name, value in names.items()}}
    conf = SimpleNamespace(get=lambda name, default=None: given.get(name, default))
    return SimpleNamespace(conf=conf, sparkContext=SimpleNamespace(defaultParallelism=4))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"executor_pyspark_memory": "2g", "executor_cores": "4"}, 256 * MB),
        ({"executor_pyspark_memory": "2g", "executor_cores": "4", "task_cpus": "2"}, 512 * MB),
        ({"executor_memoryOverhead": "1024", "executor_cores": "2"}, 256 * MB),
        ({"executor_memory": "20g", "executor_cores": "4"}, 256 * MB),  # a tenth of it
        ({}, 192 * MB),  # the least overhead
        ({"master": "local[4]"}, 512 * MB),
        ({"executor_pyspark_memory": "100gb"}, 2048 * MB),
    ],
    ids=str,
)
def test_a_task_may_take_half_of_its_share(settings, expected):
    assert memory_of_task(session(**settings)) == expected


def test_a_setting_that_is_none_is_told():
    with pytest.raises(ParameterError, match="'lots' is not understood: give memory_limit="):
        memory_of_task(session(executor_pyspark_memory="lots"))
