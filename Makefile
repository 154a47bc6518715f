# Lakegate. `make` alone tells what there is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lakegate
CARGO_TARGET_DIR ?= $(CACHE)/target
export CARGO_TARGET_DIR

PYTHON ?= python3
LAKEGATE := $(CARGO_TARGET_DIR)/debug/lakegate
VENV_DEMO := $(CACHE)/venv-demo
VENV_BENCH := $(CACHE)/venv-bench
VENV_PEERS := $(CACHE)/venv-peers
VENV_IMAGES := $(CACHE)/venv-images

# What the user may choose.
EXECUTORS ?=
DEMO_ONCE ?=
LAKE_ONCE ?=
SF ?= 1
ONLY ?=
RUNS ?= 3

.PHONY: help
help:
	@echo "Lakegate: SQL on data that already lies somewhere, over Arrow Flight SQL"
	@echo
	@echo "  make demo                 build, start a server on three million real flights, ask it, stay up"
	@echo "  make demo EXECUTORS=2     the same on a fleet: one server, two executors"
	@echo "  make demo DEMO_ONCE=1     the same, then stop (for scripts)"
	@echo "  make lake                 the whole picture: server, two executors, PostgreSQL, MinIO with the flights; LAKE_ONCE=1"
	@echo "  make test                 install what the tests need, run all of them"
	@echo "  make lint                 formatting, clippy, dependency arrows, documents"
	@echo "  make bench                TPC-H beside DuckDB and DataFusion; answers are checked first"
	@echo "                            SF=0.1  ONLY=q1,q5,select1,fetch,write,idle  RUNS=5  EXECUTORS=2"
	@echo "  make bench-lake           deleted rows, objects in MinIO, a table of 100,000 files"
	@echo "                            SF=10  ONLY=deleted,objects,files  RUNS=5"
	@echo "  make build                the binary, $(LAKEGATE)"
	@echo "  make fmt                  format the Rust code"
	@echo
	@echo "First time here? README.md, then make demo. Changing something? CONTRIBUTING.md."

# The whole workspace is built, not only the binary's package: cargo then picks the same library features for the
# binary, the tests and clippy, and compiles each library once.
.PHONY: build
build:
	@demo/build-progress "the lakegate binary" cargo build --workspace

.PHONY: demo
demo: build $(VENV_DEMO)/.requirements
	@LAKEGATE=$(LAKEGATE) $(VENV_DEMO)/bin/python -m demo.run \
		$(if $(EXECUTORS),--executors $(EXECUTORS)) $(if $(filter-out 0,$(DEMO_ONCE)),--once)

.PHONY: lake
lake: build $(VENV_DEMO)/.requirements
	@tests/lake/setup.sh minio
	@LAKEGATE=$(LAKEGATE) $(VENV_DEMO)/bin/python -m demo.lake $(if $(filter-out 0,$(LAKE_ONCE)),--once)

.PHONY: bench
bench: build $(VENV_BENCH)/.requirements $(VENV_PEERS)/.requirements
	@LAKEGATE=$(LAKEGATE) $(VENV_BENCH)/bin/python -m benchmarks.run --cache $(CACHE) --scale $(SF) --runs $(RUNS) \
		--executors $(or $(EXECUTORS),2) --sail $(VENV_PEERS)/bin/sail $(if $(ONLY),--only $(ONLY))

.PHONY: bench-lake
bench-lake: build test-lake-setup $(VENV_BENCH)/.requirements
	@LAKEGATE=$(LAKEGATE) $(VENV_BENCH)/bin/python -m benchmarks.lake --cache $(CACHE) --scale $(SF) --runs $(RUNS) \
		--executors $(or $(EXECUTORS),2) $(if $(ONLY),--only $(ONLY))

.PHONY: test
test: build test-python test-clients-setup test-lake-setup
	@demo/build-progress "the tests" cargo test --workspace --no-run
	cargo test --workspace
	@$(MAKE) --no-print-directory demo DEMO_ONCE=1
	@$(MAKE) --no-print-directory demo DEMO_ONCE=1 EXECUTORS=2
	@$(MAKE) --no-print-directory lake LAKE_ONCE=1

.PHONY: test-python
test-python: $(VENV_BENCH)/.requirements
	$(VENV_BENCH)/bin/python -m unittest --quiet benchmarks.test_compare
	.ci/check-arrows --self-test

.PHONY: test-clients-setup
test-clients-setup:
	tests/clients/setup.sh

.PHONY: test-lake-setup
test-lake-setup:
	tests/lake/setup.sh

.PHONY: lint
lint: $(VENV_IMAGES)/.requirements
	cargo fmt --all --check
	.ci/check-arrows --self-test
	.ci/check-arrows
	.ci/check-docs
	$(VENV_IMAGES)/bin/python .ci/check-images
	@demo/build-progress "what clippy needs" cargo clippy --workspace --all-targets -- -D warnings

.PHONY: fmt
fmt:
	cargo fmt --all

$(VENV_DEMO)/.requirements: demo/requirements.txt .ci/venv
	@PYTHON=$(PYTHON) .ci/venv $(VENV_DEMO) demo/requirements.txt
	@touch $@

$(VENV_IMAGES)/.requirements: .ci/images-requirements.txt .ci/venv
	@PYTHON=$(PYTHON) .ci/venv $(VENV_IMAGES) .ci/images-requirements.txt
	@touch $@

$(VENV_BENCH)/.requirements: benchmarks/requirements.txt .ci/venv
	@PYTHON=$(PYTHON) .ci/venv $(VENV_BENCH) benchmarks/requirements.txt
	@touch $@

# Peers that are servers of their own; tests do not need them.
$(VENV_PEERS)/.requirements: benchmarks/peers.txt .ci/venv
	@PYTHON=$(PYTHON) .ci/venv $(VENV_PEERS) benchmarks/peers.txt
	@touch $@
