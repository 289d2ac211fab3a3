"""The house check passes on the project, and each of its rules bites on a small made-up tree."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import check_house
import pytest

NJIT = '@numba.njit(error_model="numpy")'
DATACLASS = "from dataclasses import dataclass\n\n@dataclass\n"


def check(root: Path, capsys: pytest.CaptureFixture[str], files: dict[str, str], *options: str) -> tuple[int, str]:
    """Writes `files` (paths under fastrank/) and checks them; the exit code and what was printed."""
    for name, text in files.items():
        path = root / "fastrank" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    code = check_house.main(["--root", str(root), *options])
    return code, capsys.readouterr().out


def documented(section: str, code: str) -> str:
    """`code`, a function or class header, with a numpydoc section of parameters."""
    lines = "".join(f"    {line}\n" for line in ["Parameters", "----------", *section.splitlines()])
    return f'{code}\n    """Says.\n\n{lines}\n    Returns\n    -------\n    out\n    """\n'


def test_the_project_keeps_its_rules(capsys):
    code = check_house.main([])
    assert code == 0, capsys.readouterr().out


ALLOWED = {
    "numpy everywhere": {"metrics/base.py": "import numpy as np"},
    "down the layers": {"plan.py": "from fastrank.accumulators.base import Accumulator\nfrom fastrank import errors"},
    "inside a room": {"metrics/base.py": "from fastrank.metrics.registry import find\nfrom . import text"},
    "relative, down": {"metrics/base.py": "from ..accumulators import base"},
    "the facade from above": {"cli.py": "import click\nfrom fastrank import evaluate, sources"},
    "the one call against the stream": {"metrics/base.py": "def f():\n    from fastrank.evaluation import compute"},
    "reference alone": {"reference/auc.py": "import math\nimport numpy as np\nfrom fastrank.reference import sums"},
    "a door": {"wire.py": "import pyarrow as pa"},
    "numba where it lives": {"_kernels/losses.py": f"import numba\n\n{NJIT}\ndef add(x):\n    return x"},
    "a numba kernel on first use": {
        "_kernels/losses.py": "import numba",
        "accumulators/sums.py": "def compiled():\n    from fastrank._kernels import losses\n    return losses",
    },
    "a numba kernel for types": {
        "_kernels/losses.py": "import numba",
        "accumulators/sums.py": (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from fastrank._kernels.losses import Loss"
        ),
    },
    "pandas in to_pandas": {
        "tabular.py": "class A:\n    def to_pandas(self):\n        import pandas\n        return self.table.to_pandas()"
    },
    "Cython's own": {"_kernels/order.pyx": "from libc.math cimport floor\ncimport numpy as np\nimport numpy as np\n"},
    "flags that change nothing": {
        "_kernels/a.py": 'import numba\n@numba.njit(error_model="numpy", fastmath=False, cache=False)\ndef f(x): ...'
    },
    "no section": {"plan.py": 'def f(a, b):\n    """Adds."""'},
    "every kind of argument": {
        "plan.py": documented(
            "a, b : int\n    Two: of them.\n*rest : int\nc : int, default 1\n    One.\n**more\n",
            "def f(a, /, b, *rest, c=1, **more):",
        )
    },
    "self is not one": {
        "plan.py": "class A:\n" + "    def f(self, a):\n        '''Says.\n\n        Parameters\n"
        "        ----------\n        a\n        '''\n"
    },
    "nor is a metric's state": {"metrics/a.py": documented("k : int", "@metric(family=1)\ndef ndcg(lists, *, k):")},
    "fields": {"plan.py": DATACLASS + documented("a : int", "class A:") + "    a: int\n    b: ClassVar[int] = 0\n"},
    "as long as may be": {"plan.py": "\n" * 399, "_kernels/order.pyx": "\n" * 499},
}

OFFENCES = {
    "up the layers": ({"columns.py": "from fastrank.plan import Plan"}, "columns.py:1: columns must not import plan"),
    "up, relative": ({"metrics/a.py": "from ..plan import Plan"}, "metrics must not import plan"),
    "up, relative, from a package": (
        {"metrics/__init__.py": "from ..plan import Plan"},
        "metrics must not import plan",
    ),
    "up, on first use": ({"wire.py": "def f():\n    import fastrank.plan"}, "wire.py:2: wire must not import plan"),
    "up, for types": (
        {"columns.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from fastrank.grouping import Lists"},
        "columns.py:3: columns must not import grouping",
    ),
    "metrics and wire": ({"metrics/a.py": "from fastrank import wire"}, "metrics must not import wire"),
    "wire and metrics": ({"wire.py": "from fastrank.metrics import base"}, "wire must not import metrics"),
    "against the stream at the top": (
        {"metrics/base.py": "from fastrank.evaluation import compute"},
        "metrics/base.py:1: metrics must not import evaluation",
    ),
    "sources and columns": ({"sources.py": "from fastrank.columns import Rows"}, "sources must not import columns"),
    "the facade from below": ({"plan.py": "from fastrank import evaluate"}, "plan must not import the facade"),
    "from a compiled kernel": (
        {"_kernels/a.pyx": "from fastrank.columns import Rows"},
        "_kernels must not import columns",
    ),
    "from a stub": ({"_kernels/a.pyi": "from fastrank.columns import Rows"}, "_kernels must not import columns"),
    "reference by others": ({"plan.py": "import fastrank.reference.auc"}, "plan must not import reference"),
    "reference of others": ({"reference/auc.py": "from fastrank.errors import E"}, "reference must not import errors"),
    "a room without a row": ({"helpers.py": ""}, "no row for 'helpers'"),
    "numpy in errors": ({"errors.py": "import numpy"}, "errors is no door of numpy"),
    "pyarrow in a kernel": ({"_kernels/a.pyx": "cimport pyarrow.lib"}, "_kernels.a is no door of pyarrow"),
    "pyarrow in a metric": ({"metrics/a.py": "import pyarrow.compute as pc"}, "metrics.a is no door of pyarrow"),
    "pyarrow in an accumulator": (
        {"accumulators/sums.py": "import pyarrow"},
        "accumulators.sums is no door of pyarrow",
    ),
    "more than NumPy in reference": ({"reference/auc.py": "import pyarrow"}, "reference.auc is no door of pyarrow"),
    "an unknown package": ({"plan.py": "import requests"}, "plan is no door of requests"),
    "rich": ({"plan.py": "from rich.table import Table"}, "plan is no door of rich"),
    "numba elsewhere": (
        {"accumulators/sums.py": "def f():\n    import numba"},
        "accumulators.sums is no door of numba",
    ),
    "numba for every kernel": (
        {"_kernels/__init__.py": "import numba"},
        "__init__.py:1: import numba inside a function",
    ),
    "sqlglot at the top": (
        {"conditions.py": "import sqlglot"},
        "conditions.py:1: import sqlglot inside a function",
    ),
    "sqlglot elsewhere": ({"where.py": "def f():\n    import sqlglot"}, "where is no door of sqlglot"),
    "pandas at the top": ({"tabular.py": "import pandas as pd"}, "tabular.py:1: import pandas inside a function"),
    "a numba kernel at the top": (
        {
            "_kernels/losses.py": "from numba import njit",
            "accumulators/sums.py": "from fastrank._kernels import losses",
        },
        "accumulators/sums.py:1: fastrank._kernels.losses imports numba",
    ),
    "a numba kernel by way of another": (
        {
            "_kernels/losses.py": "from numba import njit",
            "_kernels/more.py": "from fastrank._kernels.losses import add",
            "accumulators/sums.py": "from fastrank._kernels.more import add",
        },
        "accumulators/sums.py:1: fastrank._kernels.more.add imports numba",
    ),
    "pyarrow.dataset": ({"sources.py": "import pyarrow.dataset as ds"}, "pyarrow.dataset imports pandas"),
    "dataset from pyarrow": (
        {"sources.py": "def f():\n    from pyarrow import dataset"},
        "sources.py:2: pyarrow.dataset",
    ),
    "to_numpy": ({"columns.py": "def f(array):\n    return array.to_numpy()"}, "columns.py:2: .to_numpy() of Arrow"),
    "to_numpy in result": ({"result.py": "def f(array):\n    return array.to_numpy()"}, "result.py:2: .to_numpy()"),
    "print": ({"cli.py": "print('x')"}, "cli.py:1: print"),
    "njit bare": (
        {"_kernels/a.py": "import numba\n@numba.njit\ndef f(x): ..."},
        "a.py:2: @numba.njit without error_model=",
    ),
    "njit without the model": (
        {"_kernels/a.py": "from numba import njit\n@njit(nogil=True)\ndef f(x): ..."},
        "a.py:2: njit",
    ),
    "njit called": (
        {"_kernels/a.py": "import numba\nadd = numba.njit(lambda x: x)"},
        "a.py:2: numba.njit without error",
    ),
    "fastmath": (
        {"_kernels/a.py": 'import numba\n@numba.njit(error_model="numpy", fastmath={"nnan"})\ndef f(x): ...'},
        "fastmath= of a kernel is False",
    ),
    "cache": (
        {"_kernels/a.py": 'import numba\n@numba.njit(error_model="numpy", cache=True)\ndef f(x): ...'},
        "cache= of a kernel is False",
    ),
    "a parameter forgotten": (
        {"plan.py": documented("a : int", "def f(a, b):")},
        "f documents (a) and takes (a, b)",
    ),
    "a parameter of a metric": (
        {"metrics/a.py": documented("lists", "@metric(family=1)\ndef ndcg(lists, *, k):")},
        "ndcg documents (lists) and takes (k)",
    ),
    "a parameter renamed": ({"plan.py": documented("c : int", "def f(a):")}, "f documents (c) and takes (a)"),
    "parameters in another order": (
        {"plan.py": documented("b : int\na : int", "async def f(a, b):")},
        "f documents (b, a) and takes (a, b)",
    ),
    "a field forgotten": (
        {"plan.py": DATACLASS + documented("a : int", "class A:") + "    a: int\n    b: int = 0\n"},
        "A documents (a) and takes (a, b)",
    ),
    "a parameter of __init__": (
        {"plan.py": documented("a : int", "class A:") + "    def __init__(self, b): ...\n"},
        "A documents (a) and takes (b)",
    ),
    "a long module": ({"plan.py": "\n" * 400}, "plan.py:400: 400 lines, of fewer than 400"),
    "a long kernel": ({"_kernels/order.pyx": "\n" * 500}, "order.pyx:500: 500 lines, of fewer than 500"),
}


@pytest.mark.parametrize("files", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_is_allowed_passes(tmp_path, capsys, files):
    code, printed = check(tmp_path, capsys, files)
    assert (code, printed) == (0, f"{len(files)} modules, 0 offences\n")


@pytest.mark.parametrize(("files", "message"), OFFENCES.values(), ids=OFFENCES.keys())
def test_each_rule_bites_once(tmp_path, capsys, files, message):
    code, printed = check(tmp_path, capsys, files)
    assert code == 1
    assert message in printed
    assert printed.endswith(f"{len(files)} modules, 1 offences\n")


def test_sizes_lists_the_longest_modules(tmp_path, capsys):
    files = {f"metrics/m{lines}.py": "\n" * lines for lines in range(1, 8)}
    code, printed = check(tmp_path, capsys, files, "--sizes")
    assert code == 0
    assert [line.split()[0] for line in printed.splitlines()[:-1]] == ["7", "6", "5", "4", "3"]


def test_an_empty_tree_is_an_error(tmp_path, capsys):
    assert check(tmp_path, capsys, {}) == (1, "0 modules, 0 offences\n")
