"""Times `fastrank trec-eval` and trec_eval over files, as whole processes: `python benchmarks/trec_eval.py`.

Writes a run and judgments to a temporary folder, and prints lines of the run a second.  trec_eval is run where it is in
PATH or named; then the answers are compared.
"""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

TOPIC_LINES = 1000
JUDGED = 150  # judgments of a topic, two thirds of them of rows of the run
# trec_eval prints four decimals of numbers that it may have summed in another order.
TOLERANCE = 1.5e-4
OURS = [sys.executable, "-c", "from fastrank.cli import main; main()", "trec-eval"]


def _identifiers() -> np.ndarray:
    """Document ids as those of newswire."""
    return np.array(
        [f"FR94{month:02d}{day:02d}-{a}-{b:05d}" for month in range(1, 13) for day in range(1, 29) for a in range(3)
         for b in range(100)]
    )  # fmt: skip


def write_files(run: Path, qrels: Path, lines: int) -> None:
    """A run of topics of a thousand lines, sorted by score as systems write them, and qrels with grades 0 to 2."""
    generator = np.random.default_rng(6)
    names = _identifiers()
    found = JUDGED * 2 // 3
    with run.open("w") as run_file, qrels.open("w") as qrels_file:
        for topic in range(1, lines // TOPIC_LINES + 1):
            documents = names[generator.choice(len(names), TOPIC_LINES + JUDGED - found, replace=False)].tolist()
            scores = np.sort(generator.random(TOPIC_LINES) * 30)[::-1].tolist()
            rows = enumerate(zip(documents, scores, strict=False), 1)
            run_file.writelines(f"{topic}\tQ0\t{name}\t{rank}\t{score:.6f}\tmade\n" for rank, (name, score) in rows)
            retrieved = generator.choice(documents[:TOPIC_LINES], found, replace=False).tolist()
            grades = generator.integers(0, 3, JUDGED).tolist()
            judged = zip([*retrieved, *documents[TOPIC_LINES:]], grades, strict=True)
            qrels_file.writelines(f"{topic} 0 {name} {grade}\n" for name, grade in judged)


def time_process(command: list[str], rounds: int) -> tuple[float, str]:
    """(seconds of the fastest of the rounds, what it printed)."""
    seconds = math.inf
    for _ in range(rounds):
        begin = perf_counter()
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds = min(seconds, perf_counter() - begin)
    return seconds, output


def differences(ours: str, theirs: str) -> list[str]:
    """The measures of which the answers differ."""
    answers = [{line.split()[0]: line.split()[-1] for line in text.splitlines()} for text in (ours, theirs)]
    return [name for name in answers[0] | answers[1] if not _agree(*(answer.get(name) for answer in answers))]


def _agree(one: str | None, other: str | None) -> bool:
    if one == other:
        return True
    try:
        return one is not None and other is not None and abs(float(one) - float(other)) < TOLERANCE
    except ValueError:
        return False


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lines", type=int, default=10_000_000, help="lines of the run")
    options.add_argument("--rounds", type=int, default=3, help="the fastest of these counts")
    options.add_argument("--trec-eval", default=shutil.which("trec_eval"), help="trec_eval's program")
    given = options.parse_args()
    with TemporaryDirectory() as folder:
        run, qrels = Path(folder, "run"), Path(folder, "qrels")
        write_files(run, qrels, given.lines)
        lines = given.lines // TOPIC_LINES * TOPIC_LINES
        print(f"{lines:,} lines, {run.stat().st_size / 1e6:,.0f} MB; best of {given.rounds}")
        arguments = ["-m", "all_trec", str(qrels), str(run)]
        seconds, ours = time_process([*OURS, *arguments], given.rounds)
        print(f"fastrank trec-eval  {seconds:7.2f} s  {lines / seconds / 1e6:6.2f} M lines/s")
        if given.trec_eval is None:
            print("trec_eval is not in PATH: name it (--trec-eval)")
            return 0
        peer, theirs = time_process([given.trec_eval, *arguments], given.rounds)
        print(f"trec_eval           {peer:7.2f} s  {lines / peer / 1e6:6.2f} M lines/s")
        print(f"fastrank is {peer / seconds:.1f} times as fast")
    differing = differences(ours, theirs)
    print(f"the answers differ: {', '.join(differing)}" if differing else f"{len(theirs.splitlines())} answers agree")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
