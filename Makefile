# The list of habits. `make` alone prints it.
.DEFAULT_GOAL := help
PYTHON ?= python3
UV_VERSION := 0.13.9
ROOMS := schemas producers processors sinks review deploy
IMAGE := . schemas producers processors sinks review
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
PYPROJECTS := pyproject.toml $(ROOMS:%=%/pyproject.toml)
OMIT := --no-emit-package pipetrail $(ROOMS:%=--no-emit-package pipetrail-%)
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links $(OMIT)
EVERYTHING := --all-extras --group pyproject.toml:test --group pyproject.toml:dev $(PYPROJECTS)
# What each lock is compiled from. The image's follow the main one, so that what runs there is what was tested.
LOCKS := requirements.lock benchmarks/requirements.lock deploy/docker/requirements.lock deploy/docker/build.lock
EDITABLE := --no-deps --no-build-isolation -e . $(ROOMS:%=-e ./%)
# Arguments for the command behind a habit: make test ARGS='tests/schemas -x', make demo ARGS=--keep
ARGS ?=
# Of the campaign: what each one is drawn from, and how many events it has.
SEEDS ?= 1,2,3
EVENTS ?= 20000

##@ Use
.PHONY: help
help: ## print this list
	@awk -F':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: $(VENV)/.installed ## build .venv from requirements.lock, rooms editable

.PHONY: demo
demo: install ## watch a small real delivery on this machine
	@$(BIN)/pipetrail demo $(ARGS)

##@ Check
.PHONY: test
test: install ## run every test, on a real Kafka and a real OpenSearch
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: campaign
campaign: install ## prove the engine for longer, in other orders (SEEDS=4,5,6 EVENTS=20000)
	@PIPETRAIL_TEST_CAMPAIGN_SEEDS=$(SEEDS) PIPETRAIL_TEST_CAMPAIGN_EVENTS=$(EVENTS) $(BIN)/python -m pytest -s tests/processors/engine/test_campaign.py $(ARGS)

.PHONY: laws
laws: TIMES := 10
laws: SEED := 1
laws: install ## try with more histories that any order ends alike (TIMES=10 SEED=2)
	@PIPETRAIL_TEST_LAWS_TIMES=$(TIMES) $(BIN)/python -m pytest -s --timeout=0 --hypothesis-seed=$(SEED) tests/processors/core -k convergence $(ARGS)

.PHONY: lint
lint: install ## style, format, import contracts, generated files and the lock
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/python -m pipetrail_schemas.export --check
	$(BIN)/python docs/commands.py --check
	$(BIN)/python docs/webhooks.py --check
	$(BIN)/python docs/rules.py --check
	$(BIN)/python docs/settings.py --check
	@$(MAKE) --no-print-directory lock-check

.PHONY: types
types: install ## mypy --strict
	$(BIN)/mypy

# Pins are compared, not hashes: a registry takes more files of a version long after its release, and that is no news to us.
.PHONY: lock-check
lock-check: $(BIN)/uv ## is requirements.lock what the rooms' pyproject.toml ask for? (network)
	@new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT && mkdir -p "$$new/benchmarks" "$$new/deploy/docker" \
	&& for lock in $(LOCKS); do cp $$lock "$$new/$$lock"; done && $(MAKE) --silent compile INTO="$$new/" >/dev/null \
	&& for lock in $(LOCKS); do grep -v -e --hash= "$$new/$$lock" >"$$new/$$lock.pins"; done \
	&& for lock in $(LOCKS); do grep -v -e --hash= $$lock | cmp -s - "$$new/$$lock.pins" || { echo "$$lock is out of date: run make lock" >&2; exit 1; }; done
	@echo "the locks are current"

##@ Measure
# The peers of benchmarks/ hold some libraries back; a lock and an environment of their own keep that away from the product.
.PHONY: bench
bench: $(BENCH_VENV)/.installed ## run every script of benchmarks/ beside its peer (BENCH=benchmarks/x.py for one)
	@set -e; for script in $(or $(BENCH),$(sort $(wildcard benchmarks/[a-z]*.py))); do echo "== $$script"; $(BENCH_VENV)/bin/python $$script $(ARGS); done

##@ Generate
.PHONY: schemas
schemas: install ## export the JSON Schemas from the models
	$(BIN)/python -m pipetrail_schemas.export

.PHONY: docs
docs: install ## write docs/commands.md from the commands' own help, docs/webhooks.md from the translators, docs/rules.md from the rules, docs/settings.md from the settings
	$(BIN)/python docs/commands.py
	$(BIN)/python docs/webhooks.py
	$(BIN)/python docs/rules.py
	$(BIN)/python docs/settings.py

.PHONY: lock
lock: $(BIN)/uv compile ## bring the locks up to date with the rooms' pyproject.toml (network; ARGS=--upgrade for newer versions)

.PHONY: compile
compile:
	$(COMPILE) $(ARGS) $(EVERYTHING) --output-file $(INTO)requirements.lock
	$(COMPILE) $(ARGS) $(EVERYTHING) --group pyproject.toml:peers --output-file $(INTO)benchmarks/requirements.lock
	$(COMPILE) --extra collector --extra importers $(IMAGE:%=%/pyproject.toml) --constraint $(INTO)requirements.lock --output-file $(INTO)deploy/docker/requirements.lock
	$(COMPILE) --group pyproject.toml:build --constraint $(INTO)requirements.lock --output-file $(INTO)deploy/docker/build.lock

.PHONY: clean
clean: ## remove environments, caches and build output; .pipetrail (your data) stays
	rm -rf $(VENV) $(BENCH_VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "pipetrail needs Python 3.11 or later, and %s is %s. Try: make PYTHON=python3.11" % (sys.executable, sys.version.split()[0]))'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# An environment is made anew only when its lock or a room's pyproject.toml is newer than it.
$(VENV)/.installed: $(BIN)/uv requirements.lock $(PYPROJECTS)
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python $(EDITABLE)
	@touch $@

$(BENCH_VENV)/.installed: $(BIN)/uv benchmarks/requirements.lock $(PYPROJECTS)
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(BENCH_VENV)
	$(BIN)/uv pip sync --quiet --python $(BENCH_VENV)/bin/python --require-hashes benchmarks/requirements.lock
	$(BIN)/uv pip install --quiet --python $(BENCH_VENV)/bin/python $(EDITABLE)
	@touch $@
