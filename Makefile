# Forepost: `make demo` shows the whole product, `make test` proves it. `make` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# Debian packages are only ever installed by scripts/debian-packages, which says what it does.
DEMO_ARGS ?=
TEST_ARGS ?=
# Many tests wait for programs of theirs: one worker more than there are processors, at most four.
N_CPUS := $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$(( n > 4 ? 4 : n )))
WORKERS ?= $(shell echo $$(( $(N_CPUS) > 3 ? 4 : $(N_CPUS) + 1 )))
CHECKOUT := pyproject.toml scripts/environment
# Tests start some hundred programs of ours: none shall compile the same modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/installed-demo ## install and run the whole product, live, in this terminal
	@$(BIN)/forepost-sim demo $(DEMO_ARGS)

.PHONY: test
test: $(VENV)/installed-dev style ## install what the tests need and run all of them
	@scripts/debian-packages test
	@$(BIN)/pytest -v -n $(WORKERS) --dist worksteal $(TEST_ARGS)

.PHONY: test-fast
test-fast: $(VENV)/installed-dev ## the quicker tests, which need no Debian packages
	@$(BIN)/pytest -n $(N_CPUS) --dist worksteal -m "not slow" $(TEST_ARGS)

RELIABILITY := build/reliability.jsonl
.PHONY: test-faults
test-faults: $(VENV)/installed-dev ## kills, power cuts, torn disks, lost answers (as root)
	@scripts/debian-packages test
	@FOREPOST_FAULTS=t1 $(BIN)/pytest -v -n $(WORKERS) --dist worksteal \
	  tests/faults tests/auditor tests/property tests/simulation $(TEST_ARGS)

.PHONY: test-faults-long
test-faults-long: $(VENV)/installed-dev ## ten times as many; writes docs/reliability.json
	@scripts/debian-packages test
	@mkdir -p $(dir $(RELIABILITY)) && rm -f $(RELIABILITY)
	@FOREPOST_FAULTS=t2 FOREPOST_RELIABILITY=$(abspath $(RELIABILITY)) \
	  $(BIN)/pytest -v -n $(WORKERS) --dist worksteal tests/faults $(TEST_ARGS)
	@$(BIN)/python scripts/reliability.py $(RELIABILITY)

.PHONY: test-installed
test-installed: $(VENV)/installed-dev ## the package on a machine with a real systemd (as root)
	@scripts/debian-packages test
	@FOREPOST_FAULTS=t1 $(BIN)/pytest -v -n0 tests/installed $(TEST_ARGS)

SIM = $(if $(SEED),--seed $(SEED),--count $(or $(COUNT),1000))
.PHONY: sim
sim: $(VENV)/installed-dev ## play seeded histories under virtual time (SEED=n plays one)
	@$(BIN)/python -m tests.simulation $(SIM)

.PHONY: week
week: $(VENV)/installed-dev ## play weeks by real programs against an outsider's books (SEED, COUNT)
	@scripts/debian-packages test
	@$(BIN)/python -m tests.week --seed $(or $(SEED),1) --count $(or $(COUNT),10)

RULES := fixed-cycle reorder-point full-truck
.PHONY: business
business: $(VENV)/installed-dev ## play weeks of a network, all scenarios; goes on if stopped
	@$(BIN)/forepost-sim business --all --weeks 3 --skus 40 --seeds $(or $(COUNT),10) \
	  $(RULES:%=--policy %) --workers $(N_CPUS) --output build/business
	@$(BIN)/python -m benchmarks.business_page build/business

.PHONY: check
check: lint ## formatting, lint, types, import law and house rules
	@$(BIN)/pytest -m "not slow" tests/house

.PHONY: style
style: $(VENV)/installed-dev ## formatting and lint only
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make format'" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .

.PHONY: lint
lint: style ## formatting, lint and types only
	@$(BIN)/mypy --no-error-summary

.PHONY: format
format: $(VENV)/installed-dev ## format the code and sort the imports
	@$(BIN)/ruff check --quiet --select I --fix . && $(BIN)/ruff format .

.PHONY: deb
deb: $(VENV)/installed-demo ## build the Debian package of the gateway (ARCH=amd64 or arm64)
	@scripts/deb $(if $(ARCH),--arch $(ARCH))

.PHONY: audit
audit: $(VENV)/installed-demo ## licences and known weaknesses of all the product needs
	@scripts/audit

.PHONY: release-check
release-check: $(VENV)/installed-dev ## build a release, install each part of it, prove it
	@scripts/release-check

.PHONY: lock
lock: ## pin every dependency anew (needs uv)
	@scripts/lock

.PHONY: assets
assets: ## copy what the pages need of others to where it is served (needs npm)
	@cd web && npm ci --silent --no-audit --no-fund && node build.mjs

.PHONY: picture
picture: $(VENV)/installed-demo ## draw docs/pictures/demo.svg from a real run of the demo
	@$(BIN)/python scripts/picture.py

.PHONY: screenshots
screenshots: $(VENV)/installed-dev ## take the pictures of docs/pictures/*.png from real pages
	@scripts/debian-packages test
	@$(BIN)/python scripts/screenshots.py
	@$(BIN)/python scripts/box_screenshots.py

.PHONY: clean
clean: ## remove the environment, caches and what was built
	rm -rf $(VENV) build dist demo-run .hypothesis .mypy_cache .pytest_cache .ruff_cache \
	  .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/installed-demo: requirements/demo.lock $(CHECKOUT)
	@scripts/environment demo

$(VENV)/installed-dev: requirements/dev.lock $(CHECKOUT)
	@scripts/environment dev
