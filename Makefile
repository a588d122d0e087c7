# Every target does whatever set-up it needs first. Needs Python 3.11-3.13 with venv, and nothing else.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3 python; do \
	command -v $$name >/dev/null 2>&1 && $$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& { echo $$name; break; }; done)
PHOTOS ?=
# Tests run side by side, a file each; more processes need a Prefect server each.
TEST_PROCESSES ?= 2
SEEDS ?= 0-64

.PHONY: setup demo up doctor test chaos check bench format migration clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: Python 3.11, 3.12 or 3.13 is needed; install one, or name it: make PYTHON=/path/to/python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "error: $(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(STAMP)
	@$(BIN)/atelier demo $(if $(PHOTOS),"$(PHOTOS)")

up: $(STAMP)
	@$(BIN)/atelier up

doctor: $(STAMP)
	@$(BIN)/atelier doctor

test: $(STAMP)
	$(BIN)/pytest -n $(TEST_PROCESSES) --dist loadfile

# make chaos SEEDS=10-19
chaos: $(STAMP)
	$(BIN)/pytest tests/chaos --chaos-seeds $(SEEDS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m benchmarks.bench_video
	$(BIN)/python -m benchmarks.bench_stitch
	$(BIN)/python -m benchmarks.bench_api
	$(BIN)/python -m benchmarks.bench_prefect
	$(BIN)/python -m benchmarks.bench_kernel
	$(BIN)/python -m benchmarks.bench_planning

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# make migration MESSAGE="what changes"
migration: $(STAMP)
	$(BIN)/python -m storage.migrations "$(MESSAGE)"

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
