"""Every Arrow type and layout that can play a role gives the results of the plain one; overrides of roles; filters."""

from __future__ import annotations

import decimal
import math
import random
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from helpers import same_result

import fastrank as fr
from fastrank import metrics as m

INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]
DECIMALS = [pa.decimal32(5, 2), pa.decimal64(9, 2), pa.decimal128(20, 4), pa.decimal256(50, 4)]
ROLES = {"label": "y", "score": "p", "query": "q"}
ROWS = 60


def cast(values: list, kind: pa.DataType) -> pa.Array:
    """Numbers as an array of any numeric type."""
    if pa.types.is_dictionary(kind):
        return cast(values, kind.value_type).dictionary_encode()
    if pa.types.is_decimal(kind):
        return pa.array([decimal.Decimal(str(value)) for value in values], kind)
    if pa.types.is_boolean(kind):
        return pa.array([bool(value) for value in values])
    return pa.array(values, pa.float64()).cast(kind)


def plain(seed: int = 0) -> dict[str, list]:
    draw = random.Random(seed)
    return {
        "y": [draw.randrange(2) for _ in range(ROWS)],
        "grade": [draw.randrange(4) for _ in range(ROWS)],
        "p": [draw.randrange(9) / 8 - (draw.random() < 0.1) for _ in range(ROWS)],
        "whole": [draw.randrange(2) for _ in range(ROWS)],
        "probability": [draw.randrange(9) / 8 for _ in range(ROWS)],
        "w": [draw.randrange(4) / 4 for _ in range(ROWS)],
        "q": [i // 5 for i in range(ROWS)],
    }


def text(source, metrics, **options) -> str:
    """The whole result, to the last bit."""
    return repr(fr.evaluate(source, metrics, **{**ROLES, **options}).to_dict())


def same(columns: dict, column: str, array, metrics, **options) -> None:
    """That a column in another form changes nothing, also where queries go on in the next batch."""
    wanted = text(columns, metrics, **options)
    found = pa.table({**columns, column: array})
    assert text(found, metrics, **options) == wanted
    assert text(found, metrics, **options, batch_rows=13) == wanted


NUMBERS = [*INTEGERS, *FLOATS, *DECIMALS]
NUMBERS += [
    pa.dictionary(pa.int8(), kind)
    for kind in (pa.int8(), pa.uint64(), pa.float32(), pa.float64(), pa.decimal128(20, 4))
]


@pytest.mark.parametrize("kind", [*NUMBERS, pa.bool_()], ids=str)
def test_labels_of_all_types(kind):
    columns = plain()
    same(columns, "y", cast(columns["y"], kind), ["auc", "log_loss", "brier", "mrr", "mse", "nce"], score="probability")
    if kind != pa.bool_():
        grades = ["ndcg@3", "ndcg(gain=exp2)", "ndcg(gain={1: 0.5, 2: 1, 3: 8})@2", "map(relevance_level=2)", "mse"]
        same(columns, "grade", cast(columns["grade"], kind), grades, label="grade")


@pytest.mark.parametrize("kind", [*NUMBERS, pa.bool_()], ids=str)
def test_scores_of_all_types(kind):
    columns = plain()
    metrics = ["auc", "auc(bits=14)", "ndcg@3", "map(ties=pessimistic)", "mse", "calibration_ratio"]
    same(columns, "whole", cast(columns["whole"], kind), [*metrics, "log_loss", "brier"], score="whole")
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        columns = {**columns, "p": [round(p * 4) / 4 for p in columns["p"]]}
        same(columns, "p", cast(columns["p"], kind), metrics)
    if pa.types.is_signed_integer(kind):
        columns = {**columns, "p": [round(p * 8) for p in columns["p"]]}
        same(columns, "p", cast(columns["p"], kind), metrics)


@pytest.mark.parametrize("kind", [*NUMBERS, pa.bool_()], ids=str)
def test_weights_of_all_types(kind):
    columns = plain()
    weights = [
        math.ceil(w) if kind in INTEGERS or kind == pa.bool_() or pa.types.is_dictionary(kind) else w
        for w in columns["w"]
    ]
    columns = {**columns, "w": weights, "qw": [weights[i // 5] for i in range(ROWS)]}
    row_metrics = ["auc", "auc(bits=14)", "log_loss", "mse", "calibration_ratio"]
    same(columns, "w", cast(weights, kind), row_metrics, weight="w", score="probability")
    same(columns, "qw", cast(columns["qw"], kind), ["ndcg@3", "mrr(no_relevant=skip)"], query_weight="qw")


@pytest.mark.parametrize("scale", range(1, 19))
def test_decimals_are_rounded_once(scale):
    draw = random.Random(scale)
    exact = [decimal.Decimal(draw.randrange(10 ** min(scale, 15) + 1)).scaleb(-min(scale, 15)) for _ in range(ROWS)]
    columns = {**plain(), "p": [float(value) for value in exact]}
    same(columns, "p", pa.array(exact, pa.decimal128(30, scale)), ["auc", "log_loss", "mse", "calibration_ratio"])


@pytest.mark.parametrize("scale", [0, 2, 5, 9, 11, 15, 18, 30])
def test_whole_labels_stay_whole_as_decimals(scale):
    columns = plain()
    for name, metrics in {"y": ["auc", "log_loss"], "grade": ["ndcg(gain=exp2)", "mrr(relevance_level=3)"]}.items():
        array = pa.array([decimal.Decimal(value) for value in columns[name]], pa.decimal128(38, scale))
        same(columns, name, array, metrics, label=name, score="probability")


@pytest.mark.parametrize("kind", FLOATS, ids=str)
@pytest.mark.parametrize("metric", ["auc", "auc(bits=12)", "mrr", "mrr@1"])
def test_zero_has_no_sign(kind, metric):
    columns = {"y": [1, 0, 0, 1], "p": cast([0.0, -0.0, 0.0, -0.0], kind), "q": [1, 1, 2, 2]}
    assert (
        fr.evaluate(columns, metric, **ROLES)[metric]
        == {"auc": 0.5, "auc(bits=12)": 0.5, "mrr": 0.75, "mrr@1": 0.5}[metric]
    )


@pytest.mark.parametrize("kind", FLOATS, ids=str)
def test_infinite_scores_are_ordinary(kind):
    inf = math.inf
    columns = {"y": [1, 0, 1, 0, 1, 0], "p": cast([inf, 0.5, -inf, -inf, 0.25, inf], kind), "q": [1, 1, 1, 2, 2, 2]}
    # Pairs: inf beats 0.5 and -inf, ties inf; -inf ties -inf; 0.25 beats -inf.
    assert fr.evaluate(columns, "auc", **ROLES)["auc"] == 4 / 9
    bounds = fr.evaluate(columns, "auc(bits=16)", **ROLES).table.to_pylist()[0]
    assert bounds["bound_lower"] <= 4 / 9 <= bounds["bound_upper"]
    assert fr.evaluate(columns, "mrr", **ROLES)["mrr"] == (1 + 1 / 2) / 2


# ---------------------------------------------------------------------------------------------------------------------
# Ids

STRINGS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.large_binary(),
    pa.binary_view(),
    pa.binary(2),
]
MOMENTS = [pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")]
MOMENTS += [pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC", "America/New_York")]
IDS = [*INTEGERS, *STRINGS, *MOMENTS, *DECIMALS, pa.bool_()]
IN_DICTIONARIES = [
    pa.int8(),
    pa.uint64(),
    *STRINGS,
    pa.date32(),
    pa.timestamp("us", "UTC"),
    pa.decimal128(20, 4),
    pa.bool_(),
]
IDS += [pa.dictionary(pa.int8(), kind) for kind in IN_DICTIONARIES] + [pa.dictionary(pa.int64(), pa.string())]


def ids(values: list[int], kind: pa.DataType) -> pa.Array:
    """Small numbers as ids of any type, in the same order."""
    if pa.types.is_dictionary(kind):
        distinct = sorted(set(values), reverse=True)
        indices = pa.array([distinct.index(value) for value in values], kind.index_type)
        return pa.DictionaryArray.from_arrays(indices, ids(distinct, kind.value_type))
    if kind in STRINGS:
        return pa.array([f"{value:02d}" for value in values]).cast(kind)
    if pa.types.is_decimal(kind) or pa.types.is_boolean(kind):
        return cast(values, kind)
    if pa.types.is_date64(kind):
        return pa.array([value * 86_400_000 for value in values]).cast(kind)
    if kind == pa.time64("ns"):
        values = [value * 1000 for value in values]  # Python's time has no nanoseconds
    small = pa.types.is_date32(kind) or pa.types.is_time32(kind)
    return pa.array(values, pa.int32() if small else pa.int64()).cast(kind)


def few(kind: pa.DataType) -> int:
    return 2 if kind == pa.bool_() or (pa.types.is_dictionary(kind) and kind.value_type == pa.bool_()) else 12


@pytest.mark.parametrize("kind", IDS, ids=str)
def test_queries_of_all_types(kind):
    size = ROWS // few(kind)
    columns = {**plain(), "q": [i // size for i in range(ROWS)]}
    same(columns, "q", ids(columns["q"], kind), ["ndcg@3", "mrr", "map(ties=input)"])


@pytest.mark.parametrize("kind", IDS, ids=str)
def test_items_of_all_types(kind):
    distinct = few(kind)
    items = [
        item for start in range(0, ROWS, distinct) for item in random.Random(start).sample(range(distinct), distinct)
    ]
    columns = {**plain(), "q": [i // distinct for i in range(ROWS)], "item": items, "p": [0.5] * ROWS}
    for metric in ("mrr(ties=item_desc)", "map(ties=item_asc)"):
        same(columns, "item", ids(items, kind), metric, item="item")


@pytest.mark.parametrize("kind", IDS, ids=str)
def test_slices_of_all_types(kind):
    draw = random.Random(7)
    values = [draw.randrange(few(kind)) for _ in range(ROWS)]
    columns = {**plain(), "s": values, "t": [draw.randrange(2) for _ in range(ROWS)]}
    wanted = fr.evaluate(columns, ["auc", "mrr"], **ROLES, by=["t", "s"])
    array = ids(values, kind)
    for batch_rows in (17, None):
        found = fr.evaluate(
            pa.table({**columns, "s": array}), ["auc", "mrr"], **ROLES, by=["t", "s"], batch_rows=batch_rows
        )
        assert found.table["s"].type in (
            array.type,
            getattr(array.type, "value_type", None),
            pa.int64(),
            *(
                [pa.decimal128(kind.precision, kind.scale)]
                if pa.types.is_decimal(kind) and kind.bit_width < 128
                else []
            ),
            pa.string(),
            pa.binary(),
        )
        assert repr(found.table.drop_columns("s").to_pydict()) == repr(wanted.table.drop_columns("s").to_pydict())
        for j in range(0, ROWS, 7):
            key = {"s": array[j].as_py(), "t": columns["t"][j]}
            assert repr(found["auc", key]) == repr(wanted["auc", {"s": values[j], "t": columns["t"][j]}])


# ---------------------------------------------------------------------------------------------------------------------
# Layouts


def chunked(array: pa.Array) -> pa.ChunkedArray:
    return pa.chunked_array([array.slice(0, 7), array.slice(7, 0), array.slice(7, 1), array.slice(8)])


def sliced(array: pa.Array) -> pa.Array:
    return pa.concat_arrays([array.slice(1, 5), array, array.slice(2, 3)]).slice(5, len(array))


def with_bitmap(array: pa.Array) -> pa.Array:
    """A bitmap of validity that has no null in it."""
    buffers = array.buffers()
    return pa.Array.from_buffers(array.type, len(array), [pa.py_buffer(b"\xff" * (len(array) // 8 + 1)), *buffers[1:]])


def without_nulls_of_its_own(array: pa.Array) -> pa.Array:
    """A slice of an array that has nulls elsewhere."""
    return pa.concat_arrays([pa.nulls(3, array.type), array, pa.nulls(9, array.type)]).slice(3, len(array))


def read_only(array: pa.Array) -> pa.Array:
    buffers = [None if buffer is None else pa.py_buffer(bytes(buffer)) for buffer in array.buffers()]
    return pa.Array.from_buffers(array.type, len(array), buffers)


@pytest.mark.parametrize("layout", [chunked, sliced, with_bitmap, without_nulls_of_its_own, read_only])
@pytest.mark.parametrize("is_narrow", [False, True])
def test_layouts(layout: Callable, is_narrow):
    columns = plain()
    kinds = {"y": pa.bool_(), "p": pa.float32(), "w": pa.float32(), "q": pa.int16()} if is_narrow else {}
    arrays = {
        name: cast(columns[name], kinds.get(name, pa.float64() if name in "pw" else pa.int64())) for name in "ypwq"
    }
    arrays["s"] = pa.array([f"s{i % 3}" for i in range(ROWS)])
    metrics = ["auc", "auc(bits=12)", "ndcg@3", "mse", "calibration_ratio"]
    wanted = text({**columns, "s": arrays["s"]}, metrics, weight="w", by="s", where="s <> 's2'")
    for names in (["y"], ["p"], ["w"], ["q"], ["s"], list(arrays)):
        table = pa.table({name: layout(array) if name in names else array for name, array in arrays.items()})
        assert text(table, metrics, weight="w", by="s", where="s <> 's2'") == wanted
        assert text(table, metrics, weight="w", by="s", where="s <> 's2'", batch_rows=11) == wanted


def test_numpy_arrays_that_are_read_only_strided_or_of_another_byte_order():
    columns = plain()
    wanted = text(columns, ["auc", "ndcg@3"])
    arrays = {name: np.array(columns[name]) for name in "ypq"}
    strided = {name: np.repeat(array, 2)[::2] for name, array in arrays.items()}
    swapped = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in arrays.items()}
    for array in arrays.values():
        array.flags.writeable = False
    for source in (arrays, strided, swapped):
        assert text(source, ["auc", "ndcg@3"]) == wanted


@pytest.mark.parametrize(
    ("column", "first", "second"),
    [
        ("p", pa.float32(), pa.float64()), ("p", pa.float64(), pa.float16()), ("p", pa.int8(), pa.float32()),
        ("y", pa.int8(), pa.bool_()), ("y", pa.float64(), pa.int64()), ("q", pa.int32(), pa.int64()),
    ],
)  # fmt: skip
@pytest.mark.parametrize("metric", ["auc", "mse", "mrr"])
def test_types_may_change_from_batch_to_batch(column, first, second, metric):
    columns = {**plain(), "p": plain()["whole"]}
    evaluator = fr.Evaluator(metric, **ROLES)
    for rows, kind in ((slice(0, 33), first), (slice(33, None), second)):
        part = {name: pa.array(columns[name][rows]) for name in "ypq"}
        evaluator.update(pa.record_batch({**part, column: cast(columns[column][rows], kind)}))
    assert repr(evaluator.result().to_dict()) == text(columns, metric)


def test_dictionaries_may_change_from_batch_to_batch():
    columns = {**plain(), "q": [f"q{i // 5}" for i in range(ROWS)], "s": ["ab"[i % 2] for i in range(ROWS)]}
    evaluator = fr.Evaluator(["auc", "mrr"], **ROLES, by="s")
    for start in range(0, ROWS, 3):
        part = {name: pa.array(columns[name][start : start + 3]) for name in "ypqs"}
        evaluator.update(
            pa.record_batch({**part, "q": part["q"].dictionary_encode(), "s": part["s"].dictionary_encode()})
        )
    assert repr(evaluator.result().to_dict()) == text(columns, ["auc", "mrr"], by="s")


# ---------------------------------------------------------------------------------------------------------------------
# Roles of single metrics, and filters


def test_two_labels_and_two_models_in_one_pass():
    draw = random.Random(3)
    rows = {
        **plain(),
        "converted": [draw.randrange(2) for _ in range(ROWS)],
        "p2": [draw.random() for _ in range(ROWS)],
    }
    table = pa.table(rows)
    metrics = [
        "auc",
        "ndcg@3",
        m.auc(label="converted", score="p2", where="y = 1", name="cvr_auc"),
        m.log_loss(score="probability", weight="w"),
        m.auc(label="converted", where=(pc.field("y") == 1) & (pc.field("p2") > 0.5), name="expression"),
        m.mrr(k=2, label="grade", relevance_level=2, where="q <> 3 and w > 0", name="mrr"),
    ]
    result = fr.evaluate(table, metrics, **ROLES)
    assert result["auc"] == fr.evaluate(table, "auc", **ROLES)["auc"]
    assert result["ndcg@3"] == fr.evaluate(table, "ndcg@3", **ROLES)["ndcg@3"]
    converted = {**ROLES, "label": "converted"}
    clicked = table.filter(pc.field("y") == 1)
    assert result["cvr_auc"] == fr.evaluate(clicked, "auc", label="converted", score="p2")["auc"]
    by_hand = clicked.filter(pc.field("p2") > 0.5)
    assert result["expression"] == fr.evaluate(by_hand, "auc", **converted)["auc"]
    log_loss = fr.evaluate(table, "log_loss", label="y", score="probability", weight="w")
    assert result["log_loss(score=probability, weight=w)"] == log_loss["log_loss"]
    some = table.filter((pc.field("q") != 3) & (pc.field("w") > 0))
    assert (
        result["mrr"]
        == fr.evaluate(some, "mrr(relevance_level=2)@2", label="grade", score="p", query="q").to_dict()["value"][0]
    )
    assert result.table["rows"].to_pylist() == [
        ROWS,
        ROWS,
        clicked.num_rows,
        sum(w > 0 for w in rows["w"]),
        by_hand.num_rows,
        some.num_rows,
    ]


@pytest.mark.parametrize("metric", ["auc", "log_loss", "ndcg@3", "mrr(ties=input)"])
def test_filters_of_the_evaluation_and_of_a_metric_add_up(metric):
    table = pa.table({**plain(), "s": [["DE", "FR", None][i % 3] for i in range(ROWS)]})
    options = (
        {**ROLES, "score": "probability", "by": "y"}
        if metric == "mrr(ties=input)"
        else {**ROLES, "score": "probability"}
    )
    de = table.filter(pc.field("s") == "DE")
    for where in ("s = 'DE'", "not (s <> 'DE')", pc.field("s") == "DE"):
        for batch_rows in (7, None):
            assert text(table, metric, **options, where=where, batch_rows=batch_rows) == text(de, metric, **options)
    both = de.filter(pc.field("w") >= 0.5)
    named = m.parse(metric)[0]
    one = type(named)(
        named.definition, named.parameters, where=m.parse("auc(where='w >= 0.5')")[0].where, given_name=metric
    )
    assert text(table, one, **options, where="s = 'DE'") == text(both, metric, **options)


def test_filters_that_print_alike_are_kept_apart():
    # Arrow prints only the ends of a long list, and a field named "b" like the text b.
    table = pa.table(
        {**plain(), "row": list(range(ROWS)), '"b"': ["c"] * ROWS, "a": ["b"] * (ROWS // 2) + ["c"] * (ROWS // 2)}
    )
    pairs = [
        (pc.field("row").isin(list(range(40))), pc.field("row").isin([*range(15), *range(41, 52), *range(26, 40)])),
        (pc.field("a") == pc.field('"b"'), pc.field("a") == "b"),
    ]
    for first, second in pairs:
        metrics = [m.auc(where=first, name="first"), m.auc(where=second, name="second")]
        assert metrics[0] != metrics[1]
        result = fr.evaluate(table, metrics, **ROLES)
        assert result["first"] == fr.evaluate(table.filter(first), "auc", **ROLES)["auc"]
        assert result["second"] == fr.evaluate(table.filter(second), "auc", **ROLES)["auc"]


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint8(), pa.bool_()], ids=str)
def test_small_integers_mean_what_floats_mean(kind: pa.DataType) -> None:
    # As bytes, as bytes that are negative or past 127, and beside floats.
    least, most = {pa.int8(): (-128, 127), pa.uint8(): (0, 255), pa.bool_(): (0, 1)}[kind]
    metrics = ["mae", "mse", "pearson", "max_error", "wape", "mean_error", "smape", "r2", "calibration_ratio"]
    for low, high in ((0, min(most, 100)), (least, most)):
        values = np.random.default_rng(0).integers(low, high, 300, endpoint=True)
        floats = pa.array(values.astype(np.float64))
        small = pa.array(values).cast(kind)
        other = pa.array(np.arange(300) % 7 / 4)
        for y, p in ((small, other), (other, small), (small, small)):
            wide = [floats if column is small else column for column in (y, p)]
            for weight in (None, "w"):
                found, expected = (
                    fr.evaluate(pa.table({"y": a, "p": b, "w": other}), metrics, label="y", score="p", weight=weight)
                    for a, b in ((y, p), wide)
                )
                same_result(found, expected)
