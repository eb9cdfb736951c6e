# make demo: set up and run the main job.  make test: set up and pass the tests.
PYTHON ?= python3
EXTRAS ?= test
BIN := .venv/bin

.PHONY: demo test lint bench reference constraints clean FORCE

demo: .venv/relubench
	$(BIN)/python -m relubench

test: .venv/test-$(EXTRAS) lint
	$(BIN)/python -m pytest -n auto --dist loadfile # what a file trains is trained once

lint: .venv/test-$(EXTRAS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/test-$(EXTRAS)
	$(BIN)/python benchmarks/speed.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "relubench needs Python >= 3.11; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	if command -v uv > /dev/null; then uv venv -q --python $(PYTHON) .venv; else $(PYTHON) -m venv .venv; fi

# $(call install,REQUIREMENT): with uv where there is one, else with pip; versions are those of constraints.txt.
install = if command -v uv > /dev/null; \
	then uv pip install -q --python $(BIN)/python -c constraints.txt -e '$(1)'; \
	else $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '$(1)'; fi

.venv/relubench: .venv/bin/python pyproject.toml constraints.txt
	$(call install,.)
	@touch $@

.venv/test-$(EXTRAS): .venv/bin/python pyproject.toml constraints.txt
	$(call install,.[$(EXTRAS)])
	@touch $@ .venv/relubench

# Run every experiment at its default size, with 64 seeds or more where it has claims; keep what figures and report need,
# put published numbers beside ours, and write the answer. Takes two hours on two cores, and goes on where it was stopped.
REFERENCE := learning_rate one_step anatomy bias activations inputs initialization born_dead revival shift remedies \
	boundaries plasticity targets
# These take fewer seeds by default, to be done in ten minutes.
learning_rate_seeds := seeds=64
activations_seeds := seeds=64
remedies_seeds := seeds=64
KEPT := summary.parquet curves.parquet claims.parquet config.yaml provenance.json figures
reference: $(REFERENCE:%=results/reference/%/provenance.json)
	rm -f results/verify/verify.parquet
	$(BIN)/python -m relubench verify; cp results/verify/verify.parquet results/reference/
	$(BIN)/python -m relubench.report.answer results/reference docs/answer.md

results/reference/%/provenance.json: .venv/relubench FORCE
	$(BIN)/python -m relubench experiment=$* $($*_seeds)
	rm -rf $(@D); mkdir -p $(@D)
	cp -r $(KEPT:%=results/$*/%) $(@D)

# Resolve what pyproject.toml asks for, for every Python and platform, keeping the versions pinned so far; needs uv.
constraints:
	uv pip compile -q --universal --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--all-extras pyproject.toml -o constraints.txt

clean:
	rm -rf .venv $(filter-out results/reference,$(wildcard results/*))
