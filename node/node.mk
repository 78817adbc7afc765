# The part of the Makefile that is about this language.

NODE_MODULES := node/node_modules/.package-lock.json
# Bun and Deno, for the tests.
NODE_RUNTIMES := node/test/runtimes/node_modules/.package-lock.json
NODE_BENCH := benchmarks/node/node_modules/.package-lock.json
# How many workers are terminated with live conversations; 100 is the bar for a release.
RUNS ?= 20

.PHONY: test-node dist-node bench-node lint-node node-test node-build node-dist node-bench node-lint
test-node:
	@$(call with,npm,skipping the tests of the Node package (Node 20 or newer)) $(MAKE) --no-print-directory node-test

dist-node:
	@$(call with,npm,skipping the npm packages (Node 20 or newer)) $(MAKE) --no-print-directory node-dist

bench-node:
	@$(call with,npm,skipping the figures of the Node package (Node 20 or newer)) $(MAKE) --no-print-directory node-bench

lint-node:
	@$(call with,npm,skipping the linter of the Node package (Node 20 or newer)) $(MAKE) --no-print-directory node-lint

node-build: $(NODE_MODULES) natives
	node node/tools/addon.mjs $(or $(CARGO_TARGET_DIR),target)/debug
	npm run --silent --prefix node build

node-test: node-build $(NODE_RUNTIMES)
	@# The examples find the package as a program of a user's would.
	@mkdir -p examples/node/node_modules && ln -sfn ../../../node examples/node/node_modules/secondme-avatar
	SECONDME_AVATAR_EMULATOR="$(abspath $(or $(CARGO_TARGET_DIR),target))/debug/secondme-avatar-emulator" RUNS=$(RUNS) \
		npm test --silent --prefix node

node-dist: $(NODE_MODULES)
	@# Each for itself: what one of them asks of a crate they share does not get into the other.
	$(DISTRIBUTED) $(CARGO) build --quiet --locked --profile dist --package secondme-avatar-node
	$(DISTRIBUTED) $(CARGO) build --quiet --locked --profile dist --package secondme-avatar-emulator
	npm run --silent --prefix node build
	@# OTHERS is the folder of the packages of other platforms, where there are some.
	node node/tools/pack.mjs $(or $(CARGO_TARGET_DIR),target)/dist dist $(OTHERS)
	node node/tools/check-packages.mjs dist $(OTHERS)
	@$(call check-artefacts,node,dist/secondme-avatar-node-*.tgz)
	@$(call check-artefacts,emulator,dist/secondme-avatar-emulator-*-*.tgz)
	@$(call check-artefacts,none,$$(ls dist/secondme-avatar-[0-9]*.tgz dist/secondme-avatar-emulator-[0-9]*.tgz))

# What is handed out is what is measured. The next `make test-node` puts its own build back.
node-bench: $(NODE_MODULES) $(NODE_BENCH)
	$(CARGO) build --quiet --release --package secondme-avatar-benchmarks --package secondme-avatar-emulator
	$(DISTRIBUTED) $(CARGO) build --quiet --locked --profile dist --package secondme-avatar-node
	npm run --silent --prefix node build
	node node/tools/addon.mjs $(or $(CARGO_TARGET_DIR),target)/dist
	@ln -sfn ../../../node benchmarks/node/node_modules/secondme-avatar
	node benchmarks/node/main.js

node-lint: $(NODE_MODULES)
	@for folder in node examples/node benchmarks/node; do \
		(cd $$folder && "$(CURDIR)"/node/node_modules/.bin/biome check --error-on-warnings --config-path="$(CURDIR)"/node .) || exit 1; \
	done

# No package's install script is run: none is needed.
$(NODE_MODULES) $(NODE_RUNTIMES) $(NODE_BENCH): %/node_modules/.package-lock.json: %/package-lock.json
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
