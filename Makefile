# Every target makes what it needs: a virtual environment, the compiled kernels, the tools.
#
#   make demo   writes a click log as Parquet under demo/ and evaluates it
#   make test   runs the tests          (VENV=folder and PYTHON=python3.12 choose others than the defaults)

VENV ?= .venv
PYTHON ?= python3

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The package is installed in editable mode, once, for every target: the kernels are compiled into the source tree, so
# that the tests, the type checker and the demo see one package whatever folder they are started in.  Changed Python
# files need no new install; what is compiled, and the metadata, do.
COMPILED := pyproject.toml setup.py $(wildcard fastrank/_kernels/*.pyx fastrank/_kernels/*.pxd fastrank/_kernels/*.h)

# Tests start many processes, which need not each compile the same Python files.
test test-slow: export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-slow lint types house bench clean

demo: $(VENV)/.package
	$(BIN)/fastrank demo

test: $(VENV)/.test
	$(BIN)/pytest -n auto --dist worksteal

test-slow: $(VENV)/.test
	$(BIN)/pytest -m slow

# cython-lint looks for pycodestyle in PATH.
lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(BIN):$$PATH" cython-lint fastrank
	$(BIN)/codespell

types: $(VENV)/.dev
	$(BIN)/mypy

house:
	$(PYTHON) tools/check_house.py

bench: $(VENV)/.test
	mkdir -p .benchmarks
	$(BIN)/pytest benchmarks --benchmark-enable --benchmark-only --benchmark-json=.benchmarks/latest.json -q
	$(BIN)/python benchmarks/report.py .benchmarks/latest.json

clean:
	rm -rf $(VENV) build dist demo *.egg-info .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f fastrank/_kernels/*.c fastrank/_kernels/*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.package: $(COMPILED) | $(BIN)/python
	$(PIP) install --editable .
	@touch $@

# The package is there already: these two lines only add what the extra asks for.
$(VENV)/.test: $(VENV)/.package
	$(PIP) install "fastrank-metrics[test]"
	@touch $@

$(VENV)/.dev: $(VENV)/.package
	$(PIP) install "fastrank-metrics[dev]"
	@touch $@
