# Everything a developer needs. `make` lists the targets; ARGS="..." goes to the program a target runs.

PYTHON ?= python3
UV ?= uv
ARGS ?=
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
# The files name every package, so nothing is left to resolve; an old pip that resolves takes newer versions that have no hash here.
PINNED := $(INSTALL) --no-deps --require-hashes -r
PIN := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
  --no-emit-find-links --custom-compile-command "make requirements" pyproject.toml
# Made when the environment was brought up to date, so that it is not done again before something changed.
RUNTIME := .venv/.runtime
DEV := .venv/.dev
AGENTS := .venv/agents/.installed

.DEFAULT_GOAL := help
.PHONY: help setup agents debian demo test check bench format schemas picture board-picture requirements clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(DEV) ## make .venv with everything pinned, for work on chargehand

agents: $(AGENTS) ## install the agents' programs that the tests drive, from npm

debian: ## install the Debian packages that the tests drive, where root may
	@$(PYTHON) tools/debian.py

demo: $(RUNTIME) ## watch a small spec become landed commits, without any key
	@$(BIN)/chargehand demo $(ARGS)

test: $(DEV) $(AGENTS) debian ## run all tests, in parallel
	@echo "test: pytest"
	@$(BIN)/pytest -q -n auto --dist loadgroup $(ARGS)

check: $(DEV) ## format, lint, types, layers: without running anything
	@echo "check: format"
	@$(BIN)/ruff format --quiet --check . || { echo "check: run make format" >&2; exit 1; }
	@echo "check: lint"
	@$(BIN)/ruff check --quiet .
	@echo "check: types"
	@$(BIN)/mypy --no-error-summary
	@echo "check: layers"
	@out=$$($(BIN)/lint-imports) || { echo "$$out" >&2; exit 1; }

bench: $(DEV) ## measure, some of it beside others; docs/performance.md tells how to do it thoroughly
	@for name in overhead cycle status; do echo "bench: $$name"; $(BIN)/python bench/$$name.py --quick $(ARGS) || exit 1; done
	@for name in parse ledger launch schedule; do echo "bench: $$name"; $(BIN)/python bench/$$name.py || exit 1; done

format: $(DEV) ## format, and mend what the linter can
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

schemas: $(DEV) ## write src/chargehand/schemas anew from the code
	@$(BIN)/python tools/schemas.py

picture: $(DEV) ## make docs/demo.svg anew, from a real run of the demo
	@$(BIN)/python tools/picture.py

board-picture: $(DEV) ## make docs/board.svg anew, from a real run of the demo
	@$(BIN)/python tools/board_picture.py

requirements: ## resolve and pin dependencies anew (needs uv; ARGS=--upgrade takes newer versions)
	@command -v $(UV) >/dev/null || { echo "requirements: needs uv; set UV=/path/to/uv" >&2; exit 1; }
	@echo "requirements: runtime"
	@$(PIN) --group build --output-file requirements/runtime.txt $(ARGS) >/dev/null
	@echo "requirements: dev"
	@$(PIN) --group dev --constraint requirements/runtime.txt --output-file requirements/dev.txt $(ARGS) >/dev/null

clean: ## remove the environment, caches and what was built
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "setup: needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1); set PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "setup: making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "setup: Python has no venv; on Debian: apt install python3-venv" >&2; exit 1; }

$(DEV): requirements/dev.txt pyproject.toml | $(BIN)/pip
	@echo "setup: installing what work on chargehand needs"
	@$(PINNED) requirements/dev.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $(DEV) $(RUNTIME)

$(RUNTIME): requirements/runtime.txt pyproject.toml | $(BIN)/pip
	@echo "setup: installing what chargehand needs"
	@$(PINNED) requirements/runtime.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $(RUNTIME)

# Without npm or a network nothing is made, and the tests that need them skip; where CI is set, this fails.
$(AGENTS): requirements/agents/package.json requirements/agents/package-lock.json tools/agents.py | $(BIN)/pip
	@$(BIN)/python tools/agents.py $(@D)
