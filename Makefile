# Needs Python >= 3.11 and nothing else; everything is installed into .venv. `make PYTHON=/path/to/python demo`
# chooses the interpreter.

# The first target is what `make` alone does.
all: setup help

.PHONY: all help setup demo test check bench test-engines test-console test-pythons test-signins test-foreign soak lock docs

help:
	@echo "make demo          run the demo: a sample API, an attack on it, the alert, the block, the proof"
	@echo "make test          run the whole suite"
	@echo "make check         ruff, mypy and import-linter"
	@echo "make bench         measure, as ratios in one run"
	@echo "make soak          run for minutes under load, killing things"
	@echo "make test-engines  the suite against real OpenSearch"
	@echo "make test-console  the suite in a real Chromium"
	@echo "make test-pythons  the capture side under every other Python from 3.11 on that is here"
	@echo "make test-signins  sign-ins with Flask-Security, quart-auth and others, installed for the while"
	@echo "make test-foreign  logs, proofs and tiles with verifiers by other people, installed for the while"
	@echo "make setup         the environment alone (.venv)"
	@echo "make docs          write the generated pages of docs/reference"
	@echo "make lock          write requirements.lock from pyproject.toml"

setup:
	@PYTHON="$(PYTHON)" sh tools/setup.sh

demo: setup
	@.venv/bin/sealtrail demo

# A file's tests stay together, and share what it made for them.
test: setup
	@.venv/bin/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile

check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: setup
	@for file in bench/[a-z]*.py; do echo "== $$file"; .venv/bin/python "$$file" || exit 1; done

soak: setup
	@SEALTRAIL_SOAK=1 .venv/bin/python -m pytest -q -m soak

test-engines: setup
	@folder=tests/$$(echo $@ | cut -c6-); \
	if [ -d "$$folder" ]; then .venv/bin/python -m pytest -q "$$folder"; \
	else echo "There is no $$folder yet: nothing was run." >&2; exit 1; fi

# Fails where there is no browser. SEALTRAIL_CHROMIUM names one that is not on the PATH.
test-console: setup
	@SEALTRAIL_CHROMIUM="$${SEALTRAIL_CHROMIUM:-find}" .venv/bin/python -m pytest -q tests/console/browser

# Says which versions it did not find.
test-pythons: setup
	@.venv/bin/python tools/pythons.py

test-signins: setup
	@.venv/bin/python tools/signins.py

test-foreign: setup
	@.venv/bin/python tools/foreign.py

docs: setup
	@.venv/bin/python tools/reference.py

lock: setup
	@.venv/bin/python tools/lock.py
