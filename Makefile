# What people and CI type; the work is in tools/, tests/, bench/ and examples/.

python := .venv/bin/python
compile := $(python) -m uv pip compile --quiet --universal --generate-hashes \
	--python-version 3.11 --no-emit-index-url --no-header --system-certs $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long chaos bench module format lock clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup:  ## make .venv from the lock; PYTHON=… names an interpreter
	@tools/setup.sh runtime

lock:  ## write the locks anew from pyproject.toml; UPGRADE=1 takes the newest versions
	@tools/setup.sh test
	$(python) -m pip install --quiet --require-hashes --no-deps -r requirements/lock.lock
	$(compile) requirements/lock.in -o requirements/lock.lock
	$(compile) pyproject.toml requirements/build.in --extra demo -o requirements/runtime.lock
	$(compile) pyproject.toml requirements/build.in --extra demo --extra test \
		-c requirements/runtime.lock -o requirements/test.lock
	$(compile) requirements/module.in -o requirements/module.lock
	echo runapy==1.222.0 | $(compile) - -c requirements/test.lock -o requirements/runapy-1.222.0.lock
	echo runapy==1.224.0 | $(compile) - -c requirements/test.lock -o requirements/runapy-1.224.0.lock

demo: setup  ## deploy a real model and ask it; EXIT=1 ends when done
	@$(python) -m examples.demo $(if $(EXIT),--exit)

test:  ## every suite but what takes long; SUITE=unit runs one
	@tools/setup_tests.sh
	@$(python) -m tools.run_suites $(SUITE)

test-long:  ## the tests that `make test` leaves out
	@tools/setup_tests.sh
	@$(python) -m tools.run_suites --long $(SUITE)

KILLS ?= 200
chaos:  ## kill processes at random and look for losses; KILLS=… times
	@tools/setup_tests.sh
	@KILLS=$(KILLS) $(python) -m pytest -s tests/crash

bench:  ## measure what docs/benchmarks.md tells; ONLY=… one of them
	@tools/setup_tests.sh
	@$(python) -m bench $(ONLY)

module:  ## build what runs inside Envoy anew, from src/windlass/gateway/envoy_module
	@tools/setup.sh test
	@tools/build_module.sh

format:  ## let ruff lay out the code
	@tools/setup_tests.sh
	@$(python) -m ruff check --fix-only --quiet
	@$(python) -m ruff format

clean:  ## remove what can be made again
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build bench/results
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -rf src/*.egg-info
