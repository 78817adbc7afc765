# Two commands do everything on a fresh machine: `make demo` and `make test`.
# CI=true turns a missing tool into a failure instead of a skip.

.PHONY: demo test lint bench fmt tools help
.DEFAULT_GOAL := help

CARGO ?= cargo
# Tools that the project installs for itself.
TOOLS := $(CURDIR)/.tools
DENY_VERSION := 0.20.2
DENY := $(TOOLS)/bin/cargo-deny

help: ## what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: ## watch a conversation with an avatar, against the built-in emulator
	@$(CARGO) run --quiet --package secondme-avatar-cli -- demo

test: ## every test of every language
	$(CARGO) test --workspace

lint: $(DENY) ## formatting, clippy, documentation, licences and bans
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet
	$(DENY) --log-level error check licenses bans sources

bench: ## the figures, each beside what is written by hand: make bench [ROW=opening|frames|memory]
	@$(CARGO) run --quiet --release --package secondme-avatar-benchmarks -- $(ROW)

fmt: ## format the sources
	$(CARGO) fmt --all

tools: $(DENY) ## install what `make lint` needs beside Rust

$(DENY):
	$(CARGO) install cargo-deny --locked --version $(DENY_VERSION) --root $(TOOLS)
