# Everything runs from a fresh clone with Python 3.11 (or 3.12) and make; each target sets up what it needs.
# `make help` lists the targets.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || echo python3.11)
VENV ?= .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
OUT ?= out
CLIPS ?= ../shared/clips
# Tests run side by side: a file of them in one process, since what is slow to make is made once a file. With one more
# than there are cores it takes hardly less time, and what is timed in turns (tests/hosted/test_crowd.py) gets noisy.
JOBS ?= 2
# Training has an environment of its own: it alone needs torch, and programs that synthesise speech.
TRAIN := .venv-train
TRAIN_PROGRAMS := flite espeak-ng libespeak-ng1 fortunes fortunes-min fortunes-de fortunes-es fortunes-it \
  fortunes-ru fortunes-pl fortunes-br fortunes-cs fortunes-bg fortunes-eo fortunes-ga manpages-fr

# What the tests of the page drive (docs/how-to/playground.md).
TEST_PROGRAMS := chromium postgresql

# One thread per library: the machine's cores are shared out by lipwright itself.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.PHONY: help demo test programs sdks check format bench load soak train mutants docs lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

demo: $(STAMPS)/run ## make a sample video speak, into out/demo
	$(BIN)/lipwright demo --output $(OUT)/demo --clips $(CLIPS)

test: sdks programs ## run the tests
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

# Without apt, or without the right to install, the tests that need a program are skipped, and say so.
programs: ## install what some tests drive: a browser, PostgreSQL
	@dpkg -s $(TEST_PROGRAMS) >/dev/null 2>&1 \
	  || { apt-get update -q && apt-get install -y -q --no-install-recommends $(TEST_PROGRAMS); } >/dev/null 2>&1 \
	  || echo "not installed: $(TEST_PROGRAMS)"

sdks: $(STAMPS)/dev ## fetch the vendors' own clients that the tests of the service run
	$(BIN)/python scripts/sdks.py build/sdks

check: $(STAMPS)/dev ## lint, format, types, arrows between rooms, locks, what deploys
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python scripts/locks.py check
	$(BIN)/python scripts/tables.py check
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/yamllint -c deploy/.yamllint.yaml deploy
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/kubernetes-validate --quiet --strict -k 1.33 $(filter-out %/kustomization.yaml,$(wildcard deploy/kubernetes/*.yaml))

format: $(STAMPS)/dev ## let ruff mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(STAMPS)/run ## measure over a folder of clips (CLIPS=FOLDER), into out/bench
	$(BIN)/lipwright bench $(CLIPS) -o $(OUT)/bench $(ARGS)

load: $(STAMPS)/dev ## submits and polls at 200 a second against a server of its own, idle and while it renders
	$(BIN)/python scripts/load.py $(ARGS)

soak: $(STAMPS)/dev ## half an hour of jobs, cancels and bad input on two workers: nothing may grow (LIPWRIGHT_SOAK_MIN)
	$(BIN)/python scripts/soak.py $(ARGS)

train: $(TRAIN)/.stamp ## train what the package ships, from ../shared/data; about an hour
	dpkg -s $(TRAIN_PROGRAMS) >/dev/null 2>&1 || { apt-get update -q && apt-get install -y -q $(TRAIN_PROGRAMS); }
	PYTHONPATH=src:. $(TRAIN)/bin/python -m training.make --data ../shared/data/av --work build/train $(ARGS)

mutants: $(STAMPS)/dev ## break each guard on purpose, and see a test fail; four minutes
	$(BIN)/python scripts/mutants.py $(ARGS)

docs: $(STAMPS)/dev ## write the tables of the how-to pages from the code
	$(BIN)/python scripts/tables.py write

lock: $(STAMPS)/bootstrap ## resolve requirements/*.lock anew (ARGS=--upgrade for newer versions)
	$(BIN)/python scripts/locks.py write $(ARGS)

clean: ## remove the virtual environment and everything built
	rm -rf $(VENV) $(OUT) build dist .pytest_cache .ruff_cache .import_linter_cache

# --- set-up -----------------------------------------------------------------------------------------------
# pip brings uv and the build backend (hash-pinned); uv brings the rest, and pip does where uv cannot.
# --no-deps: a lock is complete, and mediapipe's own list names packages that we leave out on purpose.

$(STAMPS)/bootstrap: requirements/bootstrap.lock
	test -x $(BIN)/python && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r $<
	@mkdir -p $(STAMPS) && touch $@

# Versions without hashes: the CPU build of torch differs from place to place (training/README.md).
$(TRAIN)/.stamp: requirements/train.lock
	$(PYTHON) -m venv $(TRAIN)
	$(TRAIN)/bin/python -m pip install --quiet -r $<
	@touch $@

define install
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r $(1) \
	  || $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r $(1)
endef

define install_project
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . \
	  || $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
endef

$(STAMPS)/run: requirements/run.lock pyproject.toml $(STAMPS)/bootstrap
	$(call install,requirements/run.lock)
	$(call install_project)
	@touch $@

$(STAMPS)/dev: requirements/dev.lock $(STAMPS)/run
	$(call install,requirements/dev.lock)
	@touch $@
