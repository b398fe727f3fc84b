# Every target sets up .venv by itself, from the lock, on a fresh clone.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
THREADS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
# Neighbours share fixtures, so a worker takes tests that follow each other and then from the rest.
PYTEST := $(THREADS) $(BIN)/python -m pytest -n 2 --dist worksteal
# What trains, draws pages or generates events; new folders are fast until they are named here.
HEAVY := $(addprefix --ignore=tests/unit/,score report learn trigger template search \
	statistics/significance events/simulate)

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-all lint docs bench clean

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## Search simulated events for an injected resonance; prints where the report lies
	$(BIN)/bycatch demo

test: $(STAMP) ## Run the tests (about 9 minutes on 2 cores)
	$(PYTEST) -m "not slow"

test-fast: $(STAMP) ## Run units that neither train nor draw pages nor generate events (under a minute)
	$(PYTEST) -m "not slow" tests/unit $(HEAVY)

test-all: $(STAMP) ## Run the tests, the slow ones included
	$(PYTEST)

lint: $(STAMP) ## Check style, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP) ## Build the documentation into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "Documentation: docs/_build/html/index.html"

bench: $(STAMP) ## Run all benchmarks, which print their tables (hours: the calibration alone takes two)
	for script in benchmarks/bench_*.py; do $(THREADS) $(BIN)/python $$script || exit 1; done

clean: ## Remove caches and built documentation, keep .venv and runs
	rm -rf docs/_build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
