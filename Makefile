# Everything sets itself up: a machine needs only make and Python 3.11 or newer.
# Packages come from the hashed lock files into .venv, once, and again when a lock file changes.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
VENV ?= .venv
DIR ?= ../shared/vectors
WORKERS ?= 2

BIN := $(VENV)/bin
USE := $(VENV)/.ready-to-use
DEVELOP := $(VENV)/.ready-to-develop
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench vectors docs locks browser clean

help: ## This list
	@echo "Tallybook: usage in, explained invoices out."
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: $(USE) ## A month of an AI company: 300,000 events in, billed and explained
	@$(BIN)/tallybook demo $(ARGS)

test: lint ## Everything a change has to pass: lint, types, walls, cases, tests
	@if [ -d "$(DIR)" ]; then $(BIN)/python tests/vectors/run.py "$(DIR)"; \
	else echo "SKIPPED vectors: there is no $(DIR); say DIR=..."; fi
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS)

lint: $(DEVELOP) ## Format, style, types and import contracts, without changing a file
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEVELOP) ## Format and mend what can be mended by itself
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(DEVELOP) ## Speed and memory beside their references; BENCH="ingest usage" for some
	$(BIN)/python -m bench $(BENCH) $(ARGS)

vectors: $(DEVELOP) ## Billing cases with known answers: make vectors DIR=path/to/folder
	@$(BIN)/python tests/vectors/run.py "$(DIR)" $(ARGS)

docs: $(DEVELOP) ## Write the API and CLI reference pages anew
	$(BIN)/python docs/reference/generate.py

browser: $(DEVELOP) ## Download Chromium for the tests that open pages
	$(BIN)/python -m playwright install chromium

locks: ## Resolve the lock files anew (needs uv; UPGRADE=--upgrade for newer versions)
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) --group build -c requirements.lock -o requirements-build.lock
	$(LOCK) pyproject.toml --group dev -c requirements.lock -c requirements-build.lock \
		-o requirements-dev.lock

UV ?= uv
LOCK = $(UV) pip compile --quiet --no-config --universal --generate-hashes --python-version 3.11 \
	--no-header --annotation-style line --no-emit-index-url --no-emit-find-links $(UPGRADE)

clean: ## Remove the virtual environment and caches; data directories stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Tallybook needs Python 3.11 or newer; none was found. Say which: make PYTHON=/path/to/python" >&2; exit 1; fi
	@echo "Setting up $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "This Python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(USE): requirements.lock requirements-build.lock pyproject.toml | $(BIN)/python
	@echo "Installing Tallybook and what it runs on, from requirements.lock (once; a few minutes on a slow line)"
	@$(INSTALL) --require-hashes -r requirements.lock -r requirements-build.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEVELOP): requirements-dev.lock pyproject.toml sdk/python/pyproject.toml | $(BIN)/python
	@echo "Installing Tallybook and its development tools, from requirements-dev.lock (once)"
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable . --editable sdk/python
	@touch $(USE) $@
