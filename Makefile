# Everything is set up on first use and quiet about what is there already: `make run` serves, `make test` proves.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
JOBS ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_ROOT_USER_ACTION = ignore
export PORT

BIN := .venv/bin
MADE := .venv/.made
PO := $(wildcard app/web/translations/*/LC_MESSAGES/*.po)
NODE := PATH="$(CURDIR)/$(BIN):$$PATH" NODE_NO_WARNINGS=1

.PHONY: run setup test soak bench corpus pictures guide lint format migration system assets help
.DEFAULT_GOAL := help

help: ## what there is to make
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: export ALUR_DEMO ?= 1
run: setup ## set everything up and serve on 127.0.0.1:$PORT, with demo data unless ALUR_DEMO=0
	@if [ "$$ALUR_DEMO" = 1 ]; then $(BIN)/alur demo; fi
	@exec $(BIN)/alur serve

setup: $(MADE)/run $(MADE)/messages ## everything a server needs, and nothing for tests
	@$(MAKE) --no-print-directory -s assets || echo "make: the scripts of the pages were not built; the pages work without them" >&2

test: $(MADE)/test $(MADE)/messages system assets ## everything but the long ones: a quarter of an hour on two cores
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not soak" $(TESTS)

soak: $(MADE)/test $(MADE)/messages system assets ## the long ones: kills, thousands of walks, a month played
	@$(BIN)/python -m pytest -n $(JOBS) -m soak $(TESTS)

bench: $(MADE)/test ## figures, one JSON object a line
	@$(BIN)/python -m tests.bench

corpus: $(MADE)/test ## other people's diagrams, from packages of npm and PyPI, checked and walked: what runs as it is drawn
	@$(BIN)/python -m tests.corpus

pictures: $(MADE)/test $(MADE)/messages system assets ## the pictures of README.md and of the guide
	@$(BIN)/python -m tests.pictures

guide: $(MADE)/test ## the guide's table of properties and Camunda Modeler's templates, from app/engine/properties.py
	@$(BIN)/python -m tests.guide

lint: $(MADE)/test ## ruff, and mypy at strict over app/
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .
	@$(BIN)/mypy --no-error-summary

format: $(MADE)/test ## what ruff can put right by itself
	@$(BIN)/ruff check -q --fix . || true
	@$(BIN)/ruff format -q .

migration: $(MADE)/test ## a new migration from what app/models.py has become: make migration M="what changed"
	@$(BIN)/python -m app.migrations "$(M)"

assets: app/web/static/dist/.made

$(MADE)/venv:
	@echo "make: a virtual environment in .venv" >&2
	@$(PYTHON) -m venv .venv 2>/dev/null || { $(PYTHON) -m venv --clear --without-pip .venv && \
		$(PYTHON) -m pip --python .venv/bin/python install -q pip setuptools; }
	@mkdir -p $(MADE) && touch $@

$(MADE)/run: pyproject.toml | $(MADE)/venv
	@echo "make: the packages of pyproject.toml" >&2
	@$(BIN)/python -m pip install -qq -e '.[build]'
	@touch $@

$(MADE)/test: pyproject.toml | $(MADE)/run
	@echo "make: the packages that the tests need" >&2
	@$(BIN)/python -m pip install -qq -e '.[build,dev]'
	@touch $@

$(MADE)/messages: $(PO) | $(MADE)/run
	@if [ -n "$(PO)" ]; then $(BIN)/pybabel -q compile -d app/web/translations; fi
	@touch $@

# Never the scripts of npm's packages: one of them reports each installation to its maker.
node_modules/.made: package.json package-lock.json | $(MADE)/run
	@echo "make: the packages of package-lock.json" >&2
	@$(NODE) npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

app/web/static/dist/.made: node_modules/.made $(wildcard app/web/assets/*)
	@$(NODE) npm run --silent build
	@touch $@

# A browser and an office suite, for the tests that look at pages and papers.
system:
	@want=""; \
	command -v chromium >/dev/null || want="$$want chromium fonts-liberation"; \
	command -v soffice >/dev/null || want="$$want libreoffice-writer-nogui"; \
	if [ -n "$$want" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "make: apt-get install$$want" >&2; \
			export DEBIAN_FRONTEND=noninteractive; \
			{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $$want >/dev/null; } || \
				{ echo "make: apt-get failed, their tests are skipped" >&2; test -z "$$CI"; }; \
		else echo "make: not installed, their tests are skipped:$$want" >&2; fi; \
	fi
