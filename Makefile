# Every command a newcomer needs; CI runs the same ones.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
# Some containers forbid compiled modules; then each of the many commands the tests start would compile all of ours again.
export PYTHONDONTWRITEBYTECODE :=

# A .venv of an older Python, or one that was never finished (Debian has venv in a package of its own), is made anew.
IS_FIT := import sys, pip; sys.exit(sys.version_info < (3, 11))
IS_NEW := import sys; v = sys.version_info[:2]; sys.exit('In Touch needs Python 3.11 or newer, and this is %d.%d. \
Name a newer one, such as: make demo PYTHON=python3.12' % v if v < (3, 11) else 0)

.PHONY: setup demo test test-slow explore check lint format migration bench clean campaign

setup: .venv/.ready

.venv/.ready: requirements-dev.txt requirements.txt pyproject.toml
	@$(BIN)/python -c "$(IS_FIT)" 2>/dev/null || { $(PYTHON) -c "$(IS_NEW)" && $(PYTHON) -m venv --clear .venv; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch .venv/.ready

demo: .venv/.ready
	$(BIN)/intouch demo --port $(PORT)

# Twice as many at a time as cores: much of a test is waiting for servers.
test: .venv/.ready
	$(BIN)/python -m pytest -n 4 -m "not slow"

# The simulated year again, room by room; tests/reliability tells it for the whole house in every run.
test-slow: .venv/.ready
	$(BIN)/python -m pytest -n 2 -m slow

# The same examples in every run of the tests; here new ones, fifteen times as many.
explore: .venv/.ready
	$(BIN)/python -m pytest -n 2 -m "not slow" --hypothesis-profile=explore $$(grep -rl "from hypothesis" tests --include="*.py")

lint: .venv/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Side by side, as the tests leave a core idle now and then: what one of them says comes in one piece, and either's failure is a failure.
check: .venv/.ready
	@$(MAKE) --jobs=2 --output-sync=target --no-print-directory lint test

# BENCH=short takes some minutes and prints; the full one takes hours and rewrites docs/benchmarks.md. PARTS="digest fanout" runs those alone.
# Needs npm for some peers and Debian's postfix package for smtp-sink and smtp-source; installs peers outside of the tree.
BENCH ?= full
bench: .venv/.ready
	$(BIN)/python -m benchmarks $(BENCH) $(PARTS)

migration: .venv/.ready
	$(BIN)/python tools/draft_migration.py $(NAME)

clean:
	rm -rf .venv data

# For example: make campaign CAMPAIGN="--kills 10 --emails 2000 --messages 200"
campaign: .venv/.ready
	PYTHONPATH=. $(BIN)/python -W "ignore:XDG_RUNTIME_DIR is not set" tools/kill_campaign.py $(CAMPAIGN)
