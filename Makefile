# What people type and what CI runs. Each target sets up .venv by itself, once, and again when the pins change.
# Needs: Python 3.11, make. Another Python: make test PYTHON=/path/to/python3.11

PYTHON ?= $(shell command -v python3.11 || echo python3)
BIN := .venv/bin
READY := .venv/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
BENCHMARKS := $(patsubst tests/benchmarks/%.py,%,$(filter-out %/__init__.py,$(wildcard tests/benchmarks/*.py)))

.PHONY: demo test test-long test-chaos lint bench clean

# Stays up until Ctrl-C where a person is looking, else asks each business once and ends. ARGS=--once, ARGS=--no-serve
demo: $(READY)
	$(BIN)/invplat --home demo demo $(or $(ARGS),$(shell [ -t 0 ] || echo --once))
	@echo "demo: a made-up world was ingested and described, a base tuned, trained, adapted to each and served; see ./demo"

# Two files at a time, long ones first: much of a test here is waiting for processes. ARGS="-n 0" for one. Without `long`.
test: $(READY)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not long" $(ARGS)
	@echo "test: everything under tests/ passed"

# Whatever make test leaves out for its length.
test-long: $(READY)
	$(BIN)/python -m pytest -q -m long $(ARGS)
	@echo "test-long: the long ones passed, too"

# All that are killed or starved, the long ones too, again and again: make test-chaos TIMES=10
test-chaos: $(READY)
	@for number in $$(seq $(or $(TIMES),1)); do $(BIN)/python -m pytest -q tests/chaos $(ARGS) || exit 1; done
	@echo "test-chaos: killed, interrupted and starved, everything went on as it should"

# Looks up known vulnerabilities too; where it can't, it says so and goes on. AUDIT=--strict does not go on.
lint: $(READY)
	$(BIN)/ruff check platform workloads tests examples
	$(BIN)/ruff format --check platform workloads tests examples
	$(BIN)/mypy --strict platform workloads
	$(BIN)/lint-imports
	$(BIN)/python tests/tools/licences.py
	$(BIN)/python tests/tools/audit.py $(AUDIT)
	@echo "lint: rules, format, types, floors and licences all hold"

bench: $(READY)
	@test -f "tests/benchmarks/$(NAME).py" || { \
		echo "bench: there is no benchmark '$(NAME)'; write make bench NAME=one of: $(if $(BENCHMARKS),$(BENCHMARKS),(none yet))" >&2; exit 2; }
	$(BIN)/python tests/benchmarks/$(NAME).py $(ARGS)
	@echo "bench: $(NAME) measured both of its sides in this one run"

clean:
	rm -rf demo build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	find platform workloads tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "clean: what the other targets made is gone, except .venv"

# torch first and by its pin, or the resolver may fetch several GB of a build that nobody asked for.
$(READY): pyproject.toml constraints.txt
	@echo "setting up .venv (a few minutes, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) torch
	$(PIP) -e '.[dev,s3,postgres]'
	@touch $@
	@echo "set-up: .venv holds invplat and everything it needs"
