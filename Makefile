# The list of habits. `make` alone prints it.
.DEFAULT_GOAL := help
PYTHON ?= python3
UV_VERSION := 0.13.9
ROOMS := schemas producers processors sinks review deploy
VENV := .venv
BIN := $(VENV)/bin
PYPROJECTS := pyproject.toml $(ROOMS:%=%/pyproject.toml)
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links \
	--no-emit-package pipetrail $(ROOMS:%=--no-emit-package pipetrail-%) \
	--group pyproject.toml:test --group pyproject.toml:dev $(PYPROJECTS)
EDITABLE := --no-deps --no-build-isolation -e . $(ROOMS:%=-e ./%)

.PHONY: help
help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

$(BIN)/uv:
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "pipetrail needs Python 3.11 or later, and %s is %s. Try: make PYTHON=python3.11" % (sys.executable, sys.version.split()[0]))'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# The environment is made anew only when the lock or a room's pyproject.toml is newer than it.
$(VENV)/.installed: $(BIN)/uv requirements.lock $(PYPROJECTS)
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python $(EDITABLE)
	@touch $@

.PHONY: install
install: $(VENV)/.installed ## build .venv from requirements.lock, rooms editable

# The peers of benchmarks/ hold some libraries back; a lock and an environment of their own keep that away from the product.
.PHONY: lock
lock: $(BIN)/uv ## bring requirements.lock up to date with the rooms' pyproject.toml
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --group pyproject.toml:peers --output-file benchmarks/requirements.lock
