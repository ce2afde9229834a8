# Every target installs what it needs; nothing outside of this folder is changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# tests/conftest.py makes the groups and their order.
PYTEST := $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder --durations 15
PYTHON_PACKAGES := $(VENV)/.installed
NODE_PACKAGES := node_modules/.installed
# The oldest AWS CDK that pyproject.toml allows, in an environment of its own.
OLDEST_CDK := .cache/oldest-cdk/.installed
# The lock file has a Node.js, for users on Linux whose own is none that is supported.
NODE_IS_SUPPORTED := node -e 'process.exit(parseInt(process.versions.node) < 22 ? 1 : 0)' 2>/dev/null
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)

# What a target needs is installed side by side, and types are checked beside the tests.
MAKEFLAGS += --jobs=3

.DEFAULT_GOAL := help
.PHONY: help demo acceptance acceptance-clean benchmark mutants test tests test-unit test-e2e lint synth local-up local-push local-down constraints clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

demo: $(PYTHON_PACKAGES) $(NODE_PACKAGES) ## Deploy everything and release the sample, entirely on this machine
	@$(BIN)/python -m local demo $(if $(APPLICATION),--application "$(APPLICATION)")

test: lint tests ## Run all checks and tests

tests: $(PYTHON_PACKAGES) $(NODE_PACKAGES) $(OLDEST_CDK)
	@npm test --silent --prefix samples/my-container-app
	@$(PYTEST)

test-unit: $(PYTHON_PACKAGES) $(NODE_PACKAGES) $(OLDEST_CDK) ## Run the tests that need no container engine
	@$(PYTEST) -m "not e2e"

test-e2e: $(PYTHON_PACKAGES) $(NODE_PACKAGES) ## Run the tests that need one
	@$(PYTEST) -m e2e

lint: $(PYTHON_PACKAGES) ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

synth: $(PYTHON_PACKAGES) $(NODE_PACKAGES) ## Synthesize the app into cdk.out
	@node_modules/.bin/cdk synth --quiet

local-up: $(PYTHON_PACKAGES) $(NODE_PACKAGES) ## Start a local cloud with the app deployed, in the background
	@$(BIN)/python -m local up --detach

local-push: $(PYTHON_PACKAGES) $(NODE_PACKAGES) ## Release the sample application in the local cloud
	@$(BIN)/python -m local push

local-down: $(PYTHON_PACKAGES) ## Stop the local cloud
	@$(BIN)/python -m local down

acceptance: $(PYTHON_PACKAGES) $(NODE_PACKAGES) ## Play the release scenarios where credentials lead, and clean up (docs/acceptance.md)
	@$(BIN)/python -m acceptance run $(if $(RUN),--run "$(RUN)")

acceptance-clean: $(PYTHON_PACKAGES) ## Delete what the acceptance run RUN=<id> has left
	@$(BIN)/python -m acceptance clean --run "$(RUN)"

benchmark: $(PYTHON_PACKAGES) $(NODE_PACKAGES) ## Measure syntheses and builds against those by hand (half an hour)
	@$(BIN)/python -m benchmarks

mutants: $(PYTHON_PACKAGES) $(NODE_PACKAGES) ## Change the code in 100 places, one at a time: which does no test notice? (an hour)
	@$(BIN)/python -m benchmarks.mutants $(MUTANTS)

constraints: ## Update constraints.txt to the newest versions
	@rm -rf .cache/constraints && $(PYTHON) -m venv .cache/constraints
	@sed '/^-c/d' requirements.txt > .cache/requirements.txt
	@sed '/^-[cr]/d' requirements-dev.txt | cat .cache/requirements.txt - > .cache/requirements-all.txt
	@.cache/constraints/bin/pip install --quiet -r .cache/requirements-all.txt
	@head -1 constraints.txt > .cache/constraints.txt
	@.cache/constraints/bin/pip freeze --exclude-editable >> .cache/constraints.txt
	@mv .cache/constraints.txt constraints.txt

clean: ## Remove everything that was installed or generated
	@rm -rf $(VENV) node_modules .cache cdk.out

$(PYTHON_PACKAGES): requirements.txt requirements-dev.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, $(PYTHON) is older: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing Python packages into $(VENV) (once, about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# Python compiles what it imports, a fifth of all this, by itself.
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -r requirements-dev.txt
	@touch $@

$(OLDEST_CDK): pyproject.toml constraints.txt
	@echo "Installing the oldest AWS CDK that is supported into $(@D) (once, about a minute)"
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	@sed '/^aws-cdk/d' constraints.txt > $(@D)/constraints.txt
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --no-compile -c $(@D)/constraints.txt \
		"aws-cdk-lib==$$(sed -n 's/.*"aws-cdk-lib>=\([0-9.]*\),<3".*/\1/p' pyproject.toml)"
	@touch $@

$(NODE_PACKAGES): package.json package-lock.json
	@echo "Installing the CDK CLI into node_modules (once, about 20 seconds)"
	@rm -rf node_modules
	@$(NODE_IS_SUPPORTED) && without=optional; npm ci --silent --no-progress --omit=$${without:-}
	@$(NODE_IS_SUPPORTED) || { echo "Node.js 22 or newer is needed, $$(node --version) is older"; exit 1; }
	@touch $@
