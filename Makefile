# What make does is say which command to run: `pipeline.run` runs the stages that are out of date,
# in order. That is decided by content (config, code, versions, hashes), never by dates.

CONFIG  ?= configs/imdb.yaml
SET     ?=
RESULTS ?= results
FORMAT  ?= csv
PUSH    ?=
SCOPE   ?=
REVIEW  ?=
AUDIT   ?=
BEFORE  ?=
SIZE    ?= 4000000
DATA    ?=
PLANT   ?=
PYTHON  ?= python3

# A value is data: it reaches the commands through the environment, and no shell or make reads it.
OPTIONS := CONFIG SET RESULTS FORMAT PUSH SCOPE REVIEW AUDIT BEFORE SIZE DATA PLANT
$(foreach name,$(OPTIONS),$(eval export LABEL_ERRORS_$(name) := $$(value $(name))))
unexport $(OPTIONS)
MAKEOVERRIDES :=

VENV    := .venv
PY      := $(VENV)/bin/python
# Stages and formats say themselves that they are some.
STAGES  := $(patsubst pipeline/%.py,%,$(shell grep -l '^STAGE = Stage.$$' pipeline/*.py))
FORMATS := $(patsubst pipeline/exchange/%.py,%,$(shell grep -l '^FORMAT = Format.' pipeline/exchange/*.py))

.PHONY: help all demo $(STAGES) study noise advise scale report track review export test test-faults check \
	audit bench bench-gpu detect evidence clean gpu ray requirements
.DEFAULT_GOAL := help

help: ## print this list
	@echo "make demo                     the whole pipeline on a generated corpus, offline, a quarter of a minute"
	@echo "make all                      the IMDb experiment (CONFIG=configs/imdb.yaml)"
	@echo "make all CONFIG=configs/x.yaml  another dataset or experiment"
	@echo "make all SET=\"model.epochs=3\"  any key overridden"
	@echo "make STAGE                    up to one of: $(STAGES)"
	@echo "make study                    is the gain real? every arm over many seeds, with a control"
	@echo "make advise                   what to do with the label issues, from as many seeds as it takes"
	@echo "make noise                    the same with label noise put in on purpose"
	@echo "make bench                    how fast, against what people would use instead (half an hour)"
	@echo "make bench-gpu                a GPU against the CPU: same results? how fast, how much memory"
	@echo "make detect DATA=folder       label errors found, against what people would use instead"
	@echo "make detect PLANT=set         the same with errors planted in a set of TFDS, or in a CSV"
	@echo "make evidence DATA=folder     every measured figure of the documents again (hours)"
	@echo "make scale SIZE=4000000       generated reviews by the million: time and memory of each stage"
	@echo "make report                   the report page alone, from the finished files of a run"
	@echo "make report BEFORE=results/x  and what changed since another run: before corrections, say"
	@echo "make track                    log a finished run to MLflow or TensorBoard, as the config says"
	@echo "make review                   look at the label issues and correct them in a local page"
	@echo "make review SCOPE=test        those of the test split; REVIEW=--terminal without a page"
	@echo "make review AUDIT=200         with a random sample: how many labels are wrong, what the list misses"
	@echo "make export FORMAT=csv        hand them over: $(FORMATS)"
	@echo "make test                     the tests"
	@echo "make test-faults              kills, a full disk and damage at every step (an hour on 2 cores)"
	@echo "make check                    style, types, and which room may import which"
	@echo "make audit                    known vulnerabilities of the requirements (asks OSV)"
	@echo "make gpu                      add TensorFlow's GPU libraries to the environment"
	@echo "make ray                      add Ray to the environment: training on a cluster (docs/ray.md)"
	@echo "make clean                    delete the results of CONFIG"

all: $(VENV)/ready
	@$(PY) -m pipeline.run

demo: $(VENV)/ready
	@LABEL_ERRORS_CONFIG=configs/sample.yaml $(PY) -m pipeline.run

$(STAGES): $(VENV)/ready
	@$(PY) -m pipeline.run --upto $@

study noise advise: $(VENV)/ready
	@$(PY) -m pipeline.run
	$(PY) -m pipeline.study $(if $(filter-out study,$@),--$@)
	@$(PY) -m pipeline.report

report: $(VENV)/ready
	@$(PY) -m pipeline.report

track: $(VENV)/ready
	@$(PY) -m pipeline.report.tracking

review: $(VENV)/ready
	@$(PY) -m pipeline.review

export: $(VENV)/ready
	@$(PY) -m pipeline.exchange export

clean: $(VENV)/ready ## results only; corrections/ holds decisions of people and is never deleted
	@$(PY) -m pipeline.clean

# --- the environment: uv when it is there, pip otherwise; hashes are checked by both --------

UV := $(shell command -v uv 2>/dev/null)
ifdef UV
CREATE  := $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
# Where no process may keep what it compiled, each would compile all of TensorFlow anew.
INSTALL := $(UV) pip install --quiet $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode) --python $(PY) \
	--require-hashes -r
else
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r
CREATE  := $(PYTHON) -m venv $(VENV) && $(INSTALL) requirements-pip.txt
endif

NO_INTEL_MACS := error: TensorFlow has no package for Intel Macs since 2.17; use Linux, in a container for example

$(VENV)/ready: requirements.txt requirements-pip.txt
	@if test "`uname -sm`" = "Darwin x86_64"; then echo "$(NO_INTEL_MACS)" >&2; exit 2; fi
	$(CREATE)
	$(INSTALL) requirements.txt
	@touch $@

$(VENV)/ready-dev: requirements-dev.txt $(VENV)/ready
	$(INSTALL) requirements-dev.txt
	@touch $@

$(VENV)/ready-bench: requirements-bench.txt $(VENV)/ready
	$(INSTALL) requirements-bench.txt
	@touch $@

$(VENV)/ready-audit: requirements-audit.txt $(VENV)/ready
	$(INSTALL) requirements-audit.txt
	@touch $@

bench: $(VENV)/ready-bench
	$(PY) -m benchmarks.run

bench-gpu: gpu
	$(PY) -m benchmarks.gpu

detect: $(VENV)/ready
	$(PY) -m benchmarks.detect

evidence: $(VENV)/ready-bench
	$(PY) -m benchmarks.evidence

scale: $(VENV)/ready
	$(PY) -m benchmarks.scale

gpu: $(VENV)/ready requirements-gpu.txt
	$(INSTALL) requirements-gpu.txt

ray: $(VENV)/ready requirements-ray.txt
	$(INSTALL) requirements-ray.txt

# Coverage takes half as long again: `make test MEASURE=coverage` is what .ci/run asks for.
COVERAGE := $(if $(filter coverage,$(MEASURE)),--cov --cov-report=term --cov-fail-under=90)

test: $(VENV)/ready-dev
	$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile $(COVERAGE)

test-faults: $(VENV)/ready-dev
	FAULTS=all $(PY) -m pytest tests/faults -rA -n auto --maxprocesses 4 --dist worksteal

check: $(VENV)/ready-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-cache

audit: $(VENV)/ready-audit ## without network it says so and does not fail
	@$(PY) .ci/audit.py

# Extras stay in the pins: what `coverage==7.17.3` pins is not what pytest-cov asks for, `coverage[toml]`,
# which pip then looks for itself and refuses as unpinned once there is a newer one.
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-strip-extras --no-emit-index-url \
	--no-header --python-version 3.11

requirements: ## the hashed requirements again, from pyproject.toml (needs uv)
	$(COMPILE) --group pip -o requirements-pip.txt
	$(COMPILE) pyproject.toml -o requirements.txt
	for extra in audit bench dev gpu ray; do \
		$(COMPILE) pyproject.toml requirements.txt --extra $$extra -o requirements-$$extra.txt || exit; \
	done
