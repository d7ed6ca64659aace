# Brinicle. `make demo` shows it at work, `make test` proves it; both install what they need.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

STEP := python3 setup/step.py
SOURCES := $(shell find src salt templates examples test -type f -not -path '*/node_modules/*' 2>/dev/null)

# The machine's node, or the one that setup put into .cache/node; asked for only by what needs it.
NODE = bin=$$(python3 setup/node.py); export PATH="$$bin:$$PATH"

.PHONY: help
help: ## This list.
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: demo
demo: dist ## Compiles a small office and applies it under real Salt, in a machine that is thrown away.
	@$(NODE)
	node dist/demo.mjs

.PHONY: test
test: setup stores ## Lint, types, goldens, unit tests, and the tests on real parts.
	@$(NODE)
	rm -rf .cache/reports
	steps=(lint types build goldens unit integration)
	$(STEP) lint -- npm run --silent lint
	$(STEP) types -- npm run --silent typecheck
	$(STEP) build -- npm run --silent build
	$(STEP) goldens -- node dist/goldens.mjs --check
	for project in unit integration; do
	  $(STEP) $$project --report $$project.json -- \
	    npx vitest run --project $$project --outputFile.json=.cache/reports/$$project.json
	done
	python3 setup/count.py $(COUNT_OPTIONS) "$${steps[@]}"

.PHONY: test-long
test-long: setup ## What takes too long for every change: Salt 3007.
	@$(NODE)
	rm -rf .cache/reports
	export LONG=1
	$(STEP) long --report long.json -- \
	  npx vitest run --project long --passWithNoTests --outputFile.json=.cache/reports/long.json
	python3 setup/count.py long

.PHONY: test-cloud
test-cloud: setup ## The contract of stores on a real bucket: docs/stores.md, "Trying a bucket".
	@$(NODE)
	rm -rf .cache/reports
	export CLOUD=1
	$(STEP) cloud --report cloud.json -- \
	  npx vitest run --project cloud --outputFile.json=.cache/reports/cloud.json
	python3 setup/count.py cloud

.PHONY: bench
bench: dist ## The figures of BENCHMARKS.md.
	@$(NODE)
	node dist/bench.mjs

.PHONY: setup
setup: node_modules/.stamp ## Node, npm packages, debootstrap.
	@python3 setup/machine.py

.PHONY: stores
stores: ## Servers of other people's that speak as the stores of ice do, for the tests.
	@python3 setup/stores.py

.PHONY: clean
clean: ## Removes all that was built or fetched, but not node_modules.
	rm -rf dist .cache

# The stamp lies where npm removes it when it starts anew.
node_modules/.stamp: package-lock.json
	@$(NODE)
	# npm 11 refuses a lock that lacks packages of other platforms, which no machine here would install.
	npx --yes npm@10 ci --ignore-scripts
	touch $@

dist: setup build.mjs build-options.mjs $(SOURCES)
	@$(NODE)
	npm run --silent build
	touch $@
