from __future__ import annotations

import os
import pathlib
import subprocess
import sys

from source_files import WRITERS, make_table

import fastrank


def test_the_core_path_imports_neither_pandas_nor_dataset_nor_numba(tmp_path):
    path = tmp_path / "a.parquet"
    WRITERS["a.parquet"](make_table(0, 10), str(path))
    WRITERS["a.csv"](make_table(0, 10), str(tmp_path / "b.csv"))
    WRITERS["a.orc"](make_table(0, 10), str(tmp_path / "d.orc"))
    WRITERS["a.arrow"](make_table(0, 10), str(tmp_path / "c.arrow"))
    code = f"""
import sys, warnings
from fastrank.sources import open_source
assert not {{"pyarrow.parquet", "pyarrow.csv", "pyarrow.ipc"}} & (set(sys.modules) - set(before))
import numpy as np
for _ in open_source({str(tmp_path / "*")!r}).batches(["score", "country"], ["score"]): pass
arrays = dict(a=np.arange(3), b=np.array(["a", "b", "c"]), c=np.ones(3, bool), d=np.zeros(3, "M8[D]"),
              e=np.array(["x", None, "z"], object), f=np.arange(3).astype(">f4"), g=[1.5, 2, 3])
rows = [r for b, _ in open_source(arrays).batches(list(arrays)) for r in b.to_pylist()]
assert len(rows) == 3
print([name for name in ("pandas", "pyarrow.dataset", "numba", "polars", "duckdb") if name in sys.modules])
"""
    code = "import sys, pyarrow\nbefore = list(sys.modules)\n" + code
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(fastrank.__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"
