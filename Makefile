# Two commands set everything up: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# setuptools remarks on every editable install that it is one.
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
HOST ?= 127.0.0.1
PORT ?= 8080
DATA_DIR ?= data
ROOMS := datasets labeling models serving training

.PHONY: install install-dev run test test-fast test-postgresql coverage lint types docs constraints site demo-photos clean

install: $(VENV)/.serve

install-dev: $(VENV)/.dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25"

# HEIC, which iPhones take, is read where its libraries can be had.
$(VENV)/.serve: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e ".[heic]" || $(PIP) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.serve
	$(PIP) -e ".[train,dev,render]"
	@# Two packages bring the same cv2: keep the one that needs no screen, whole.
	$(BIN)/python -m pip uninstall --quiet --yes opencv-python
	$(PIP) --force-reinstall --no-deps opencv-python-headless
	@# A generator of clients, for a test. It bounds typer for its command line alone, which nobody calls here.
	$(PIP) --no-deps openapi-python-client ruamel.yaml
	@touch $@

run: install
	$(BIN)/regrade serve --host $(HOST) --port $(PORT) --data-dir $(DATA_DIR)

# mypy needs the folders under the name they are imported by.
.dev/regrade:
	@mkdir -p .dev/regrade
	@for room in $(ROOMS); do ln -sfn ../../$$room .dev/regrade/$$room; done

lint: install-dev types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-dev .dev/regrade
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -n 2 --dist loadgroup -m "not long"

# All that has a database, on PostgreSQL; `make test` leaves out most of what starts a service for it.
test-postgresql: install-dev
	$(BIN)/pytest -n 2 --dist loadgroup -m postgresql

# For the inner loop, two minutes: without type checks, and without what starts browsers, trainings and processes.
test-fast: install-dev
	$(BIN)/ruff check .
	$(BIN)/pytest -n 2 --dist loadgroup -m "not long and not slow"

# The same tests as `make test`, with the branches they take: that costs half as much again, so it is not the default.
coverage: install-dev
	$(BIN)/pytest -n 2 --dist loadgroup -m "not long" --cov --cov-report=term

# Writes down what is installed now, after a deliberate upgrade; a fresh install then repeats it.
constraints: install-dev
	$(BIN)/python -m pip freeze --exclude-editable | sed '1i # Exact versions of everything; `make constraints` writes them anew.' > constraints.new
	mv constraints.new constraints.txt

# The reference pages, after a change of settings or commands; a test fails while they are stale.
docs: install-dev
	$(BIN)/python -m tools.reference

# The documents as a site that fetches nothing: build/site/index.html
site: install-dev
	$(BIN)/python -m tools.site

demo-photos: install-dev
	$(BIN)/python -m tools.scenes.render

clean:
	rm -rf $(VENV) .dev .mypy_cache .ruff_cache .pytest_cache build *.egg-info
