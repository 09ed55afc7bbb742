# Trunkline's commands. `make help` lists them. Each sets up what it needs, once, in this folder.
#   make clean test PYTHON=python3.12    another default interpreter
#   make test JOBS=1                     one test at a time
#   make test PYTEST_FLAGS='-k tcp -x'   more for pytest

PYTHON ?= python3
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
OTHERS := 3.12 3.13

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
unexport PYTHONPATH PYTHONHOME TRUNKLINE_COMPILE

ENVIRONMENT := $(PYTHON) tools/environment.py
VENV := .venv
COMPILED := .venv-compiled
PIP := -m pip -qq
TESTS := -m pytest $(if $(filter 1,$(JOBS)),,-n $(JOBS)) $(PYTEST_FLAGS)

SOURCES := $(shell find src/trunkline -name '*.py' -o -name '*.pyi' -o -name '*.toml' -o -name '*.cc' -o -name py.typed)
PACKAGING := pyproject.toml setup.py
TOOLS := tools/compiled.py tools/environment.py

.DEFAULT_GOAL := help
.PHONY: help demo accept test test-plan test-interpreted test-compiled check format compiled soak bench clean
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 28

demo: $(VENV)/.demo  ## ordinary programs talking across a lossy internet in one process
	@$(VENV)/bin/trunkline demo

# ---------------------------------------------------------------- tests

test: test-plan test-interpreted test-compiled $(OTHERS:%=test-%)  ## every part of the suite that this machine can run

test-plan:
	@echo 'Tests: interpreted with strict octets, in full, on $(PYTHON)'
	@why=$$($(ENVIRONMENT) compiler 2>&1 >/dev/null) \
	  && echo 'Tests: compiled by mypyc, on the same Python' \
	  || echo "Tests: compiled: left out, $$why"
	@for version in $(OTHERS); do \
	  if $(ENVIRONMENT) python $$version >/dev/null 2>&1; \
	    then echo "Tests: interpreted on Python $$version"; \
	    else echo "Tests: interpreted on Python $$version: left out, it is not on this machine"; \
	  fi; done

test-interpreted: $(VENV)/.dev  ## the whole suite: interpreted, strict octets
	@echo; echo '== Interpreted, strict octets'
	@TRUNKLINE_STRICT=1 $(VENV)/bin/python $(TESTS)

test-compiled:  ## the suite on the compiled package
	@if $(ENVIRONMENT) compiler >/dev/null 2>&1; then \
	  $(MAKE) compiled && echo && echo '== Compiled' && \
	  $(COMPILED)/bin/python $(TESTS) -m 'not soak and not once'; fi

$(OTHERS:%=test-%): test-%:
	@if $(ENVIRONMENT) python $* >/dev/null 2>&1; then \
	  $(MAKE) .venv-$*/.test && echo && echo '== Interpreted, Python $*' && \
	  .venv-$*/bin/python $(TESTS) -m 'not soak and not once'; fi

soak: $(VENV)/.dev  ## sweeps: thousands of seeds, grids, hours; compiled if there is a compiler
	@if $(ENVIRONMENT) compiler >/dev/null 2>&1; then $(MAKE) compiled; fi
	@python=$(VENV)/bin/python; [ ! -e $(COMPILED)/.built ] || python=$(COMPILED)/bin/python; \
	  HYPOTHESIS_PROFILE=soak $$python $(TESTS) -m soak

accept: $(VENV)/.dev  ## take today's capture as the right one, after a change of behaviour on purpose
	@TRUNKLINE_ACCEPT=1 $(VENV)/bin/python -m pytest -q tests/world/test_determinism.py

bench:  ## the README's figures, compiled if there is a compiler
	@if $(ENVIRONMENT) compiler >/dev/null 2>&1; \
	  then $(MAKE) compiled && $(COMPILED)/bin/trunkline bench; \
	  else $(MAKE) $(VENV)/.dev && $(VENV)/bin/trunkline bench; fi

# ---------------------------------------------------------------- checks

check: $(VENV)/.dev  ## format, lint, types and import contracts, as CI runs them
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo 2>&1

format: $(VENV)/.dev  ## rewrites the files as `make check` wants them
	@$(VENV)/bin/ruff check --fix-only --quiet .
	@$(VENV)/bin/ruff format .

# ---------------------------------------------------------------- environments

compiled: $(COMPILED)/.built  ## the package compiled by mypyc, in an environment of its own
	@$(COMPILED)/bin/python tools/compiled.py check

$(VENV)/bin/python:
	@$(ENVIRONMENT) venv $(VENV) >/dev/null

$(VENV)/.demo: $(PACKAGING) | $(VENV)/bin/python
	@echo 'Setting up $(VENV) (once)'
	@$(VENV)/bin/python $(PIP) install -e '.[demo]'
	@touch $@

$(VENV)/.dev: $(PACKAGING) | $(VENV)/bin/python
	@echo 'Setting up $(VENV) with the tools for development (once)'
	@$(VENV)/bin/python $(PIP) install -e '.[demo,services,test,dev]'
	@touch $@ $(VENV)/.demo

.venv-3.%/.test: $(PACKAGING)
	@echo 'Setting up .venv-3.$* (once)'
	@[ -x .venv-3.$*/bin/python ] || $$($(ENVIRONMENT) python 3.$*) tools/environment.py venv .venv-3.$* >/dev/null
	@.venv-3.$*/bin/python $(PIP) install -e '.[demo,services,test]'
	@touch $@

$(COMPILED)/.test: $(PACKAGING)
	@echo 'Setting up $(COMPILED) (once)'
	@[ -x $(COMPILED)/bin/python ] || $(ENVIRONMENT) venv $(COMPILED) >/dev/null
	@$(COMPILED)/bin/python $(PIP) install '.[demo,services,test]'
	@touch $@

# The wheel is built in place of nothing: build/lib is cleared, the machine code is kept by hash.
$(COMPILED)/.built: $(SOURCES) $(PACKAGING) tools/compiled.py | $(VENV)/.dev $(COMPILED)/.test
	@echo 'Compiling (a minute or two; kept under build/ until the compiled modules change)'
	@rm -rf build/lib* build/bdist* build/wheel
	@TRUNKLINE_COMPILE=1 $(VENV)/bin/python $(PIP) wheel --no-build-isolation --no-deps -w build/wheel .
	@$(COMPILED)/bin/python $(PIP) install --force-reinstall --no-deps build/wheel/*.whl
	@touch $@

clean:  ## everything that `make` made
	rm -rf trunkline-demo.pcapng .venv .venv-3.* $(COMPILED) build dist src/*.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests tools -name __pycache__ -prune -exec rm -rf {} +
