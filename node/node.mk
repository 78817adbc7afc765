# The part of the Makefile that is about this language.

NODE_MODULES := node/node_modules/.package-lock.json
# Bun and Deno, for the tests.
NODE_RUNTIMES := node/test/runtimes/node_modules/.package-lock.json
# The AI SDK, for the tests.
NODE_AI := node/test/ai/node_modules/.package-lock.json
# Web frameworks, for the tests of the website widget's server part.
NODE_FRAMEWORKS := node/test/frameworks/node_modules/.package-lock.json
# The bots of examples/bots, and what is beside them: the fakes of their platforms, and adapters (see platforms.mk).
NODE_BOTS := examples/bots/node_modules/.package-lock.json
NODE_BOTS_BESIDE := $(patsubst %,%/node_modules/.package-lock.json,examples/platforms node/chat-adapter-feishu node/chat-adapter-dingtalk)
NODE_BENCH := benchmarks/node/node_modules/.package-lock.json
# How many workers are terminated with live conversations; 100 is the bar for a release.
RUNS ?= 20

.PHONY: test-node dist-node bench-node lint-node node-test node-build node-dist node-bench node-lint
test-node: redis-server
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

node-test: nginx node-build node-bots $(NODE_RUNTIMES) $(NODE_AI) $(NODE_FRAMEWORKS)
	@# The examples find the package as a program of a user's would.
	@mkdir -p examples/node/node_modules && ln -sfn ../../../node examples/node/node_modules/secondme-avatar
	SECONDME_AVATAR_EMULATOR="$(abspath $(or $(CARGO_TARGET_DIR),target))/debug/secondme-avatar-emulator" RUNS=$(RUNS) \
		npm test --silent --prefix node

.PHONY: node-bots
node-bots: $(NODE_BOTS) $(NODE_BOTS_BESIDE)
	@ln -sfn ../../../node examples/bots/node_modules/secondme-avatar
	@for name in feishu dingtalk; do \
		npm run --silent --prefix node/chat-adapter-$$name build || exit 1; \
		ln -sfn ../../../node/chat-adapter-$$name examples/bots/node_modules/secondme-chat-adapter-$$name; \
	done

# A bot against the emulator and a fake of its platform; prints what people see. COMMAND is another bot than Node's, and
# PICTURE=FILE takes a picture of the fake's page.
.PHONY: bot-slack bot-telegram bot-feishu bot-dingtalk
bot-slack bot-telegram bot-feishu bot-dingtalk: bot-%: node-build node-bots
	@SECONDME_AVATAR_EMULATOR="$(abspath $(or $(CARGO_TARGET_DIR),target))/debug/secondme-avatar-emulator" \
		node examples/bots/play.mjs $* $(COMMAND)

# All bots, in Node and in Python; ONLY names platforms. It takes about a quarter of an hour.
.PHONY: bars
bars: node-build node-bots python-module $(PYTHON_PLATFORMS)/ready ## 1,000 messages of 100 people through each bot, with faults and kills: make bars [BARS=100x10] [ONLY=slack,feishu]
	@rm -f $(BARS_FIGURES)
	@$(BARS_ENV) $(if $(ONLY),BARS_ONLY=$(ONLY)) node --test --test-reporter=dot node/test/bots-load.test.mjs
	@$(BARS_ENV) $(PYTHON_PLATFORMS)/bin/pytest --quiet --rootdir python -c python/pyproject.toml python/platforms/test_bars.py \
		-k "$(or $(subst $(COMMA), or ,$(ONLY)),test)" || [ $$? = 5 ]
	@node examples/bots/figures.mjs $(BARS_FIGURES)

COMMA := ,
BARS ?= 100x10
BARS_FIGURES = $(abspath $(or $(CARGO_TARGET_DIR),target))/bars.jsonl
BARS_ENV = BARS=$(BARS) BARS_FIGURES="$(BARS_FIGURES)" NO_PROXY=127.0.0.1 \
	SECONDME_AVATAR_EMULATOR="$(abspath $(or $(CARGO_TARGET_DIR),target))/debug/secondme-avatar-emulator"

node-dist: $(NODE_MODULES) $(NODE_BOTS_BESIDE) zig
	npm run --silent --prefix node build
	@for name in feishu dingtalk; do npm run --silent --prefix node/chat-adapter-$$name build || exit 1; done
	@rm -f dist/secondme-avatar-node-*.tgz dist/secondme-avatar-emulator-*-*.tgz
	@# Each for itself: what one of them asks of a crate they share does not get into the other.
	$(WITH_ZIG) packaging/platforms/build here dist secondme-avatar-node
	built=$$($(WITH_ZIG) packaging/platforms/build here dist secondme-avatar-emulator) && \
		node node/tools/pack.mjs platform here "$$built" dist
	@# OTHERS is the folder of the packages of other platforms, where there are some.
	node node/tools/pack.mjs users dist $(OTHERS)
	node node/tools/check-packages.mjs dist $(OTHERS)
	node node/tools/check-adapters.mjs dist
	node node/tools/check-widget.mjs dist
	@$(call check-artefacts,node,dist/secondme-avatar-node-*.tgz)
	@$(call check-artefacts,emulator,dist/secondme-avatar-emulator-*-*.tgz)
	@$(call check-floor,dist/secondme-avatar-node-*.tgz dist/secondme-avatar-emulator-*-*.tgz)
	@$(call check-artefacts,none,$$(ls dist/secondme-avatar-[0-9]*.tgz dist/secondme-avatar-emulator-[0-9]*.tgz dist/secondme-chat-adapter-*.tgz dist/secondme-avatar-widget-*.tgz))

# What is handed out is what is measured. The next `make test-node` puts its own build back.
node-bench: $(NODE_MODULES) $(NODE_BENCH) zig
	$(CARGO) build --quiet --release --package secondme-avatar-benchmarks --package secondme-avatar-emulator
	npm run --silent --prefix node build
	node node/tools/addon.mjs "$$($(WITH_ZIG) packaging/platforms/build here dist secondme-avatar-node)"
	@ln -sfn ../../../node benchmarks/node/node_modules/secondme-avatar
	node benchmarks/node/main.js $(ROWS)

node-lint: $(NODE_MODULES)
	@for folder in node examples/node examples/deploy examples/bots examples/platforms examples/widget examples/widget-react benchmarks/node benchmarks/widget cli/tests/clients docs/site/check docs/site/static; do \
		(cd $$folder && "$(CURDIR)"/node/node_modules/.bin/biome check --error-on-warnings --config-path="$(CURDIR)"/node .) || exit 1; \
	done

# No package's install script is run: none is needed.
$(NODE_MODULES) $(NODE_RUNTIMES) $(NODE_AI) $(NODE_FRAMEWORKS) $(NODE_BOTS) $(NODE_BENCH): %/node_modules/.package-lock.json: %/package-lock.json
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
