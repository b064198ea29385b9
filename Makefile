# What a developer types. Every target works on a fresh clone; caches live outside the checkout.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
ifndef CARGO_TARGET_DIR
export CARGO_TARGET_DIR := $(shell tools/target)
endif
BIN := .venv/bin
ENGINE := src/warren/engine/_native.abi3.so
RUST := $(shell find engine -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock pyproject.toml

.PHONY: help setup engine lock demo test faults bounds model check bench soak fuzz miri interop matrix sbom audit wheel ci

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(BIN)/.packages engine ## the environment in .venv and the engine, release build
	$(BIN)/python -m compileall -q src # what starts often starts compiled, also where the environment forbids writing it

$(BIN)/.packages: requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	sed -n '/^uv==/,/# via/p' requirements.lock > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.lock
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	touch $@

engine: $(ENGINE) ## build the Rust engine into .venv if its sources changed

$(ENGINE): $(BIN)/.packages $(RUST)
	VIRTUAL_ENV=$(CURDIR)/.venv PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/maturin develop --release --uv --quiet
	touch $@

lock: $(BIN)/.packages ## pin and hash every Python package again
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 --extra server --group dev pyproject.toml -o requirements.lock

demo: setup ## a server and two machines on this one: they join, ping by name, and leave nothing
	$(BIN)/python -m demo

test: setup ## everything but the long runs (as root or where users may have namespaces: the lab too)
	cargo test --quiet --workspace --exclude warren-python
	$(BIN)/pytest -q $(BESIDE)

# Most cases wait more than they work; a file shares its machines; the long ones (the lab, faults) come first.
BESIDE := -n 4 --dist loadfile --no-loadscope-reorder
faults: setup ## crashes, liars, damage: every case in its short count (WARREN_FAULTS=full in `make soak`)
	$(BIN)/pytest -q tests/faults $(BESIDE)

check: setup ## formats, lints, types, import contracts
	tools/check

bench: setup ## every figure that is promised, beside other tunnels, with its must (fails where one is missed)
	$(BIN)/python -m benchmarks

matrix: setup ## every kind of NAT against every other, with times; the grid; twenty moves under load; the relays
	WARREN_MATRIX=full $(BIN)/pytest -q tests/netlab/test_grid.py tests/netlab/test_matrix.py tests/netlab/test_moves.py tests/netlab/test_relays.py --timeout 3600

interop: setup ## the long runs against programs of others: 1 GB each way, wireguard-go's own rekey
	WARREN_INTEROP=full $(BIN)/pytest -q -m interop tests/interop --timeout 1800

BOUNDED = $(shell grep -rlE 'faults(.figures)? import' tests --include='test_*.py')
bounds: setup ## every case that has a bound in seconds, one at a time, at the bound itself (short counts)
	WARREN_FAULTS=bounds $(BIN)/pytest -q $(BOUNDED) --timeout 900

soak: setup ## every fault in its full count, then long churn with restarts (SECONDS=3600)
	WARREN_FAULTS=full $(BIN)/pytest -q tests/faults --timeout 3600
	$(BIN)/python -m tools.soak --seconds $(or $(SECONDS),3600)

model: setup ## a thousand seeds of the model, 100 steps each (SEEDS=1:1000)
	WARREN_MODEL_SEEDS=$(or $(SEEDS),1:1000) WARREN_MODEL_STEPS=100 $(BIN)/pytest -q -n auto --dist worksteal tests/model --timeout 3600

fuzz: setup ## 10 million inputs for every Rust parser, 1 million for every Python one (RUNS=, TARGET=)
	$(BIN)/python -m tools.fuzz $(if $(RUNS),--runs $(RUNS)) $(if $(TARGET),--target $(TARGET))

# What calls ring (C and assembler) cannot run in it: parsers, tables and offloads can.
miri: ## undefined behaviour in the pure crate, where it runs without cryptography (needs a nightly with miri)
	PROPTEST_CASES=4 CARGO_TARGET_DIR=$$(tools/target miri) MIRIFLAGS=-Zmiri-disable-isolation timeout 1200 \
	  cargo +nightly miri test -p warren-proto --lib -- narrow::tests offload::checksum filter::tests::headers replay::tests trains --skip fuzz::

sbom: $(BIN)/.packages ## the bill of materials of both lock files (CycloneDX) in dist/sbom.json
	$(BIN)/python -m tools.sbom --out dist/sbom.json

audit: ## licences, sources and advisories of the crates by cargo-deny, where it is installed and the network reaches them
	cargo deny --version >/dev/null || { echo "install it first: cargo install --locked cargo-deny"; exit 1; }
	cargo deny check

wheel: setup ## a wheel in dist/
	$(BIN)/maturin build --release --quiet --out dist

ci: ## what CI runs
	.ci/run
