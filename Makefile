# Everything that a person or CI does with this checkout; `make` alone lists it.
#
# The environment is .venv (from uv.lock, by hash); programs are found on PATH or built once into
# $AIRFERRY_CACHE (default ~/.cache/airferry): tools/programs.py.

SHELL := /bin/bash
ifndef PYTHON
PYTHON := $(or $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; \
	done),python3)
endif
BIN := .venv/bin
PROGRAMS := $(PYTHON) tools/programs.py
SOURCES := $(wildcard foundation signing archive registry rendering telemetry bundler installer)
# Two at a time: each worker that needs one starts an API server of its own, 600 MB.
PARALLEL := -n 2 --dist loadfile
STAMP := .venv/.made-from-lock

export PYTHONPATH := $(CURDIR)/fixtures:$(CURDIR)/demo

.DEFAULT_GOAL := help
.PHONY: help setup programs demo test check lint types imports fmt docs bench fuzz clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv from the hashed lock; name what is missing
	@echo 'The environment .venv is ready.'

$(STAMP): uv.lock pyproject.toml tools/uv-requirements.txt
	@$(PYTHON) tools/environment.py
	@touch $@

programs: $(STAMP) ## find or build every pinned program
	@$(PROGRAMS) ensure --group test

# Act 1 needs cosign, registry and helm; the cluster's programs build behind it. Where act 2 starts,
# the demo itself says `tools/programs.py ensure --group cluster`, which waits and shows how far it is.
demo: $(STAMP) ## the walk-through: vendor, stick, customer, cluster and back (leaves .demo/)
	@$(PROGRAMS) ensure --quiet --group vendor
	@PYTHON=$(PYTHON) tools/beside-build.sh $(BIN)/python -m airferry_demo $(ARGS)

test: programs lint types imports ## everything: linters, types and the whole suite, real programs
	$(BIN)/pytest $(PARALLEL) --ignore tests/bench $(ARGS)

check: $(STAMP) lint types imports ## the quick lane: linters, types, unit and property tests
	$(BIN)/pytest -q $(PARALLEL) $(wildcard tests/unit tests/property) $(ARGS)

lint: $(STAMP)
	@$(BIN)/ruff format --check --quiet . || { echo 'Run: make fmt'; exit 1; }
	@$(BIN)/ruff check --quiet .

types: $(STAMP)
	@$(BIN)/mypy --no-error-summary $(SOURCES) $(wildcard fixtures demo)
	@MYPYPATH=tools $(BIN)/mypy --no-error-summary tools

imports: $(STAMP)
	@told=$$($(BIN)/lint-imports 2>&1) || { echo "$$told"; exit 1; }

fmt: $(STAMP) ## format, and mend what the linter can mend
	$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

docs: $(STAMP) ## write the generated reference pages again
	$(BIN)/python docs/reference/generate.py

verify.pyz: $(wildcard tools/verify/*.py tools/verify/airferry_verify/*.py) ## the one-file verifier
	@$(PYTHON) tools/verify/build.py $@

bench: $(STAMP) ## measure against curl, skopeo and sha256sum (leaves .bench/; ARGS=--help)
	@$(PROGRAMS) ensure --quiet --group vendor
	@$(BIN)/python tests/bench $(ARGS)

fuzz: $(STAMP) ## feed every reader changed input for SECONDS (300), findings go to .fuzz/
	nice $(BIN)/python -m airferry_fixtures.fuzz.campaign --seconds $(or $(SECONDS),300) $(ARGS)

clean: ## remove what was made here (the cache of programs stays)
	rm -rf .venv .demo .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
