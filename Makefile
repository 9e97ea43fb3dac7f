# inventory_stream: the commands a user or a developer types. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEPLOY_VENV := .venv-deploy
DEPLOY_READY := $(DEPLOY_VENV)/.ready
MUTATION_VENV := .venv-mutation
MUTATION_READY := $(MUTATION_VENV)/.ready
PACKAGES := inventory_stream agents models tests benchmarks setup.py

.DEFAULT_GOAL := help
.PHONY: help demo test check fmt lint type imports test-unit test-compiled test-integration wheel-compiled check-deploy k8s-rules screenshots fuzz schemathesis mutation up sim soak bench bench-ratio bench-gateway bench-channels lock lock-image clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## set up and run everything on real till data: a flash sale, killed workers, three channels, nothing oversold
	$(BIN)/inventory-stream demo

test: check test-compiled test-integration check-deploy bench-ratio ## set up and pass every check and test

check: fmt lint type imports test-unit ## the quick ones: no Kafka, no Redis

fmt: $(READY) ## formatting is as ruff writes it
	$(BIN)/ruff format --check --quiet $(PACKAGES)

lint: $(READY) ## ruff, all rules
	$(BIN)/ruff check --quiet $(PACKAGES)

type: $(READY) ## mypy, strict, tests and benchmarks too
	$(BIN)/mypy

imports: $(READY) ## the layers of pyproject.toml hold
	$(BIN)/lint-imports

test-unit: $(READY) ## ledger tables, model, bad input, flows on fakes
	$(BIN)/pytest -q -n 2 tests/unit tests/contract tests/fuzz tests/verification tests/simulation -m "not broker and not redis"

test-compiled: $(READY) ## the ledger's tests on the ledger compiled by mypyc (docs/compiled.md); needs a C compiler
	$(BIN)/python -m tests.compiled

test-integration: $(READY) ## real Kafka, real Redis, kill -9
	$(BIN)/pytest -q -m "broker or redis" tests

screenshots: $(READY) ## the pictures of docs/http/storefront.md, by the browser test that takes them
	SCREENSHOTS=docs/http/images $(BIN)/pytest -q tests/browser

# An environment of its own: these tools and the product want different versions of the same packages.
$(DEPLOY_READY): k8s/checks.lock
	$(PYTHON) -m venv $(DEPLOY_VENV)
	$(DEPLOY_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r k8s/checks.lock
	@touch $@

check-deploy: $(DEPLOY_READY) ## lint and schemas of the Dockerfile, compose and k8s/ (the latter needs kustomize)
	k8s/check $(DEPLOY_VENV)/bin

k8s-rules: ## write the alarms of ops/alerts.yml as Kubernetes wants them
	{ cat k8s/components/monitoring/rule-head.yaml; sed 's/^./  &/' ops/alerts.yml; } \
	  >k8s/components/monitoring/prometheus-rule.yaml

fuzz: $(READY) ## bad input of every kind into the ledger, and what became of it: INPUTS=1000000 SEED=1
	$(BIN)/python -m tests.fuzz --inputs $(or $(INPUTS),1000000) --seed $(or $(SEED),1)

schemathesis: $(READY) ## requests of every kind made up from the OpenAPI document: EXAMPLES=50, URL= and KEY_FILE= of a gateway that runs
	$(BIN)/python -m tests.contract.openapi_trial --examples $(or $(EXAMPLES),50) $(if $(URL),--url $(URL) --key-file $(KEY_FILE))

$(MUTATION_READY): tests/mutation/tools.lock
	$(PYTHON) -m venv $(MUTATION_VENV)
	$(MUTATION_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/mutation/tools.lock
	@touch $@

mutation: $(MUTATION_READY) ## is a bug in the ledger seen by its tables? One module at a time: MODULES="reserve orders" (hours for all)
	for module in $(or $(MODULES),reserve); do \
	  nice $(MUTATION_VENV)/bin/mutmut run --max-children 1 "inventory_stream.ledger.$$module.*" || exit 1; \
	done
	$(MUTATION_VENV)/bin/mutmut results

up: $(READY) ## Kafka and Valkey on this machine, until Ctrl-C
	$(BIN)/python -m inventory_stream.devservers

sim: $(READY) ## one partition in virtual time: SEED=123 tells a seed's story, SEEDS=2000 runs many (docs/simulation.md)
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED) $(if $(CRASH),--crash $(CRASH)),$(if $(MUTANTS),--mutants,--seeds $(or $(SEEDS),1000)))

wheel-compiled: $(READY) ## a wheel of this platform with the ledger compiled, into dist/
	INVENTORY_STREAM_COMPILE=1 $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

soak: $(READY) ## half an hour of orders, memory watched: MINUTES=30 RATE=5000 (20 GB of disk; not in CI)
	$(BIN)/python -m tests.e2e.soak --minutes $(or $(MINUTES),30) --rate $(or $(RATE),5000)

bench: $(READY) ## the figures of the README and their charts in a quarter of an hour; FULL=--full for everything
	$(BIN)/inventory-stream bench $(FULL)

bench-ratio: $(READY) ## fails when the worker is slower beside the bare loop than it was (three pairs in a row below 75 %)
	$(BIN)/python -m benchmarks.ratio_gate

bench-gateway: $(READY) ## the gateway over HTTP: latency, rates, live readers; FastAPI with Redis Lua beside it
	$(BIN)/python -m benchmarks.gateway

bench-channels: $(READY) ## channels against the sandbox: row to wire, zeros through a backlog, one hot SKU; FULL=--full
	$(BIN)/python -m benchmarks.channels $(FULL)

lock: ## pin every dependency again (needs uv); the lock holds hashes and no download address
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header --all-extras \
	  --no-emit-package pandas --upgrade pyproject.toml -o requirements.lock
	$(MAKE) lock-image
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --upgrade k8s/checks.in -o k8s/checks.lock
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --upgrade tests/mutation/tools.in -o tests/mutation/tools.lock
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --upgrade benchmarks/peers/quix.in -o benchmarks/peers/quix.lock

lock-image: ## pin what the image has: of requirements.lock what the program needs, and what builds it
	echo 'setuptools>=77' | uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --constraint requirements.lock pyproject.toml - -o requirements-runtime.lock

clean: ## remove what these commands made here
	rm -rf $(VENV) $(DEPLOY_VENV) $(MUTATION_VENV) .run mutants build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
