"""The parser of TREC files against Python's own reading; joining with judgments against sorting in Python."""

from __future__ import annotations

import math
import struct
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastrank._kernels import trec, trec_measures, trec_rank

KINDS = (np.int64, np.int32, np.uint32, np.int64, np.int64, np.int32)
Row = tuple[bytes, bytes, float]


def bytes_of(text: bytes) -> np.ndarray:
    return np.frombuffer(text, np.uint8)


def room(lines: int, judgments: bool = False) -> list[Any]:
    kinds = (*KINDS[:3], np.int64 if judgments else np.float64, *KINDS[3:])
    return [np.empty(lines, kind) for kind in kinds]


def parsed(text: bytes, judgments: bool = False) -> tuple[list[Row], bytes]:
    """Rows and the run's name, or the fault and its place."""
    data = bytes_of(text)
    arrays = room(trec.count_lines(data, 0, len(data)), judgments)
    rows, stretches, run_at, run_size, fault, at = trec.parse(data, 0, len(data), *arrays)
    if fault:
        raise Fault(fault, at)
    item_at, item_size, _, values, query_row, query_at, query_size = arrays
    ends = [*query_row[1:stretches].tolist(), rows]
    queries = [
        text[query_at[s] : query_at[s] + query_size[s]] for s in range(stretches) for _ in range(query_row[s], ends[s])
    ]
    items = [text[item_at[i] : item_at[i] + item_size[i]] for i in range(rows)]
    return list(zip(queries, items, values[:rows].tolist(), strict=True)), text[run_at : run_at + run_size]


class Fault(Exception):
    pass


def score_of(text: str) -> float:
    return parsed(f"q Q0 d 1 {text} r\n".encode())[0][0][2]


def test_a_run() -> None:
    text = b"1 Q0 a 1 2.5 x\n1\tQ0\tb  2 \t-3\ty  more words\n2 Q0 a 1 1e2 z"
    assert parsed(text) == ([(b"1", b"a", 2.5), (b"1", b"b", -3.0), (b"2", b"a", 100.0)], b"z")


def test_judgments() -> None:
    text = b"1 0 a 1\n 1 0 b -2 \n2 0 a +03"
    assert parsed(text, judgments=True) == ([(b"1", b"a", 1), (b"1", b"b", -2), (b"2", b"a", 3)], b"")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b" \t\v\f\n"])
def test_line_ends_blanks_and_comments(end: bytes) -> None:
    text = end.join([b"# a comment", b"q 0 a 1", b"", b"  #q 0 b 1", b"q 0 #c 2", b"   "])
    for tail in (b"", end, end + end):
        assert parsed(text + tail, judgments=True)[0] == [(b"q", b"a", 1), (b"q", b"#c", 2)]
    assert parsed(b"", judgments=True)[0] == []
    assert parsed(b"#", judgments=True)[0] == []


def test_control_characters_are_no_blanks() -> None:
    assert parsed(b"q\x01\x1f 0 \x00long-document-\x1fname 1\n", judgments=True)[0] == [
        (b"q\x01\x1f", b"\x00long-document-\x1fname", 1)
    ]


word = st.binary(min_size=1, max_size=20).map(lambda text: bytes(33 + byte % 220 for byte in text))
blank = st.text("\t \r\v\f", min_size=1, max_size=3).map(str.encode)


@given(st.lists(st.tuples(word, word, word, st.floats(allow_nan=False), word, blank), max_size=20))
def test_any_words(rows: list[tuple[bytes, bytes, bytes, float, bytes, bytes]]) -> None:
    rows = [row for row in rows if not row[0].startswith(b"#")]
    lines = [blank.join([query, iteration, item, b"1", repr(score).encode(), run])
             for query, iteration, item, score, run, blank in rows]  # fmt: skip
    expected = [(query, item, score) for query, _, item, score, _, _ in rows]
    assert parsed(b"\n".join(lines))[0] == expected


@pytest.mark.parametrize(
    ("line", "judgments", "fault"),
    [
        (b"q", True, "FEW_FIELDS"),
        (b"q 0 a", True, "FEW_FIELDS"),
        (b"q 0 a 1 x", True, "MORE_FIELDS"),
        (b"q 0 a 1.0", True, "NOT_AN_INTEGER"),
        (b"q 0 a -", True, "NOT_AN_INTEGER"),
        (b"q 0 a 1e3", True, "NOT_AN_INTEGER"),
        (b"q 0 a 1234567890123456789", True, "NOT_AN_INTEGER"),
        (b"q 0 " + b"a" * (2**20 + 1) + b" 1", True, "LONG_FIELD"),
        (b"q Q0 a 1 2.0", False, "FEW_FIELDS"),
        (b"q Q0 a 1", False, "FEW_FIELDS"),
        (b"q Q0 a 1 x r", False, "NOT_A_NUMBER"),
        (b"q Q0 a 1 nan r", False, "NOT_A_SCORE"),
        (b"q Q0 a 1 -NaN r", False, "NOT_A_SCORE"),
    ],
)
@pytest.mark.parametrize("last", [b"", b"\n"])
def test_faults_have_their_place(line: bytes, judgments: bool, fault: str, last: bytes) -> None:
    good = b"q 0 b 1\n" if judgments else b"q Q0 b 1 1 r\n"
    with pytest.raises(Fault) as raised:
        parsed(good + b"# x\n" + line + last, judgments)
    assert raised.value.args == (getattr(trec, fault), len(good) + 4)


digits = st.text("0123456789", min_size=1, max_size=25)
decimals = st.builds(
    lambda sign, whole, part, exponent: sign + whole + part + exponent,
    st.sampled_from(["", "-", "+"]),
    digits,
    st.one_of(st.just(""), st.just("."), digits.map(lambda text: "." + text)),
    st.one_of(
        st.just(""), st.integers(-40, 40).map(lambda e: f"e{e}"), st.integers(-400, 400).map(lambda e: f"E{e:+}")
    ),
)


@given(decimals)
@example("9007199254740993")  # 2^53 + 1, half-way: to even
@example("9007199254740993.0000000000000000000001")
@example("0.000000000000000000000000000000000000001")
@example("1e-400")
@example("1e400")
@example("-0.0")
@example("18446744073709551615e27")
@example("9999999999999999999e-27")
def test_decimals_round_correctly(text: str) -> None:
    assert struct.pack("<d", score_of(text)) == struct.pack("<d", float(text))


@given(st.floats(allow_nan=False))
def test_every_float_comes_back(value: float) -> None:
    assert struct.pack("<d", score_of(repr(value))) == struct.pack("<d", value)
    if math.isfinite(value) and abs(value) < 1e15:
        assert score_of(f"{value:.19f}") == float(f"{value:.19f}")


def test_many_long_decimals_round_correctly() -> None:
    # One in some thousands lies so near the middle of two floats that only what a division leaves over decides.
    rng = np.random.default_rng(0)
    texts = [f"{m}e{e}" for m, e in zip(rng.integers(2**53, 2**63, 50_000), rng.integers(-27, 28, 50_000), strict=True)]
    rows, _ = parsed("".join(f"q Q0 d 1 {text} r\n" for text in texts).encode())
    assert [score for _, _, score in rows] == [float(text) for text in texts]


@pytest.mark.parametrize("text", [".5", "5.", "+1.e1", "Inf", "-INFINITY", "00012", "1e00000000000000000000000000001"])
def test_forms_of_numbers(text: str) -> None:
    assert score_of(text) == float(text)


@pytest.mark.parametrize(
    "text", ["", ".", "-", "e5", "1e", "1e+", "1_000", "0x10", "1,5", "1.2.3", ".inf", "infin", "+-1"]
)
def test_no_numbers(text: str) -> None:
    with pytest.raises(Fault):
        score_of(text)


def test_the_arrays_hold_what_is_read() -> None:
    data = bytes_of(b"q 0 a 1\nq 0 b 1\n")
    with pytest.raises(ValueError, match="room for 1 rows is too little"):
        trec.parse(data, 0, len(data), *room(1, judgments=True))
    with pytest.raises(ValueError, match="room for 0 rows is too little"):
        trec.parse(data, 0, len(data), *room(0, judgments=True))
    with pytest.raises(ValueError, match="bytes 0 to 17 of 16"):
        trec.parse(data, 0, 17, *room(2, judgments=True))
    with pytest.raises(ValueError, match="bytes 5 to 3 of 16"):
        trec.count_lines(data, 5, 3)


def test_lines() -> None:
    data = bytes_of(b"a\n\nbc")
    assert [trec.count_lines(data, 0, end) for end in range(6)] == [0, 1, 1, 2, 3, 3]
    assert [trec.line_end(data, at) for at in range(6)] == [2, 2, 3, 5, 5, 5]


@given(st.lists(st.binary(max_size=12), max_size=60))
def test_texts_are_numbered_and_gathered(texts: list[bytes]) -> None:
    data = bytes_of(b"".join(texts) + b"\0")
    at = np.cumsum([0, *map(len, texts)])[:-1].astype(np.int64)
    sizes = np.array(list(map(len, texts)), np.int32)
    distinct = list(dict.fromkeys(texts))
    numbers, firsts = trec.number_texts(data, at, sizes)
    assert numbers.tolist() == [distinct.index(text) for text in texts]
    assert firsts.tolist() == [texts.index(text) for text in distinct]
    offsets, text = trec.gather_texts(data, at[::-1].copy(), sizes[::-1].copy())
    assert [text[i:j].tobytes() for i, j in pairwise(offsets)] == texts[::-1]


def test_texts_outside_the_data_are_refused() -> None:
    for at, size in ((0, 4), (3, 1), (-1, 1), (0, -1)):
        for kernel in (trec.number_texts, trec.gather_texts):
            with pytest.raises(ValueError, match="outside the data"):
                kernel(bytes_of(b"abc"), np.array([at]), np.array([size], np.int32))


def arrays_of(text: bytes, judgments: bool) -> tuple[Any, ...]:
    data = bytes_of(text)
    arrays = room(trec.count_lines(data, 0, len(data)), judgments)
    trec.parse(data, 0, len(data), *arrays)
    return (data, *arrays[:4])


@given(st.data())
def test_ranking_and_joining(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.text("ab", min_size=1, max_size=4), unique=True, min_size=1, max_size=30))
    scores = data.draw(
        st.lists(st.sampled_from([1.0, 2.0, -0.0, 0.0, 2.00000001]), min_size=len(names), max_size=len(names))
    )
    judged = data.draw(st.dictionaries(st.sampled_from(names), st.integers(-2, 3)))
    most, judged_only = data.draw(st.integers(1, 30)), data.draw(st.booleans())
    run = arrays_of("".join(f"q Q0 {d} 1 {s!r} r\n" for d, s in zip(names, scores, strict=True)).encode(), False)
    qrels = arrays_of("".join(f"q 0 {d} {rel}\n" for d, rel in judged.items()).encode() or b"#", True)
    bounds = np.array([[0, len(names), 0, len(judged)]])
    retrieved, offsets, ranks, relevance, fault, _ = trec_rank.rank(run, qrels, bounds, most, judged_only)
    ordered = [(np.float32(s), d) for d, s in zip(names, scores, strict=True)]
    rows = [judged.get(d) for _, d in sorted(ordered, key=lambda row: (row[0], row[1]), reverse=True)][:most]
    rows = [rel for rel in rows if rel is not None and rel >= 0] if judged_only else rows
    assert fault == 0
    assert retrieved.tolist() == [len(rows)]
    expected = [(r, max(rel, -1)) for r, rel in enumerate(rows) if rel is not None]
    assert list(zip(ranks.tolist(), relevance.tolist(), strict=True)) == expected
    assert offsets.tolist() == [0, len(expected)]
    levels = sorted({rel for rel in judged.values() if rel >= 0}, reverse=True)
    found = trec_rank.levels(bounds[:, 2], bounds[:, 3], qrels[-1])
    assert found[1].tolist() == levels
    assert found[2].tolist() == [list(judged.values()).count(level) for level in levels]


def test_stretches_outside_the_rows_are_refused() -> None:
    run, qrels = arrays_of(b"q Q0 a 1 1 r\n", False), arrays_of(b"q 0 a 1\n", True)
    for bounds in ([0, 2, 0, 1], [0, 1, 0, 2], [1, 0, 0, 1], [-1, 1, 0, 1]):
        with pytest.raises(ValueError, match=r"rows .* of 1"):
            trec_rank.rank(run, qrels, np.array([bounds]), 10, False)
    outside = (run[0], run[1] + 20, *run[2:])
    with pytest.raises(ValueError, match="items lie outside the data"):
        trec_rank.rank(outside, qrels, np.array([[0, 1, 0, 1]]), 10, False)


def test_measures_refuse_what_are_no_hits() -> None:
    cuts = np.array([[1]])
    for offsets, ranks in (([0, 1], [0, 1]), ([0, 2, 1, 2], [0, 1]), ([0, 2], [1, 1]), ([0, 1], [-1]), ([], [])):
        arrays = np.array(offsets, np.int64), np.array(ranks, np.int64), np.zeros(len(ranks), np.int64)
        with pytest.raises(ValueError, match=r"offsets|ranks"):
            trec_measures.relevant_above(*arrays, 1, cuts)
    one = np.array([0, 1]), np.array([3]), np.array([1])
    with pytest.raises(ValueError, match="2 rows of 1 queries"):
        trec_measures.relevant_above(*one, 1, np.array([[1], [1]]))
    for count, discounts in ((1, 3), (0, 9), (9, 8)):
        with pytest.raises(ValueError, match="discounts are too few, or a count"):
            trec_measures.ndcg_cut(
                *one,
                np.array([0, 1]),
                np.array([1]),
                np.array([count]),
                trec_measures.discounts(discounts),
                np.array([1]),
            )


def test_discounts_are_exact_at_powers_of_two() -> None:
    found = trec_measures.discounts(5000)
    assert found[[0, 2, 6, 1022, 4094]].tolist() == [1, 2, 3, 10, 12]
    np.testing.assert_array_max_ulp(found, np.log2(np.arange(5000) + 2.0), 2)


def test_read_only_input() -> None:
    arrays = [np.array([0, 1]), np.array([0]), np.array([1])]
    for array in arrays:
        array.flags.writeable = False
    assert trec_measures.reciprocal_rank(*arrays, 1).tolist() == [1]
