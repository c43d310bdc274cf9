# Two commands set everything up: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
HOST ?= 127.0.0.1
PORT ?= 8080
DATA_DIR ?= data
ROOMS := datasets labeling models serving training

.PHONY: install install-dev run test lint demo-photos clean

install: $(VENV)/.serve

install-dev: $(VENV)/.dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25"

$(VENV)/.serve: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.serve
	$(PIP) -e ".[train,dev]"
	@touch $@

run: install
	$(BIN)/regrade serve --host $(HOST) --port $(PORT) --data-dir $(DATA_DIR)

# mypy needs the folders under the name they are imported by.
.dev/regrade:
	@mkdir -p .dev/regrade
	@for room in $(ROOMS); do ln -sfn ../../$$room .dev/regrade/$$room; done

lint: install-dev .dev/regrade
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(addprefix -p regrade.,$(ROOMS))

test: lint
	$(BIN)/pytest -n 2 -m "not long"

clean:
	rm -rf $(VENV) .dev .mypy_cache .ruff_cache .pytest_cache build *.egg-info
