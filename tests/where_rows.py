"""What the tests of filters share: rows of every type, and the numbers of those that meet a condition."""

from __future__ import annotations

import datetime

import pyarrow as pa

from fastrank.where import Where

DAYS = [datetime.date(2024, 1, i) for i in (1, 2, 3, 4)]
TIMES = [datetime.datetime(2024, 1, i, 12) for i in (1, 2, 3, 4)]
BATCH = pa.record_batch(
    {
        "x": pa.array([1, 2, None, 4], pa.int64()),
        "small": pa.array([100, 127, -128, 1], pa.int8()),
        "u": pa.array([1, 2**64 - 1, 3, 4], pa.uint64()),
        "f": pa.array([0.1, float("nan"), 0.5, None], pa.float32()),
        "s": pa.array(["a", "b'c", None, "%d"]),
        "view": pa.array(["a", "b'c", None, "%d"], pa.string_view()),
        "large": pa.array(["a", "b'c", None, "%d"], pa.large_string()),
        "dict": pa.array(["a", "b'c", None, "a"]).dictionary_encode(),
        "dictview": pa.DictionaryArray.from_arrays(
            pa.array([0, 1, None, 0], pa.int32()), pa.array(["a", "b'c"], pa.string_view())
        ),
        "flag": pa.array([True, False, None, True]),
        "day": pa.array(DAYS),
        "time": pa.array(TIMES, pa.timestamp("ms")),
        "zoned": pa.array(TIMES, pa.timestamp("s")).cast(pa.timestamp("s", "Asia/Tokyo")),
        "money": pa.array([None, 1, 2, 3], pa.decimal128(9, 2)),
        "two words": pa.array([1, 2, 3, 4], pa.int16()),
    }
)


def rows(condition, batch=BATCH):
    """Numbers of the rows that meet a condition, after checks of the mask."""
    mask = Where.parse(condition).mask(batch)
    assert isinstance(mask, pa.BooleanArray)
    assert len(mask) == batch.num_rows
    assert mask.null_count == 0
    return [i for i, value in enumerate(mask.to_pylist()) if value]
