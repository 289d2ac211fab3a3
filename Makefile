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
test test-slow test-spark: export PYTHONDONTWRITEBYTECODE :=

# Both lines of Spark that are supported, and what tests of it take.
SPARK_3 := 3.5.5
SPARK_4 := 4.1
SPARK_NEEDS := "pandas>=2.2,<3" "numpy>=2.0.1" "pyarrow>=19" "numba>=0.61" "click>=8.1" "rich>=13" "sqlglot>=25" \
	"pytest>=8" "pytest-benchmark>=5" "hypothesis>=6.100"

.PHONY: demo test test-slow test-spark lint types house bench clean

demo: $(VENV)/.package
	$(BIN)/fastrank demo

test: $(VENV)/.test
	$(BIN)/pytest -n auto --dist worksteal

test-slow: $(VENV)/.test
	$(BIN)/pytest -m slow

# Spark as it is used most, and a cluster of processes of its own, whose executors load the package anew.
test-spark: $(VENV)-spark3/.spark $(VENV)-spark4/.spark
	for version in 3 4; do \
		$(VENV)-spark$$version/bin/pytest -m spark tests/spark && \
		FASTRANK_TEST_SPARK="local-cluster[2,1,1024]" $(VENV)-spark$$version/bin/pytest -m spark tests/spark -k "on_a_cluster or killed" \
		|| exit 1; \
	done

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
	rm -rf $(VENV) $(VENV)-spark3 $(VENV)-spark4 build dist demo *.egg-info .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
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

# The kernels are there already; the folder of the package is all that these environments take of it.
$(VENV)-spark3/.spark $(VENV)-spark4/.spark: $(VENV)-spark%/.spark: $(VENV)/.package
	$(PYTHON) -m venv $(VENV)-spark$*
	$(VENV)-spark$*/bin/python -m pip --disable-pip-version-check --quiet install "pyspark~=$(SPARK_$*)" $(SPARK_NEEDS)
	cd $(CURDIR) && pwd > "$$($(VENV)-spark$*/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/fastrank.pth"
	@touch $@

$(VENV)/.dev: $(VENV)/.package
	$(PIP) install "fastrank-metrics[dev]"
	@touch $@
