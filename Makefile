# `make keeper` and `make test` do all the set-up on a fresh machine (Python 3.11+, Node 20+, git), then run.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/node_modules/.bin:$(CURDIR)/$(BIN):$(PATH)

BLOCKS ?=
REPORT ?=
MINUTES ?= 30
SEED ?= 1
ARGS ?=

#: The faults that every test run has, and those of the long one; `make faults` has all.
QUICK_FAULTS := $(addprefix tests/faults/test_,host.py kill.py kill_points.py pair.py parameters.py reorg.py submission.py)
SLOW_FAULTS := $(addprefix tests/faults/test_,branches.py sockets.py transport.py truth.py)
CAMPAIGNS := $(wildcard tests/long/test_*.py) $(SLOW_FAULTS)

.PHONY: help setup keeper localnet test check-long faults mutants soak lint clean

help: ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.ready node_modules/.ready ## Install everything that is pinned, compile the search, build the localnet
	@$(BIN)/python -c 'from keeper.routes.warm import warm; warm()' & $(BIN)/python -m localnet build && wait $$!

.venv/.ready: requirements.lock
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 13) else f"Python 3.11 or 3.12 is needed, this is {v[0]}.{v[1]}: make PYTHON=python3.11")'
	$(PYTHON) -m venv --clear .venv
	@# Only what is imported is compiled, when it is: that halves the time.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements.lock
	@touch $@

node_modules/.ready: package-lock.json
	npm ci --silent --no-audit --no-fund
	@touch $@

keeper: setup ## Run the keeper on the localnet (BLOCKS=60 REPORT=r.json ARGS=...)
	$(BIN)/ape run keeper $(if $(BLOCKS),--blocks $(BLOCKS)) $(if $(REPORT),--report $(REPORT)) $(ARGS)

localnet: setup ## Run the embedded Arbitrum alone
	$(BIN)/python -m localnet run $(ARGS)

lint: setup ## Types, style and layers
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## Everything that CI runs in under 15 minutes
	$(BIN)/python -m localnet verify
	$(BIN)/pytest -p no:ape_test -q -n 2 --dist loadfile tests/unit tests/fuzz tests/vectors
	$(BIN)/pytest -p no:ape_test -q -n 2 --dist loadfile tests/integration $(QUICK_FAULTS)
	$(BIN)/ape compile -f  # Ape does not see that an imported module changed
	$(BIN)/ape test -q

check-long: setup ## Campaigns, and what needs the localnet's optional protocols
	$(BIN)/python -m localnet build --with balancer-v3 --with morpho --with v4
	$(BIN)/pytest -p no:ape_test -q -n 2 --dist loadfile $(CAMPAIGNS) tests/unit/test_executor_gas.py tests/integration/test_executor_*.py \
		tests/integration/test_localnet_balancer_v3.py tests/integration/test_localnet_morpho.py \
		tests/integration/test_keeper_families.py tests/integration/test_coverage.py

faults: setup ## Every fault of docs/faults.md, two keepers on one database often, two minutes of random trouble
	$(BIN)/pytest -p no:ape_test -q tests/faults tests/long/test_pair.py tests/long/test_soak.py

mutants: setup ## Break each check of the executor, one at a time; every such mutant must fail a test
	$(BIN)/python -m mutants $(ARGS)

soak: setup ## A keeper among nodes that fail at random (MINUTES=30 SEED=1); its last line is a JSON summary
	$(BIN)/python -m soak --minutes $(MINUTES) --seed $(SEED)

clean: ## Remove everything that was installed, built or recorded
	rm -rf .venv .cache .build node_modules var
