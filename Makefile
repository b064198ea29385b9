# What a developer types. Every target works on a fresh clone; caches live outside the checkout.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/warren
RUSTC_VERSION := $(shell rustc --version 2>/dev/null | cut -d' ' -f2)
export CARGO_TARGET_DIR ?= $(CACHE)/target-$(RUSTC_VERSION)
BIN := .venv/bin

.PHONY: help setup engine lock demo test check bench soak fuzz interop wheel ci

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(BIN)/.packages engine ## the environment in .venv and the engine, release build

$(BIN)/.packages: requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	sed -n '/^uv==/,/# via/p' requirements.lock > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.lock
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	touch $@

engine: $(BIN)/.packages ## (re)build the Rust engine into .venv
	VIRTUAL_ENV=$(CURDIR)/.venv PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/maturin develop --release --uv --quiet

lock: $(BIN)/.packages ## pin and hash every Python package again
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 --extra server --group dev pyproject.toml -o requirements.lock
