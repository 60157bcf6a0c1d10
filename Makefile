# make search   an architecture search on embedded data
# make test     the tests
# make lint     style, types, floors
# make check    lint and test
# make clean    removes what was built; keeps .venv and runs/

PYTHON ?= python3
SEARCH ?= --space quick.yaml --data mnist5k --budget 2MMACs --fill 0 --trials 24

BIN := .venv/bin
# named after all that defines the environment: while it is there, nothing is installed again
READY := .venv/ready-$(shell { cat pyproject.toml constraints.txt; $(PYTHON) -V; } 2>&1 | cksum | tr ' ' -)

.PHONY: search test lint check clean

search: $(READY)
	$(BIN)/mlpnas search $(SEARCH)

# One thread for each of two processes: many threads in one process were slower by an order of magnitude. In the order of
# the files, long searches come before many short tests, so that both processes end together.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

clean:
	rm -rf build dist .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

$(READY):
	@$(PYTHON) -c 'import sys; sys.exit("mlpnas needs Python 3.11 or newer, e.g. make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up .venv: several minutes and GB, once"
	@rm -f .venv/ready-*
	@[ "$$($(BIN)/python -V 2>&1)" = "$$($(PYTHON) -V)" ] || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $@
