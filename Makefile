# `make` alone lists what can be made.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
FUZZ := $${CARGO_TARGET_DIR:-target}/fuzz/agw-fuzz

.PHONY: help run test fmt fmt-check lint unit acceptance codegen codegen-check shape \
        fuzz fuzz-short \
        build release soak bench bench-peers deny clean \
        image kind cluster cluster-bench cluster-down chart manifests dashboard e2e conformance

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Serve the six routing patterns with a mock provider: no cluster, no key
	@$(CARGO) run --quiet -p agw-cli --bin agw -- run -f examples/routing-patterns --mock --banner

test: fmt-check lint codegen-check shape unit fuzz-short acceptance e2e conformance chart ## Everything that must pass before a merge

fmt: ## Format the code
	$(CARGO) fmt --all

fmt-check: ## Check the format
	$(CARGO) fmt --all --check

lint: ## Clippy over everything; a warning is an error
	$(CARGO) clippy --workspace --all-targets -- -D warnings

unit: ## Tests of all crates, with those that start the real binary
	$(CARGO) test --workspace

acceptance: build ## The scripts under tests/ against the real binary
	tests/mock/run.sh
	tests/clients/run.sh
	tests/tls/run.sh
	tests/kinds/run.sh
	tests/attacks/run.sh
	tests/halfopen/run.sh
	tests/fire/run.sh
	tests/seed/run.sh
	tests/ratelimit/run.sh
	tests/chart/run.sh
	tests/dashboard/run.sh

# From one seed, so that the same change passes twice; looking further is `make fuzz`.
fuzz-short: ## Every fuzz target for a minute (FUZZ_SECONDS=60)
	@FUZZ_SEED=1 FUZZ_SECONDS=$${FUZZ_SECONDS:-60} $(MAKE) --no-print-directory fuzz

fuzz: ## Every fuzz target, or TARGET alone, for ten minutes (FUZZ_SECONDS=600), one on each processor
	$(CARGO) build --quiet --profile fuzz -p agw-fuzz
	@printf '%s\n' $${TARGET:-$$($(FUZZ) list)} | xargs -P "$$(nproc)" -I{} $(FUZZ) {} --seconds $${FUZZ_SECONDS:-600} $${FUZZ_SEED:+--seed $$FUZZ_SEED}

soak: release ## Half an hour of mixed load, watching memory and descriptors (MINUTES=30)
	tests/soak/run.sh

codegen: ## Write the generated files (crds/, docs/findings.md)
	$(CARGO) xtask codegen

codegen-check: ## Check that the generated files are what the code says
	$(CARGO) xtask codegen --check

shape: ## Check dependencies between crates and sizes of files
	$(CARGO) xtask lint-shape

build: ## Build the binary: target/debug/agw
	$(CARGO) build -p agw-cli --bin agw

release: ## Build the fast binary: target/release/agw
	AGW_GIT_SHA=$$(git rev-parse --short HEAD 2>/dev/null || true) $(CARGO) build --release -p agw-cli --bin agw

bench: release ## Measure beside nginx, Envoy and other peers, half an hour (BENCH="--rounds 1 --seconds 1 --only busy")
	$(CARGO) build --release -p agw-bench
	$${CARGO_TARGET_DIR:-target}/release/agw-bench suite --agw $${CARGO_TARGET_DIR:-target}/release/agw $(BENCH)

bench-peers: ## Install what `make bench` compares with (PEERS="nginx envoy litellm portkey")
	PEERS="$(PEERS)" crates/bench/install-peers.sh

chart: ## Check the charts and what is rendered from them
	tests/chart/run.sh

dashboard: build ## Ask each query of the dashboard of a real Prometheus
	tests/dashboard/run.sh

manifests: ## Write the installation without helm (deploy/) from the charts
	PATH="$${RIG_CACHE:-/var/cache/agentgateway-rig}/bin:$$PATH" deploy/render.sh

image: ## Build the image without Docker: target/e2e/agw.tar
	deploy/image.sh target/e2e/agw.tar "docker.io/agentgateway/agw:$$(sed -n 's/^appVersion: //p' charts/agentgateway/Chart.yaml)"

cluster: build ## A real cluster on this machine (root, Debian) with the charts and the mock, left running
	tests/e2e/cluster.sh

cluster-bench: ## How fast changes are served in that cluster, up to 5,000 routes (ROUTES=5000)
	tests/e2e/bench.sh

cluster-down: ## Remove that cluster
	tests/cluster/rig down

e2e: build ## Boot a cluster and run tests/e2e in it
	tests/e2e/run.sh

conformance: build ## The Gateway API's own tests in a cluster (RUN=TestName PROFILES=GATEWAY-HTTP,GATEWAY-GRPC UPDATE=1)
	tests/conformance/run.sh

kind: ## A cluster in Docker with the six patterns at localhost:8080
	deploy/kind.sh

deny: ## Check licences, advisories and banned crates (needs cargo-deny and a network)
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }
	cargo-deny check

clean: ## Remove what was built
	$(CARGO) clean
