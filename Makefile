# AgentGateway: `make` shows what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo

.PHONY: help run test fmt fmt-check lint shape codegen codegen-check unit seed deny clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

run: ## Serve the six routing patterns of examples/ with a mock provider: no cluster, no key
	$(CARGO) run -q -p agw-cli --bin agw -- run -f examples/routing-patterns --mock

test: fmt-check lint codegen-check shape unit seed ## Everything CI checks

fmt: ## Format the code
	$(CARGO) fmt --all

fmt-check:
	$(CARGO) fmt --all --check

lint: ## Clippy, warnings are errors
	$(CARGO) clippy --workspace --all-targets -- -D warnings

shape: ## Crate edges, file and function sizes, forbidden packages
	$(CARGO) xtask lint-shape

codegen: ## Write crds/ from the Rust types
	$(CARGO) xtask codegen

codegen-check:
	$(CARGO) xtask codegen --check

unit: ## Unit, golden, property and acceptance tests
	$(CARGO) test --workspace

seed: ## The user's own scripts against `agw run`
	tests/seed/run.sh

deny: ## Licences and banned crates (needs cargo-deny)
	$(CARGO) deny check

clean:
	$(CARGO) clean
