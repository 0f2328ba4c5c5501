# The picture of the data flow: prepare -> vectorize -> crossval -> find_issues -> cleanlearn
# -> evaluate. What is out of date is decided by content (config, code, hashes), never by dates:
# `pipeline.status` says which stages must run, and only those are forced.

CONFIG  ?= configs/imdb.yaml
SET     ?=
RESULTS ?= results
FORMAT  ?= csv
PUSH    ?=
SCOPE   ?=
REVIEW  ?=
SIZE    ?= 4000000
PYTHON  ?= python3

VENV    := .venv
PY      := $(VENV)/bin/python
STAGES  := prepare vectorize crossval find_issues cleanlearn evaluate
FORMATS := csv dataset label_studio argilla huggingface
ifneq ($(words $(CONFIG)) $(filter %.yaml %.yml,$(CONFIG)),1 $(CONFIG))
$(error CONFIG='$(CONFIG)': name one .yaml file, in a path without spaces)
endif
ifneq ($(words $(RESULTS)),1)
$(error RESULTS='$(RESULTS)': name one folder, in a path without spaces)
endif
$(foreach s,$(SET),$(if $(findstring =,$(s)),,\
	$(error SET: '$(s)' is no key=value; leave out the spaces around = and inside a value)))

RUN     := $(basename $(notdir $(CONFIG)))
R       := $(RESULTS)/$(RUN)
ARGS    := --config $(CONFIG) $(foreach s,$(SET),--set '$(subst ','\'',$(s))') --results $(RESULTS)

.PHONY: help all demo $(STAGES) study noise scale report review export test test-faults check audit \
	bench clean gpu ray FORCE
.DEFAULT_GOAL := help

help: ## print this list
	@echo "make demo                     the whole pipeline on a generated corpus, offline, about a minute"
	@echo "make all                      the IMDb experiment (CONFIG=configs/imdb.yaml)"
	@echo "make all CONFIG=configs/x.yaml  another dataset or experiment"
	@echo "make all SET=\"model.epochs=3\"  any key overridden"
	@echo "make STAGE                    up to one of: $(STAGES)"
	@echo "make study                    is the gain real? every arm over many seeds, with a control"
	@echo "make noise                    the same with label noise put in on purpose"
	@echo "make bench                    how fast, against what people would use instead (half an hour)"
	@echo "make scale SIZE=4000000       generated reviews by the million: time and memory of each stage"
	@echo "make report                   the report page alone, from the finished files of a run"
	@echo "make review                   look at the label issues and correct them in a local page"
	@echo "make review SCOPE=test        those of the test split; REVIEW=--terminal without a page"
	@echo "make export FORMAT=csv        hand them over: $(FORMATS)"
	@echo "make test                     the tests"
	@echo "make test-faults              kills, a full disk and damage at every step (an hour on 2 cores)"
	@echo "make check                    style and types"
	@echo "make audit                    known vulnerabilities of the requirements (asks OSV)"
	@echo "make gpu                      add TensorFlow's GPU libraries to the environment"
	@echo "make ray                      add Ray to the environment: training on a cluster (docs/ray.md)"
	@echo "make clean                    delete $(R) (CONFIG says which)"

all: $(VENV)/ready
	@$(MAKE) --no-print-directory CONFIG=$(CONFIG) up-to-date WANTED=evaluate

demo: $(VENV)/ready
	@$(MAKE) --no-print-directory CONFIG=configs/sample.yaml up-to-date WANTED=evaluate

$(STAGES): $(VENV)/ready
	@$(MAKE) --no-print-directory CONFIG=$(CONFIG) up-to-date WANTED=$@

study noise: $(VENV)/ready
	@$(MAKE) --no-print-directory CONFIG=$(CONFIG) up-to-date WANTED=evaluate
	$(PY) -m pipeline.study $(ARGS) $(if $(filter noise,$@),--noise)
	$(PY) -m pipeline.report $(ARGS)

report: $(VENV)/ready
	@$(PY) -m pipeline.report $(ARGS)

review: $(VENV)/ready
	@$(PY) -m pipeline.review $(if $(SCOPE),--scope $(SCOPE)) $(REVIEW) $(ARGS)

export: $(VENV)/ready
	@$(PY) -m pipeline.exchange export --format $(FORMAT) $(if $(SCOPE),--scope $(SCOPE)) \
		$(if $(PUSH),--push $(PUSH)) $(ARGS)

clean: ## results only; corrections/ holds decisions of people and is never deleted
	@if [ -e "$(R)/.lock" ]; then rm -rf "$(R)" && echo "deleted $(R)"; else echo "$(R): no run is there"; fi

# --- the stages: entered by the rules above, once the environment is there ------------------

ifdef WANTED
STALE := $(if $(wildcard $(PY)),$(shell $(PY) -m pipeline.status $(ARGS) --upto $(WANTED)),$(STAGES))
ifneq ($(.SHELLSTATUS),0)
$(error the config was refused, see above)
endif
$(foreach stage,$(STALE),$(R)/$(stage)/stage.json): FORCE

.PHONY: up-to-date
up-to-date: $(R)/$(WANTED)/stage.json
	@$(if $(STALE),:,echo "$(RUN): everything is up to date; the results are in $(R)/")

$(R)/prepare/stage.json:
	$(PY) -m pipeline.prepare $(ARGS)

$(R)/vectorize/stage.json: | $(R)/prepare/stage.json
	$(PY) -m pipeline.vectorize $(ARGS)

$(R)/crossval/stage.json: | $(R)/prepare/stage.json $(R)/vectorize/stage.json
	$(PY) -m pipeline.crossval $(ARGS)

$(R)/find_issues/stage.json: | $(R)/prepare/stage.json $(R)/vectorize/stage.json \
		$(R)/crossval/stage.json
	$(PY) -m pipeline.find_issues $(ARGS)

$(R)/cleanlearn/stage.json: | $(R)/prepare/stage.json $(R)/vectorize/stage.json \
		$(R)/crossval/stage.json $(R)/find_issues/stage.json
	$(PY) -m pipeline.cleanlearn $(ARGS)

$(R)/evaluate/stage.json: | $(R)/prepare/stage.json $(R)/vectorize/stage.json \
		$(R)/crossval/stage.json $(R)/find_issues/stage.json $(R)/cleanlearn/stage.json
	$(PY) -m pipeline.evaluate $(ARGS)
endif

# --- the environment: uv when it is there, pip otherwise; hashes are checked by both --------

UV := $(shell command -v uv 2>/dev/null)
ifdef UV
CREATE  := $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
INSTALL := $(UV) pip install --quiet --python $(PY) --require-hashes -r
else
CREATE  := $(PYTHON) -m venv $(VENV)
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r
endif

$(VENV)/ready: requirements.txt
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

scale: $(VENV)/ready
	$(PY) -m benchmarks.scale $(SIZE) --results $(RESULTS)

gpu: $(VENV)/ready requirements-gpu.txt
	$(INSTALL) requirements-gpu.txt

ray: $(VENV)/ready requirements-ray.txt
	$(INSTALL) requirements-ray.txt

test: $(VENV)/ready-dev
	$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile --cov --cov-report=term --cov-fail-under=90

test-faults: $(VENV)/ready-dev
	FAULTS=all $(PY) -m pytest tests/faults -rA -n auto --maxprocesses 4 --dist worksteal

check: $(VENV)/ready-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

audit: $(VENV)/ready-audit ## without network it says so and does not fail
	@$(PY) .ci/audit.py

requirements: ## the hashed requirements again, from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --extra audit -c requirements.txt pyproject.toml -o requirements-audit.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --extra bench -c requirements.txt pyproject.toml -o requirements-bench.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --extra gpu -c requirements.txt pyproject.toml -o requirements-gpu.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --extra ray -c requirements.txt pyproject.toml -o requirements-ray.txt
.PHONY: requirements
