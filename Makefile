# What a developer types. Needs python3 (3.11 to 3.13) with venv, and make; nothing else.
# Plain make only (no GNU or BSD extension), so that Debian's and macOS's old one both run it.
# `.venv` is set up from requirements.lock when a target needs it, and again when the lock or
# pyproject.toml changes. Where packages come from is pip's own configuration, never named here.

.POSIX:

PYTHON =
BIN = .venv/bin
PIP_INSTALL = $(BIN)/python -m pip install --quiet --quiet --no-input --disable-pip-version-check \
	--compile --constraint requirements.lock

help:
	@echo 'make run       make the demo retailer if there is none, run the pipeline, publish'
	@echo 'make ui        the Dagster UI on 127.0.0.1'
	@echo 'make test      every test that is not slow'
	@echo 'make test-all  every test'
	@echo 'make check     format, lint, types, SQL and house rules; changes nothing'
	@echo 'make bench     measure; not a test'
	@echo 'make pictures  draw those of docs/demo-retailer.md from what make run loaded'
	@echo 'make lock      resolve requirements.lock again from pyproject.toml'
	@echo 'make clean     remove what was built (.venv, target, caches); keeps data/'
	@echo 'PYTHON=/path/to/python3.12 on the command line chooses the Python for .venv'

run: .venv/installed
	$(BIN)/insights demo --if-absent
	$(BIN)/insights run

ui: .venv/installed
	$(BIN)/insights ui

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow'

test-all: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests
	$(BIN)/python -m pytest -q tests/test_house_rules.py

bench: .venv/installed-dev
	$(BIN)/python -m pytest tests/bench -s

pictures: .venv/installed-dev
	$(BIN)/python -m orchestration.demo.pictures data docs/demo-retailer

# Keeps every version that still fits; delete the file first for the newest ones. uv takes the
# package index from its own configuration (UV_DEFAULT_INDEX), not from pip's.
lock: .venv/installed-dev
	@PATH="$$PWD/$(BIN):$$PATH"; command -v uv >/dev/null || { \
		echo 'make lock needs uv; install it with: $(BIN)/python -m pip install uv' >&2; exit 1; }; \
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--no-annotate --no-header --quiet --output-file requirements.lock

clean:
	rm -rf .venv target logs build customer_insights.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find . -path ./data -prune -o -type d -name __pycache__ -exec rm -rf {} +
	@echo 'data/ is kept; it holds what the pipeline wrote, the customer ids among it.'

# A stamp is touched only after pip succeeded, so an interrupted install is done again.
.venv/installed: .venv/bin/python requirements.lock pyproject.toml
	@echo 'Installing into .venv (once, about 2 minutes) ...'
	@$(PIP_INSTALL) --editable '.[demo]'
	@touch $@

# What tests and checks need on top; it holds all that `run` needs, hence both stamps.
.venv/installed-dev: .venv/bin/python requirements.lock pyproject.toml
	@echo 'Installing into .venv with what tests need (once, about 2 minutes) ...'
	@$(PIP_INSTALL) --editable '.[demo,dev]'
	@touch .venv/installed $@

# The first of these that is new enough and complete. No prerequisites: made only when missing.
.venv/bin/python:
	@found=; unfit=; \
	for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
		version=`"$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null` \
			|| continue; \
		case "$$version" in \
			3.11|3.12|3.13) ;; \
			*) unfit="$$unfit; $$python is Python $$version"; continue ;; \
		esac; \
		if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then found="$$python"; break; fi; \
		unfit="$$unfit; $$python has no venv (on Debian: apt-get install python$$version-venv)"; \
	done; \
	if test -z "$$found"; then \
		echo "Python 3.11, 3.12 or 3.13 with venv is needed and was not found$$unfit." >&2; \
		echo 'Install one, or name it: make PYTHON=/path/to/python3.12. Nothing was changed.' >&2; \
		exit 1; \
	fi; \
	"$$found" -m venv --clear .venv || { rm -rf .venv; exit 1; }

.PHONY: help run ui test test-all check bench pictures lock clean
