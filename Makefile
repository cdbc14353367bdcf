# Everything a developer or CI does, by name. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.PHONY: help setup drill drills test lint format types layers unit slow bench lock docs schema pictures looks clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## create .venv with the locked dependencies and drx itself
	@:

drill: $(READY) ## lose the images of a sandbox for real, and recover them against the clock
	@$(BIN)/drx drill db-drop --env sandbox

drills: $(READY) ## every drill there is, one after the other, in a sandbox
	@$(BIN)/drx drill --all --env sandbox

test: lint types layers unit ## all that must be green before a commit

lint: $(READY) ## style and formatting (ruff)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted: run 'make format'" >&2; exit 1; }

format: $(READY) ## rewrite the files as ruff wants them
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

types: $(READY) ## types (mypy --strict)
	@$(BIN)/mypy

layers: $(READY) ## who may import whom (import-linter)
	@$(BIN)/lint-imports

unit: $(READY) ## the quick tests, against real servers
	@$(BIN)/pytest -q -n 3 --dist worksteal -m "not slow"

slow: $(READY) ## the slow tests: kills, sabotage, large data
	@$(BIN)/pytest -q -n 3 --dist worksteal -m slow --timeout 900

bench: $(READY) ## measure, print, assert nothing
	@$(BIN)/python -m compileall -q drx
	@$(BIN)/python -m tests.bench.startup
	@$(BIN)/python -m tests.bench.engine
	@$(BIN)/python -m tests.bench.reports
	@$(BIN)/python -m tests.bench.dump_restore
	@$(BIN)/python -m tests.bench.events
	@$(BIN)/python -m tests.bench.against_stand_in
	@$(BIN)/python -m tests.bench.verify
	@$(BIN)/python -m tests.bench.point_in_time
	@$(BIN)/python -m tests.bench.status
	@$(BIN)/python -m tests.bench.uploads

lock: $(READY) ## resolve the dependencies anew into requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --custom-compile-command "make lock" --output-file requirements.lock

docs: schema ## write the reference, the schemas and this repository's plan; build the site into build/site
	@$(BIN)/drx actions --output docs/actions.md
	@$(BIN)/drx plan --output docs/disaster-recovery.md
	@$(BIN)/python docs/make_reference.py
	@$(BIN)/sphinx-build --quiet --fail-on-warning -b html docs build/site

schema: $(READY) ## write the editors' JSON Schemas into docs/schema
	@$(BIN)/drx schema --output docs/schema

pictures: $(READY) ## draw the README's pictures from real runs
	@$(BIN)/python -m docs.pictures.make_pictures

looks: $(READY) ## photograph every kind of page into build/pages: phone, laptop, paper, light, dark
	@$(BIN)/python -m docs.pictures.make_page_pictures

clean: ## remove .venv, caches and build products; records of drills stay
	@rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	@find drx tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "'$(PYTHON)' is not installed. Install Python 3.11 or newer, or say: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "'$(PYTHON)' is $$("$(PYTHON)" -V 2>&1). drx needs Python 3.11 or newer: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "'$(PYTHON)' has no venv module. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Setting up .venv (once, about a minute) ..."
	@"$(PYTHON)" -m venv .venv
	@$(BIN)/pip install -qq --require-hashes --no-deps -r requirements.lock # the lock is whole: nothing to resolve
	@$(BIN)/pip install -qq --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q drx # as pip does with every package but an editable one
	@touch $(READY)
