"""TREC files as tables."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from shared_data import shared

import fastrank
from fastrank.errors import EmptyInputError, FastrankError, SourceError, TrecFormatError
from fastrank.sources import trec
from fastrank.sources.trec import looks_like_trec, open_trec, query_border, read_qrels, read_queries, read_run


def put(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_run_is_a_table(tmp_path: Path) -> None:
    path = put(tmp_path / "run.txt", "q1 Q0 d1 1 2.5 r\nq1 Q0 dé 2 1e-3 r\r\n\n#x\nq2 Q0 d1 1 inf r")
    table = read_run(path)
    assert table.schema == pa.schema([("query", pa.string()), ("item", pa.string()), ("score", pa.float64())])
    table.validate(full=True)
    assert table.to_pydict() == {
        "query": ["q1", "q1", "q2"],
        "item": ["d1", "dé", "d1"],
        "score": [2.5, 1e-3, float("inf")],
    }


def test_judgments_are_a_table(tmp_path: Path) -> None:
    table = read_qrels(put(tmp_path / "qrels", "q1 0 d1 2\nq2 0 d1 -1\nq1 0 d2 0\n"))
    assert table.schema == pa.schema([("query", pa.string()), ("item", pa.string()), ("label", pa.int64())])
    assert table.to_pydict() == {"query": ["q1", "q2", "q1"], "item": ["d1", "d1", "d2"], "label": [2, -1, 0]}


def test_real_files() -> None:
    for name in ("qrels.test", "qrels.rel_level"):
        path = shared("ranking", "trec_eval", name)
        lines = [line.split() for line in path.read_text().splitlines()]
        assert read_qrels(path).to_pydict() == {
            "query": [line[0] for line in lines],
            "item": [line[2] for line in lines],
            "label": [int(line[3]) for line in lines],
        }
    path = shared("ranking", "trec_eval", "results.trunc")
    lines = [line.split() for line in path.read_text().splitlines()]
    assert read_run(path).column("score").to_pylist() == [float(line[4]) for line in lines]
    assert len(read_qrels(shared("ranking", "ranx", "notebook_qrels.trec"))) == 5541


def test_text_in_several_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "run.txt", "# head\n" * 9 + "".join(f"q{i // 7} Q0 d{i} 1 {i} r\n" for i in range(100)))
    whole = read_run(path)
    monkeypatch.setattr(trec, "TEXT_BYTES", 50)
    parts = read_run(path)
    assert parts.column("item").num_chunks > 10
    assert parts.equals(whole)


def test_gzip_and_byte_order_mark(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbfq 0 a 1\n" + b"q 0 b 0\n" * 3000
    whole = read_qrels(put(tmp_path / "qrels.txt", text))
    assert whole.column("query")[0].as_py() == "q"
    assert read_qrels(put(tmp_path / "any.name", gzip.compress(text))).equals(whole)
    # Members that follow each other are one file.
    assert read_qrels(put(tmp_path / "two.gz", gzip.compress(text[:1006]) + gzip.compress(text[1006:]))).equals(whole)
    with pytest.raises(SourceError, match=r"cannot read .*cut\.gz: Compressed file ended"):
        read_qrels(put(tmp_path / "cut.gz", gzip.compress(text)[:-9]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q Q0 d 1 1 r\n\n# c\nq Q0 e 2\n", r"bad\.txt, line 4: too few fields \(.*\): 'q Q0 e 2'"),
        ("q Q0 d 1 one r\r\n", "line 1: the score is not a number: 'q Q0 d 1 one r'"),
        ("q Q0 d 1 NaN r", "line 1: the score is NaN, which has no place in a ranking: 'q Q0 d 1 NaN r'"),
        ("q Q0 d 1 x " + "r" * 200, r"line 1: the score is not a number: 'q Q0 d 1 x r{89}\.\.\.'"),
        (b"q Q0 d 1 1 r\nq Q0 \xff\xfe 1 1 r\n", "line 2: the text is not UTF-8: 'q Q0 \ufffd\ufffd 1 1 r'"),
        (b"q Q0 d 1 1 r\n" * 30 + b"q\xff Q0 d 1 1 r\n", "line 31: the text is not UTF-8: 'q\ufffd Q0 d 1 1 r'"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = put(tmp_path / "bad.txt", text)
    with pytest.raises(TrecFormatError, match=message) as raised:
        read_run(path)
    assert isinstance(raised.value, FastrankError)
    assert isinstance(raised.value, ValueError)
    assert str(raised.value).startswith(str(path))


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot read .*none: No such file"):
        read_run(tmp_path / "none")
    with pytest.raises(SourceError, match="Is a directory"):
        read_run(tmp_path)
    with pytest.raises(SourceError, match=r"the file is empty \(0 bytes\)"):
        read_run(put(tmp_path / "empty", ""))
    with pytest.raises(EmptyInputError, match="holds no line of judgments"):
        read_qrels(put(tmp_path / "comments", "# only\n"))
    with pytest.raises(TrecFormatError, match="too many fields"):
        read_qrels(put(tmp_path / "run", "q Q0 d 1 2.5 r\n"))


def test_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"q 0 d 1\n",))
    writer.start()
    assert read_qrels(pipe).num_rows == 1
    writer.join()


@pytest.mark.parametrize("block_bytes", [1, 20, 33, 100, 10_000])
def test_whole_queries_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    sizes = [3, 1, 20, 2, 2, 1]
    lines = [f"q{q} 0 d{i} {i}\n# c\n" for q, size in enumerate(sizes) for i in range(size)]
    file = open_trec(put(tmp_path / "qrels", "# head\n\n" + "".join(lines)), judgments=True)
    monkeypatch.setattr(trec, "BLOCK_BYTES", block_bytes)
    found = []
    for rows in read_queries(file, 0, len(file.data)):
        ends = [*rows.query_row[1:].tolist(), len(rows.values)]
        for s, end in enumerate(ends):
            query = file.text(int(rows.query_at[s]), int(rows.query_size[s])).decode()
            found.append((query, rows.values[rows.query_row[s] : end].tolist()))
    assert found == [(f"q{q}", list(range(size))) for q, size in enumerate(sizes)]
    text = file.data.tobytes()
    for at in range(len(text)):
        border = query_border(file, at)
        # A row whose query is not that of the row above.
        assert border == len(text) or text[border:].split()[0] != text[:border].split(b"\nq")[-1].split()[0]
        assert at <= border


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.run", b"anything", True),
        ("a.qrels.gz", b"anything", True),
        ("a.TREC", b"", True),
        ("a.txt", b"q 0 d 1\n", True),
        ("a.txt", b"# c\n\nq Q0 d 1 2.5 r\n", True),
        ("a", gzip.compress(b"\xef\xbb\xbfq\t0\td\t-1\n", mtime=0), True),
        ("a.txt", b"q 0 d x\n", False),
        ("a.txt", b"q 0 d 1 2\n", False),
        ("a.csv", b"query,item,score\nq,d,1\n", False),
        ("a.txt", b"", False),
        ("a.parquet", b"PAR1\x00\x01\x02\xff", False),
        ("a.gz", b"\x1f\x8b broken", False),
    ],
)
def test_looks_like_trec(tmp_path: Path, name: str, text: bytes, expected: bool) -> None:
    assert looks_like_trec(put(tmp_path / name, text)) is expected
    assert looks_like_trec(str(tmp_path / name)) is expected


def test_what_is_not_there_does_not_look_like_trec(tmp_path: Path) -> None:
    assert not looks_like_trec(tmp_path)
    assert not looks_like_trec(tmp_path / "none.txt")
    assert looks_like_trec("-")


def test_reading_imports_nothing_heavy(tmp_path: Path) -> None:
    path = put(tmp_path / "qrels", "q 0 d 1\n")
    code = f"""
import sys
from fastrank.sources.trec import read_qrels
from fastrank.compat.trec_eval import evaluate
assert read_qrels({str(path)!r}).num_rows == 1
print([name for name in ("pandas", "pyarrow.dataset", "numba", "rich") if name in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(fastrank.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"
