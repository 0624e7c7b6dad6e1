# make demo: set everything up and analyze resnet50.   make test: set everything up and run every check.
# Needs Python 3.11 or newer, git and make; everything else is installed into .venv/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ORACLES := .venv-oracles

.PHONY: help demo test check lint types layers unit chromium conformance bench oracles test-oracles format clean

help:           ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("flopgraph needs Python 3.11 or newer; set PYTHON=python3.x") if sys.version_info < (3, 11) else 0'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[cli,zoo,plot,dev]'
	touch $@

demo: $(STAMP)  ## analyze torchvision's resnet50 from the command line
	$(BIN)/flopgraph torchvision:resnet50

test: lint types layers unit conformance  ## every check

lint: $(STAMP)  ## ruff, check and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy --strict
	$(BIN)/mypy

layers: $(STAMP) ## import-linter: each layer imports only what is below it
	$(BIN)/lint-imports

unit: $(STAMP)  ## pytest, doctests included
	$(BIN)/python -m pytest --quiet --numprocesses auto --ignore tests/conformance --ignore tests/oracles

# The tests of the HTML page skip without it.
chromium:       ## install Debian's chromium, where it is missing and apt-get may
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	    { command -v apt-get >/dev/null && test "$$(id -u)" = 0 && apt-get -qq update \
	        && apt-get -qq --yes install --no-install-recommends chromium >/dev/null; } \
	    || echo "no Chromium, and none could be installed: the tests of the HTML page are skipped"

conformance: $(STAMP) ## a fast sample of the conformance corpora
	$(BIN)/python -m pytest --quiet tests/conformance

bench: $(STAMP) ## speed and growth, side by side with other tools
	$(BIN)/python -m benchmarks

# An environment of their own, which sees ours: torch is not installed once more.
$(ORACLES)/.installed: tests/oracles/requirements.txt $(STAMP)
	test -x $(ORACLES)/bin/python || $(BIN)/python -m venv $(ORACLES)
	$(BIN)/python -c "import sysconfig; print('import site; site.addsitedir(%r)' % sysconfig.get_path('purelib'))" \
	    > $$(echo $(ORACLES)/lib/python3*/site-packages)/flopgraph.pth
	DS_BUILD_OPS=0 $(ORACLES)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
	    --requirement tests/oracles/requirements.txt
	$(ORACLES)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
	    --target $(ORACLES)/ultralytics ultralytics-thop==2.2.3
	$(ORACLES)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps ai-edge-model-explorer==0.1.34
	touch $@

oracles: $(ORACLES)/.installed ## install thop, ptflops, fvcore, torchinfo, calflops, deepspeed, to be held against

test-oracles: oracles ## hold what the drop-ins say against what those tools say
	$(ORACLES)/bin/python -m pytest --quiet tests/oracles

format: $(STAMP) ## rewrite the sources in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:          ## remove the environment and caches
	rm -rf $(VENV) $(ORACLES) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
