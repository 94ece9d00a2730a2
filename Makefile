# `make` lists the commands. Each sets up its environment by itself, and again when the pins change: .venv, or the
# active conda or virtual environment if this checkout is installed there.
#
#   PYTHON=python3.12 make lab        another Python for .venv
#   PIP_FLAGS="..." make lab          options for pip, such as an index with CPU builds of torch
#   JUPYTER_FLAGS="--no-browser" make lab

PYTHON ?= python3
PIP_FLAGS ?=
JUPYTER_FLAGS ?=

# Paths of this machine may hold spaces: they are quoted in the shell, and never the name of a target.
SHELL := /bin/sh
ACTIVE := $(or $(VIRTUAL_ENV),$(CONDA_PREFIX))
HAS_US := import importlib.metadata as m, json, os, sys, urllib.request as r; \
    url = json.loads(m.distribution("diffusion-labs").read_text("direct_url.json"))["url"]; \
    sys.exit(not os.path.samefile(r.url2pathname(url.partition("://")[2]), "."))
USE_ACTIVE := $(if $(subst $(CURDIR)/.venv,,$(ACTIVE)),$(shell \
    "$(ACTIVE)/bin/python" -I -c '$(HAS_US)' 2>/dev/null && echo yes))
ENV := $(if $(USE_ACTIVE),$(ACTIVE),$(CURDIR)/.venv)
READY := $(if $(USE_ACTIVE),build/.ready-$(lastword $(subst /, ,$(ACTIVE))),.venv/.ready)
PY := "$(ENV)/bin/python"
COURSE = $(PY) -m labutils.course
INSTALL = $(PY) -m pip install $(if $(wildcard $@),--quiet) $(PIP_FLAGS) -c constraints.txt -e

.DEFAULT_GOAL := help
.PHONY: help lab kernel

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

lab: $(READY) ## write the students' notebooks into work/ (never over yours) and open JupyterLab there
	@$(COURSE) work
	@cd work && exec $(PY) -m labutils.course.lab $(JUPYTER_FLAGS)

kernel: $(READY) ## register the environment as a kernel for your own JupyterLab
	@$(PY) -m ipykernel install --user --name diffusion-labs --display-name "Diffusion labs"

.venv/.ready: constraints.txt pyproject.toml
	@command -v "$(PYTHON)" >/dev/null || \
		{ echo "error: no $(PYTHON) here: install $(TAKE), or name yours: PYTHON=python3.13 make" >&2; exit 1; }
	@"$(PYTHON)" -c '$(IS_FIT)' || \
		{ echo "error: $(PYTHON) is $$("$(PYTHON)" -V 2>&1), $(TAKE) is needed: PYTHON=python3.13 make" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { $(ADD_VENV); } || \
		{ echo "error: $(PYTHON) cannot make environments: on Debian and Ubuntu, sudo apt install $(VENV)" >&2; exit 1; }
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear .venv
	@echo "$(if $(wildcard $@),Bringing .venv up to date,Setting up .venv: this takes some minutes)"
	@$(INSTALL) .
	@touch $@

# The releases of Python that the pins can take: as in pyproject.toml.
TAKE := Python 3.11 to 3.14 (not 3.14.1)
IS_FIT := import sys; v = sys.version_info[:3]; sys.exit(not (3, 11) <= v < (3, 15) or v == (3, 14, 1))
VENV = $$("$(PYTHON)" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
ADD_VENV = test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "Installing $(VENV)" && \
	apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(VENV)

# What some commands need besides is an extra of pyproject.toml. This rule goes before its more general sister.
$(READY)-%: $(READY)
	@echo "Adding what 'make $(firstword $(MAKECMDGOALS))' needs: the extra $*"
	@$(INSTALL) '.[$*]'
	@touch "$@"

build/.ready-%: constraints.txt pyproject.toml
	@$(INSTALL) .
	@mkdir -p build && touch "$@"

# Lab 5 ---------------------------------------------------------------------------------------------------------------
.PHONY: train search
LAB5 := $(if $(wildcard tests),notebooks,work)/lab5_vpsde_mnist/lab5_vpsde_mnist.ipynb

train: $(READY) ## [RECIPE=... TRAIN_FLAGS=...] train the network of Lab 5 with the SDE of its notebook, in build/train
	@$(PY) -m labutils.vpsde.train --notebook $(LAB5) $(if $(RECIPE),--recipe "$(RECIPE)") $(TRAIN_FLAGS)

search: $(READY)-ray ## [RAY=address SEARCH_FLAGS=...] search a better recipe with Ray Tune, in build/search
	@$(PY) -m labutils.vpsde.tune --notebook $(LAB5) $(if $(RAY),--ray "$(RAY)") $(SEARCH_FLAGS)

# Instructors ---------------------------------------------------------------------------------------------------------
.PHONY: test release grade feedback export demo power bench
CLASS := $(READY) $(if $(RAY),$(READY)-ray) $(if $(findstring postgresql:,$(GRADEBOOK_URL)),$(READY)-postgresql)
TESTS := $(READY)-test $(if $(filter true,$(CI)),$(READY)-ray)

test: $(TESTS) ## check everything: style, types, units and statistics, notebooks, grading, browser
	@$(PY) -m tests.system
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m pytest -n logical --maxprocesses 8 --dist loadscope

release: $(CLASS) ## LAB=...: the student version in build/release, the bundle for students in build/bundle
	@$(COURSE) release "$(LAB)"

grade: $(CLASS) ## LAB=... [JOBS=n RAY=address]: grade build/submitted/<student>/<lab>/ and print the table
	@$(COURSE) grade "$(LAB)"

feedback: $(CLASS) ## LAB=...: an HTML page for each graded submission in build/feedback
	@$(COURSE) feedback "$(LAB)"

export: $(CLASS) ## [CANVAS="lab=id"] all grades and messages as CSV, and as the files that Canvas and Moodle import
	@$(COURSE) export $(if $(CANVAS),--canvas $(CANVAS))

demo: $(CLASS) ## a sample class through the whole way, with its table of grades
	@$(PY) -m tests.demo $(LAB)

power: $(READY)-test ## [LAB=... JUDGE=yes] wrong answers through the hidden tests: who gets caught; or: by the judge too?
	@$(PY) -m tests.power $(if $(LAB),--lab "$(LAB)") $(if $(JUDGE),--judge)

bench: $(READY)-test ## the performance table of the README
	@$(PY) -m tests.bench
