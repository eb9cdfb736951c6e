# make demo: set up and run the main job.  make test: set up and pass the tests.  make lint: style and types.
EXTRAS ?= test
# cuda12, cuda13 or tpu: also install JAX for these.
ACCELERATOR ?=
VENV ?= .venv
BIN := $(VENV)/bin
# What marks an environment that has the package, and one that can test it.
PACKAGE := $(VENV)/relubench$(ACCELERATOR:%=-%)
TESTED := $(VENV)/test-$(EXTRAS)$(ACCELERATOR:%=-%)
# Which tests: those of marker `slow` are left to .ci/run, as they train or print long.
TESTS ?= -m 'not slow'

# The newest Python that the packages support and that runs (a shim of pyenv may not), on the path or in pyenv: newer
# ones get a newer JAX, which is faster.
PYTHONS := 3.13 3.12 3.11
PYENV := $(or $(shell pyenv root 2> /dev/null),$(PYENV_ROOT),$(HOME)/.pyenv)/versions
UV := $(shell command -v uv)
CANDIDATES = $(foreach version,$(PYTHONS),python$(version) $(wildcard $(PYENV)/$(version).*[0-9]/bin/python$(version)))
PYTHON ?= $(shell for python in $(CANDIDATES) python3; do \
	$$python -c 'import $(if $(UV),venv,ensurepip)' 2> /dev/null && echo $$python && break; done)

.PHONY: demo test lint python faults fuzz bench pilot reference constraints clean FORCE

demo: $(PACKAGE)
	$(BIN)/python -m relubench

test: $(TESTED)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(TESTS) # what a file trains is trained once

lint: $(TESTED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

python: # the one that a new environment gets
	@echo $(PYTHON)

# Try harder than .ci/run does: fifty kills, a thousand flipped bits; twenty thousand command lines.
faults: $(TESTED)
	RELUBENCH_FAULTS=5 $(BIN)/python -m pytest -n auto tests/faults

fuzz: $(TESTED)
	RELUBENCH_FUZZ=10000 $(BIN)/python -m pytest -n auto tests/fuzz

bench: $(TESTED)
	$(BIN)/python benchmarks/speed.py

# A Python named on the command line wins over that of an environment that exists.
ifeq ($(origin PYTHON),command line)
VERSION := -c 'import sys; print(sys.version_info[:2])'
OTHER := $(shell [ "$$($(BIN)/python $(VERSION) 2> /dev/null)" = "$$($(PYTHON) $(VERSION))" ] || echo FORCE)
endif

$(BIN)/python: $(OTHER)
	@python=$(PYTHON); [ -n "$$python" ] && $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "relubench needs Python >= 3.11; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }; \
	[ ! -e $(VENV)/pyvenv.cfg ] || rm -r $(VENV); \
	if [ -n "$(UV)" ]; then uv venv -q --python $$python $(VENV); else $$python -m venv $(VENV); fi

# $(call install,REQUIREMENT): with uv where there is one, else with pip; versions are those of constraints.txt.
install = if [ -n "$(UV)" ]; \
	then uv pip install -q --python $(BIN)/python -c constraints.txt -e '$(1)'; \
	else $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '$(1)'; fi

$(PACKAGE): $(BIN)/python pyproject.toml constraints.txt
	$(call install,.$(ACCELERATOR:%=[%]))
	@touch $@

$(TESTED): $(BIN)/python pyproject.toml constraints.txt
	$(call install,.[$(EXTRAS)$(ACCELERATOR:%=,%)])
	@touch $@ $(PACKAGE)

$(VENV)/bench: $(BIN)/python pyproject.toml constraints.txt
	$(call install,.[bench,report])
	@touch $@ $(PACKAGE)

# Find the learning rates by rule on seeds that no claim is judged on, but for the CNN's, which takes hours.
pilot: $(PACKAGE)
	$(BIN)/python -m relubench experiment=pilot figures=false
	$(BIN)/python -m relubench.experiments.pilot.rates results/pilot conf/rates.yaml

# Run every experiment at the size of the reference, with 64 seeds where there are claims (fewer in costlier settings); keep
# what figures and report need, judge published numbers, and write the generated docs. Takes hours on two cores, and goes
# on where it was stopped.
REFERENCE := $(filter-out custom pilot,$(basename $(notdir $(wildcard conf/experiment/*.yaml))))
KEPT := summary.parquet values.parquet curves.parquet claims.parquet config.yaml provenance.json figures
reference: $(VENV)/bench $(REFERENCE:%=results/reference/%/provenance.json) # some published numbers take PyTorch
	rm -f results/published/verify.parquet
	$(BIN)/python -m relubench verify size=reference; cp results/published/verify.parquet results/reference/
	$(BIN)/python -m relubench.report.claims_page results/reference docs/claims.md
	$(BIN)/python -m relubench.report.answer results/reference docs/answer.md
	$(BIN)/python -m relubench.report.published results/reference docs/published.md
	$(BIN)/python -m relubench.report.page results/reference docs/answer.md docs/report.html
	$(BIN)/python -m relubench.report.definitions docs/definitions.md
	$(BIN)/python -m relubench.report.architecture docs/architecture.md

results/reference/%/provenance.json: $(PACKAGE) FORCE
	$(BIN)/python -m relubench experiment=$* size=reference
	rm -rf $(@D); mkdir -p $(@D)
	cp -r $(KEPT:%=results/$*/%) $(@D)

# Resolve what pyproject.toml asks for, for every Python and platform, keeping the versions pinned so far; needs uv.
constraints:
	uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--all-extras pyproject.toml -o constraints.txt

clean:
	rm -rf .venv .venv-* $(filter-out results/reference,$(wildcard results/*))
