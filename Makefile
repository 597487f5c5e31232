# make demo      one real heartbeat, classified and explained (needs no database)
# make test      lint and tests (on real records too where MITDB_DIR or mitdb/ has them)
# make notebook  run the whole study again, from raw records to the tables
# make download  fetch the database into mitdb/

PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: demo test notebook download clean

demo: .venv/installed
	$(BIN)/python predict.py --output beat.png

test: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest

notebook: .venv/installed
	$(BIN)/jupyter execute --inplace --timeout=-1 "Arrhythmia Detection.ipynb"

download: .venv/installed
	$(BIN)/python -m arrhythmia download

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

.venv/installed-dev: requirements.txt requirements-dev.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

clean:
	rm -rf .venv .pytest_cache .ruff_cache
