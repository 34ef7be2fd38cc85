# make acceptance   set up, and run the suite on the embedded reference deployment
# make test         set up, and run the tests
# make nightly      set up, and prove each fault and each variation by itself, which make test proves in groups
# make mutations    set up, and see that no judging statement of the suite could be left out unnoticed
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: acceptance test nightly lint types browser benchmark mutations report clean

# With -p the plugin is loaded before all others, and the reference deployment starts while they are.
acceptance: $(VENV)/.demo
	$(BIN)/python -m pytest -p pytest_caio.plugin acceptance $(ARGS)

test: $(VENV)/.test browser
	$(BIN)/python -m pytest tests -n auto -m "not nightly" $(ARGS)

nightly: $(VENV)/.test
	FAULT_GROUPS_SEED=$${FAULT_GROUPS_SEED:-$$(date +%s)} $(BIN)/python -m pytest tests -n auto -m nightly $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy --strict pytest_caio acceptance

benchmark: $(VENV)/.test
	$(BIN)/python -m benchmarks.round_trips
	$(BIN)/python -m benchmarks.engine $(ARGS)
	$(BIN)/python benchmarks/redaction.py
	$(BIN)/python benchmarks/steadiness.py

mutations: $(VENV)/.test
	$(BIN)/python -m benchmarks.mutations $(ARGS)

# The pictures in the README, taken of real reports.
report: $(VENV)/.test browser
	$(BIN)/python docs/picture.py

# The tests of the report open it in a real Chromium: the one on PATH, the system's package, or Playwright's.
browser: $(VENV)/.test
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
	    && apt-get install -y -qq --no-install-recommends chromium; } \
	  || $(BIN)/playwright install chromium

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
	  || { echo "Python 3.11 to 3.14 is needed; name it: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Each stamp is an installation of that extra; it is made anew when the requirements change.
$(VENV)/.%: pyproject.toml $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@

clean:
	rm -rf $(VENV) build dist reports .pytest_cache .mypy_cache .ruff_cache .hypothesis
