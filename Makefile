# `make` lists the commands. Each sets up its environment by itself, and again when the pins change: .venv, or the
# active conda or virtual environment if this checkout is installed there.
#
#   PYTHON=python3.12 make lab        another Python for .venv
#   PIP_FLAGS="..." make lab          options for pip, such as an index with CPU builds of torch
#   JUPYTER_FLAGS="--no-browser" make lab

PYTHON ?= python3
PIP_FLAGS ?=
JUPYTER_FLAGS ?=

SHELL := /bin/sh
ACTIVE := $(filter-out $(CURDIR)/.venv,$(or $(VIRTUAL_ENV),$(CONDA_PREFIX)))
HAS_US := import importlib.metadata as m, sys, urllib.parse as u; \
    sys.exit(not u.unquote(m.distribution("diffusion-labs").read_text("direct_url.json")).count("$(CURDIR)\""))
USE_ACTIVE := $(if $(ACTIVE),$(shell "$(ACTIVE)/bin/python" -I -c '$(HAS_US)' 2>/dev/null && echo yes))
ENV := $(if $(USE_ACTIVE),$(ACTIVE),$(CURDIR)/.venv)
READY := $(if $(USE_ACTIVE),build/.ready-$(notdir $(ACTIVE)),.venv/.ready)
PY := "$(ENV)/bin/python"
COURSE = $(PY) -m labutils.course
INSTALL = -m pip install $(if $(wildcard $@),--quiet) $(PIP_FLAGS) -c constraints.txt -e '.[test]'

.DEFAULT_GOAL := help
.PHONY: help lab kernel test release grade feedback export demo power train search bench

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

lab: $(READY) ## write the students' notebooks into work/ (never over yours) and open JupyterLab there
	@$(COURSE) work
	@cd work && exec $(PY) -m jupyterlab $(JUPYTER_FLAGS)

kernel: $(READY) ## register the environment as a kernel for your own JupyterLab
	@$(PY) -m ipykernel install --user --name diffusion-labs --display-name "Diffusion labs"

test: $(READY) ## check everything: style, types, units and statistics, notebooks, grading, browser
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m pytest -n logical --maxprocesses 8 --dist loadscope

release: $(READY) ## LAB=...: the student version in build/release, the bundle for students in build/bundle
	@$(COURSE) release "$(LAB)"

grade: $(READY) ## LAB=... [JOBS=n RAY=address]: grade build/submitted/<student>/<lab>/ and print the table
	@$(COURSE) grade "$(LAB)"

feedback: $(READY) ## LAB=...: an HTML page for each graded submission in build/feedback
	@$(COURSE) feedback "$(LAB)"

export: $(READY) ## [CANVAS="lab=id"] all grades and messages as CSV, and as the files that Canvas and Moodle import
	@$(COURSE) export $(if $(CANVAS),--canvas $(CANVAS))

demo: $(READY) ## a sample class through the whole way, with its table of grades
	@$(PY) -m tests.demo $(LAB)

power: $(READY) ## [LAB=...] plausible wrong answers through the real hidden tests: who gets caught
	@$(PY) -m tests.power $(if $(LAB),--lab "$(LAB)")

train: $(READY) ## [RECIPE=... TRAIN_FLAGS=...] train the network of Lab 5 with the SDE of its notebook, in build/train
	@$(PY) -m labutils.vpsde.train $(if $(RECIPE),--recipe "$(RECIPE)") $(TRAIN_FLAGS)

search: $(READY) ## [RAY=address SEARCH_FLAGS=...] search a better recipe with Ray Tune (extra: ray), in build/search
	@$(PY) -m labutils.vpsde.tune $(if $(RAY),--ray "$(RAY)") $(SEARCH_FLAGS)

bench: $(READY) ## the performance table of the README
	@$(PY) -m tests.bench

.venv/.ready: constraints.txt pyproject.toml
	@command -v "$(PYTHON)" >/dev/null || \
		{ echo "error: no $(PYTHON) here: install Python 3.11 or newer, or name yours: PYTHON=python3.12 make" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is $$("$(PYTHON)" -V 2>&1), 3.11 or newer is needed: PYTHON=python3.12 make" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "error: $(PYTHON) cannot make environments: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear .venv
	@echo "$(if $(wildcard $@),Bringing .venv up to date,Setting up .venv: this takes some minutes)"
	@.venv/bin/python $(INSTALL)
	@touch $@

build/.ready-%: constraints.txt pyproject.toml
	@$(PY) $(INSTALL)
	@mkdir -p build && touch "$@"
