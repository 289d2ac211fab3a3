"""Checks what no linter knows: which module may import which, and the promises every kernel and docstring makes.

    python tools/check_house.py            prints offences, one a line, and exits 1 if there is any
    python tools/check_house.py --sizes    also prints the five longest modules

The tables below are the rules.  A new module of fastrank/ gets a row in MAY_IMPORT; a new dependency, one in DOORS.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "fastrank"
FACADE = "the facade"  # fastrank/__init__.py

# Room (first name under fastrank) -> the rooms it may import.  A room may always import itself.
_LEAF = {"errors"}
_KERNELS = _LEAF | {"_kernels", "functions"}
_ARROW = _KERNELS | {"buffers"}
_ROWS = _ARROW | {
    "domains",
    "classes",
    "labels",
    "columns",
    "ids",
    "judgments",
    "slices",
    "slice_codes",
    "slice_columns",
    "time_windows",
    "lists",
    "scratch",
    "where",
}
_DATA = _ROWS | {"seen", "pieces", "grouping", "partitions", "scattered", "spill"}
_LISTS = _DATA | {"ranked", "rules", "shapes", "measures", "sweeps"}
_STATES = _LISTS | {"accumulators"}
_PLAN = _STATES | {"metrics", "wire"}
_ANSWER = _PLAN | {"plan", "pairing", "requests", "result", "tabular"}
_EVALUATOR = _ANSWER | {"answer", "atomic", "state_files", "recipe", "sources", "qrels", "negatives", "class_weights"}
_EVALUATION = _EVALUATOR | {
    *(
        "sorted_rows",
        "intake",
        "folding",
        "evaluator",
        "replay",
        "stats",
        "workers",
        "feeding",
        "states_dir",
        "files_apart",
    ),
}
_FACADE = _EVALUATION | {"evaluation", "per_query", "drifts", "merging", "rolling", "inspections"}
_BUILT_ON = _FACADE | {FACADE}
_DOOR = _BUILT_ON | {"calibration", "compare", "drifts"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "_kernels": _LEAF,
    "functions": _LEAF | {"_kernels"},
    "atomic": _LEAF,
    "spill": _LEAF,
    "conditions": _LEAF | {"buffers"},
    "where": _LEAF | {"conditions"},
    "buffers": _LEAF,
    "domains": _ARROW,
    "classes": _ARROW | {"domains"},
    "labels": _ARROW | {"domains"},
    "columns": _ARROW | {"domains", "where", "ids", "judgments"},
    "ids": _ARROW,
    "negatives": _ARROW | {"labels", "domains", "columns"},
    "judgments": _ARROW | {"domains"},
    "qrels": _ARROW | {"domains", "columns", "ids", "judgments", "sources"},
    "time_windows": _ARROW,
    "slice_columns": _ARROW | {"ids"},
    "scratch": set(),
    "slice_codes": _KERNELS,
    "slices": _ARROW | {"slice_codes", "slice_columns", "columns", "scratch", "time_windows"},
    "lists": _ARROW | {"domains", "ids", "columns", "judgments"},
    "seen": _KERNELS,
    "pieces": _ARROW | {"seen"},
    "grouping": _ARROW | {"seen", "pieces", "ids", "columns", "lists", "ranked", "rules"},
    "partitions": _ARROW | {"columns", "spill"},
    "scattered": _ARROW | {"pieces", "ids", "columns", "lists", "grouping", "partitions", "ranked", "rules"},
    "rules": _KERNELS,
    "ranked": _ARROW | {"rules", "domains", "ids", "lists"},
    "shapes": _ARROW | {"seen", "columns", "ids", "lists", "grouping", "ranked", "rules"},
    "measures": _KERNELS | {"domains", "ids", "lists", "ranked", "rules"},
    "sweeps": _KERNELS,
    "accumulators": _LISTS,
    "metrics": _STATES,
    "state_files": _LEAF | {"atomic"},
    "wire": _STATES | {"state_files"},
    "tabular": _LEAF,
    "stats": set(),
    "workers": _LEAF,
    "result": _STATES | {"metrics", "tabular", "stats"},
    "class_weights": _KERNELS | {"domains", "metrics"},
    "requests": _PLAN | {"result", "class_weights"},
    "pairing": _PLAN | {"requests"},
    "plan": _PLAN | {"result", "requests", "pairing", "sources"},
    "sources": _ARROW | {"where", "conditions"},
    "answer": _ANSWER,
    "replay": _LEAF | {"sources"},
    "intake": _EVALUATOR | {"sorted_rows"},
    "sorted_rows": _ROWS,
    "folding": _STATES,
    "evaluator": _EVALUATOR | {"intake", "folding"},
    "recipe": _ANSWER,
    "merging": _EVALUATION,
    "per_query": _EVALUATION,
    "feeding": _EVALUATION,
    "states_dir": _EVALUATION,
    "files_apart": _EVALUATION,
    "evaluation": _EVALUATION | {"per_query"},
    FACADE: _FACADE,
    "inspections": _ROWS | {"sources", "qrels", "tabular"},
    "calibration": _BUILT_ON,
    "compare": _BUILT_ON,
    "drifts": _BUILT_ON,
    "rolling": _EVALUATION | {"merging"},
    "spark": _DOOR,
    "demo": _DOOR,
    "report": _DOOR,
    "compat": _DOOR,
    "cli": _DOOR | {"compat", "demo", "report"},
    "__main__": {"cli"},
    "reference": set(),
}

# Against the stream, inside a function only: (module, room).
ON_CALL = {("metrics.base", "evaluation")}  # a metric's compute() is an evaluation of arrays

# Third-party package -> the modules (or rooms) that may import it; None is every module.
DOORS: dict[str, set[str] | None] = {
    "numpy": None,
    "pyarrow": {
        *(
            "sources",
            "where",
            "conditions",
            "buffers",
            "domains",
            "classes",
            "columns",
            "ids",
            "slices",
            "slice_columns",
            "time_windows",
            "lists",
            "pieces",
            "grouping",
        ),
        *("judgments", "qrels", "labels", "partitions", "scattered", "shapes", "replay"),
        *(
            "wire",
            "state_files",
            "recipe",
            "plan",
            "answer",
            "evaluator",
            "intake",
            "per_query",
            "result",
            "tabular",
            "drifts",
        ),
        *("rolling", "inspections", "calibration", "cli", "demo", "spark"),  # some of which write files
    },
    "numba": {"_kernels"},
    "click": {"cli", "demo"},
    "rich": {"cli", "demo", "result", "tabular", "drifts", "inspections"},
    "sqlglot": {"conditions", "sources"},
    "polars": {"sources", "tabular"},
    "pandas": {"tabular"},
    "pyspark": {"spark"},
}
# Imported on first use, inside a function: each would make `import fastrank` slow.  numba may stand at the top of a
# module of _kernels, and such a module is then itself imported on first use.
ON_FIRST_USE = {"numba", "pandas", "polars", "pyspark", "sqlglot"}
# Methods of Arrow that import pandas behind the caller's back, and the one function that may call them.
IMPORTS_PANDAS = {"to_numpy", "to_pandas"}
MAY_USE_PANDAS = ("tabular", "to_pandas")
# So does pyarrow.dataset; these import it, inside a function, for those who pass an object of it.
MAY_USE_DATASET = {"sources.expressions"}

DECLARES = {
    "metric",
    "list_metric",
}  # @metric(...) declares a metric: its parameters are keywords, what stands before them is its state
COMPILERS = {"njit", "jit", "vectorize", "guvectorize", "cfunc"}
LIMITS = {".py": 400, ".pyx": 500}  # lines: a module stays below
CYTHON_PACKAGES = {"cython", "libc", "cpython"}


@dataclass(frozen=True)
class Offence:
    """What is wrong, and where."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Import:
    """One imported module; `lazy` inside a function, `typing` under `if TYPE_CHECKING:`."""

    name: str
    line: int
    lazy: bool
    typing: bool


@dataclass(frozen=True)
class Module:
    """A source file: its dotted name inside the package ("metrics.base"; "" for the facade) and its text."""

    path: Path
    name: str
    text: str

    @property
    def room(self) -> str:
        return self.name.split(".")[0] or FACADE

    @property
    def in_python(self) -> bool:
        return self.path.suffix in {".py", ".pyi"}

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))


def read_modules(root: Path) -> list[Module]:
    """All sources of the package under `root`."""
    modules = []
    for path in sorted((root / PACKAGE).rglob("*.py*")):
        if path.suffix in {".py", ".pyi", ".pyx"}:
            parts = path.relative_to(root / PACKAGE).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__")
            modules.append(Module(path.relative_to(root), name, path.read_text(encoding="utf-8")))
    return modules


def imports_of(module: Module) -> list[Import]:
    """Every import of a module, absolute: `from fastrank import metrics` is `fastrank.metrics`."""
    if module.in_python:
        return list(_imports_in(module.tree, module, lazy=False, typing=False))
    pattern = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\b|c?import\s+([\w.]+))")
    found = ((number, pattern.match(line)) for number, line in enumerate(module.text.splitlines(), 1))
    return [Import(match[1] or match[2], number, lazy=False, typing=False) for number, match in found if match]


def _imports_in(node: ast.AST, module: Module, *, lazy: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, lazy, typing) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            package = _absolute(child, module)
            yield from (Import(f"{package}.{alias.name}", child.lineno, lazy, typing) for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _imports_in(child, module, lazy=lazy, typing=True)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _imports_in(child, module, lazy=lazy or inside, typing=typing)


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    above = [PACKAGE, *filter(None, module.name.split("."))]
    steps = node.level - (module.path.stem == "__init__")
    return ".".join([*above[: len(above) - steps], *filter(None, [node.module])])


def check_directions(modules: list[Module]) -> Iterator[Offence]:
    """Imports inside the package run one way."""
    for module in modules:
        if module.room not in MAY_IMPORT:
            yield Offence(module.path, 1, f"no row for {module.room!r} in MAY_IMPORT of tools/check_house.py")
            continue
        for imported in imports_of(module):
            package, _, rest = imported.name.partition(".")
            if package != PACKAGE:
                continue
            first = rest.split(".")[0]
            known = first in MAY_IMPORT or any(other.room == first for other in modules)
            room = first if known else FACADE
            on_call = imported.lazy and (module.name, room) in ON_CALL
            if room != module.room and room not in MAY_IMPORT[module.room] and not on_call:
                yield Offence(module.path, imported.line, f"{module.room} must not import {room}")


def check_doors(modules: list[Module]) -> Iterator[Offence]:
    """Third-party packages come in by their doors, slow ones on first use."""
    slow = numba_modules(modules)
    slow_roots = {f"{PACKAGE}.{name}" for name in slow}
    for module in modules:
        for imported in imports_of(module):
            package = imported.name.split(".")[0]
            top = not imported.lazy and not imported.typing
            if package == PACKAGE:
                if top and module.name not in slow and not slow_roots.isdisjoint(_parents(imported.name)):
                    yield Offence(module.path, imported.line, f"{imported.name} imports numba: do so inside a function")
                continue
            if package in sys.stdlib_module_names or (not module.in_python and package in CYTHON_PACKAGES):
                continue
            if not may_enter(package, module.name):
                yield Offence(module.path, imported.line, f"{module.name or FACADE} is no door of {package}")
            elif package in ON_FIRST_USE and top and not (package == "numba" and module.name.startswith("_kernels.")):
                yield Offence(module.path, imported.line, f"import {package} inside a function")
            may_use_dataset = module.name in MAY_USE_DATASET and not top
            if f"{imported.name}.".startswith("pyarrow.dataset.") and not may_use_dataset:
                yield Offence(module.path, imported.line, "pyarrow.dataset imports pandas")


def may_enter(package: str, name: str) -> bool:
    """Whether the module `name` may import `package`."""
    doors = DOORS.get(package, set())
    if package == "numpy" and name == "errors":
        return False
    if name.split(".")[0] == "reference":
        return package == "numpy"
    return doors is None or not doors.isdisjoint(_parents(name))


def numba_modules(modules: list[Module]) -> set[str]:
    """Modules of _kernels that import numba at the top, themselves or by way of another."""
    kernels = [module for module in modules if module.room == "_kernels" and module.path.suffix == ".py"]
    at_top = {
        module.name: [imported.name for imported in imports_of(module) if not (imported.lazy or imported.typing)]
        for module in kernels
        if module.name != "_kernels"  # imported with every compiled kernel: it has to stay empty of numba
    }
    slow = {name for name, names in at_top.items() if any(one.split(".")[0] == "numba" for one in names)}
    for _ in at_top:  # as many steps as the longest chain of imports can have
        roots = {f"{PACKAGE}.{name}" for name in slow}
        slow |= {name for name, names in at_top.items() if any(not roots.isdisjoint(_parents(one)) for one in names)}
    return slow


def _parents(name: str) -> list[str]:
    """The module or name itself, and every package above: what an import of it runs."""
    parts = name.split(".")
    return [".".join(parts[: length + 1]) for length in range(len(parts))]


def check_calls(modules: list[Module]) -> Iterator[Offence]:
    """No print; nothing that imports pandas."""
    for module in modules:
        if module.path.suffix != ".py":
            continue
        tree = module.tree
        allowed = {
            id(node)
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef) and (module.name, function.name) == MAY_USE_PANDAS
            for node in ast.walk(function)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id == "print":
                yield Offence(module.path, node.lineno, "print: use click.echo or rich")
            if isinstance(node.func, ast.Attribute) and node.func.attr in IMPORTS_PANDAS and id(node) not in allowed:
                yield Offence(module.path, node.lineno, f".{node.func.attr}() of Arrow imports pandas")


def check_compiled(modules: list[Module]) -> Iterator[Offence]:
    """Every function that numba compiles states how it divides, and asks for no fast mathematics and no disk cache."""
    for module in modules:
        if module.path.suffix != ".py":
            continue
        tree = module.tree
        called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _last_name(node.func) in COMPILERS:
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                if "error_model" not in given:
                    yield Offence(module.path, node.lineno, f"{ast.unparse(node.func)} without error_model=")
                for flag in ("fastmath", "cache"):
                    value = given.get(flag)
                    if value is not None and not (isinstance(value, ast.Constant) and value.value is False):
                        yield Offence(module.path, node.lineno, f"{flag}= of a kernel is False, or not stated")
            elif isinstance(node, ast.FunctionDef):
                for decorator in node.decorator_list:
                    if id(decorator) not in called and _last_name(decorator) in COMPILERS:
                        yield Offence(module.path, decorator.lineno, f"@{ast.unparse(decorator)} without error_model=")


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def check_documented(modules: list[Module]) -> Iterator[Offence]:
    """The parameters that a docstring lists are the real ones, in their order."""
    for module in modules:
        if module.path.suffix != ".py":
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                documented = documented_parameters(ast.get_docstring(node) or "")
                real = _fields(node) if isinstance(node, ast.ClassDef) else _arguments(node)
                if documented is not None and real is not None and documented != real:
                    text = f"{node.name} documents ({', '.join(documented)}) and takes ({', '.join(real)})"
                    yield Offence(module.path, node.lineno, text)


def documented_parameters(docstring: str) -> list[str] | None:
    """The names in the numpydoc section "Parameters" (and "Other Parameters"), or None without one."""
    names: list[str] | None = None
    inside = False
    for line, below in pairwise([*docstring.splitlines(), ""]):
        if re.fullmatch(r"-{3,}", below.strip()) and line and not line[0].isspace():
            inside = line.strip() in {"Parameters", "Other Parameters"}
            names = names or ([] if inside else names)
        elif inside and names is not None and line and not line[0].isspace() and not re.fullmatch(r"-{3,}", line):
            names += [name.strip().lstrip("*\\") for name in line.split(" :")[0].rstrip(":").split(",")]
    return names


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = node.args
    every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    if any(isinstance(one, ast.Call) and _last_name(one.func) in DECLARES for one in node.decorator_list):
        every = [*given.kwonlyargs]
    names = [argument.arg for argument in every if argument is not None]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _fields(node: ast.ClassDef) -> list[str] | None:
    """Parameters of a class: those of its own __init__, else the fields of a dataclass without bases, else unknown."""
    for child in node.body:
        if isinstance(child, ast.FunctionDef) and child.name == "__init__":
            return _arguments(child)
    if node.bases or not any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
        return None
    return [
        child.target.id
        for child in node.body
        if isinstance(child, ast.AnnAssign)
        and isinstance(child.target, ast.Name)
        and "ClassVar" not in ast.unparse(child.annotation)
        and "init=False" not in ast.unparse(child)
    ]


def check_lengths(modules: list[Module]) -> Iterator[Offence]:
    """Modules stay small."""
    for module in modules:
        lines = len(module.text.splitlines())
        if lines >= LIMITS.get(module.path.suffix, sys.maxsize):
            yield Offence(module.path, lines, f"{lines} lines, of fewer than {LIMITS[module.path.suffix]}")


CHECKS = (check_directions, check_doors, check_calls, check_compiled, check_documented, check_lengths)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Checks the house rules of fastrank.")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent, help="the repository")
    parser.add_argument("--sizes", action="store_true", help="print the five longest modules")
    options = parser.parse_args(arguments)
    modules = read_modules(options.root)
    offences = [offence for check in CHECKS for offence in check(modules)]
    for offence in sorted(offences, key=lambda one: (str(one.path), one.line)):
        print(offence)
    if options.sizes:
        for module in sorted(modules, key=lambda one: -len(one.text.splitlines()))[:5]:
            print(f"{len(module.text.splitlines()):5} {module.path}")
    print(f"{len(modules)} modules, {len(offences)} offences")
    return 1 if offences or not modules else 0


if __name__ == "__main__":
    sys.exit(main())
