# make demo      one real heartbeat, classified and explained (needs no database)
# make app       a recording worked through in the browser, at http://127.0.0.1:8050
# make check     lint and the quick tests, for whoever changes a line
# make test      lint and all tests (on real records too where MITDB_DIR or mitdb/ has them)
# make fuzz      mutated inputs and kills at random moments, with SEED=1 (most of an hour; needs the database)
# make notebook  run the whole study again, from raw records to the tables
# make download  fetch the database into mitdb/

SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c "$(SUPPORTED)" 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
WORKERS := --numprocesses auto --maxprocesses 4 --dist loadfile
# the processes share the cores: threads of their own would only disturb each other
check test: export OMP_NUM_THREADS := 1

.PHONY: demo app check test fuzz notebook download clean

demo: .venv/installed
	$(BIN)/python predict.py --output beat.png

app: .venv/installed
	$(BIN)/python -m arrhythmia app

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest $(WORKERS) -m "not slow"

test: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest $(WORKERS)

SEED := 1
fuzz: .venv/installed-dev
	$(BIN)/python -m studies guard --seed $(SEED)

notebook: .venv/installed
	$(BIN)/jupyter execute --inplace --timeout=-1 "Arrhythmia Detection.ipynb"

download: .venv/installed
	$(BIN)/python -m arrhythmia download

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11, 3.12 or 3.13 found:" \
	"install one (Debian, Ubuntu: apt install python3 python3-venv; https://www.python.org)," \
	"or name it with 'make PYTHON=/path/to/python3.12'" >&2; exit 2; }
	$(PYTHON) -m venv .venv

.venv/installed: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

.venv/installed-dev: requirements.txt requirements-dev.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

clean:
	rm -rf .venv .pytest_cache .ruff_cache build *.egg-info
