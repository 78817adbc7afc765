# The part of the Makefile that is about the emulator's console.

CONSOLE := emulator/console
CONSOLE_MODULES := $(CONSOLE)/node_modules/.package-lock.json

.PHONY: console-build console-check console-checked test-console console-test bench-console chromium
console-build: $(CONSOLE_MODULES) ## the emulator's console, from emulator/console into its dist/
	@npm run --silent --prefix $(CONSOLE) build

console-check: ## types, linter and size of the console, and is its dist/ what the sources give?
	@$(call with,npm,skipping the checks of the console (Node 20 or newer)) $(MAKE) --no-print-directory console-checked

console-checked: $(CONSOLE_MODULES)
	npm run --silent --prefix $(CONSOLE) types
	cd $(CONSOLE) && node_modules/.bin/biome check --error-on-warnings .
	node $(CONSOLE)/tools/check.mjs

test-console: chromium
	@$(call with,npm,skipping the tests of the console (Node 20 or newer)) \
		$(call with,chromium,skipping the tests of the console (as root it is installed; Debian: apt-get install chromium)) \
		$(MAKE) --no-print-directory console-test

# What the console copies as scenarios is played by Node's runner.
console-test: $(CONSOLE_MODULES) node-build
	SECONDME_AVATAR_EMULATOR="$(abspath $(or $(CARGO_TARGET_DIR),target))/debug/secondme-avatar-emulator" \
		node --test --test-reporter=dot $(CONSOLE)/tests/*.test.mjs

# No figure of these is asserted anywhere: they are the machine's as much as the page's.
bench-console: chromium $(CONSOLE_MODULES) ## first paint, long tasks and scrolling of the console, in Chromium
	$(CARGO) build --quiet --release --package secondme-avatar-emulator
	SECONDME_AVATAR_EMULATOR="$(abspath $(or $(CARGO_TARGET_DIR),target))/release/secondme-avatar-emulator" node $(CONSOLE)/tests/bench.mjs

# A real browser, and what the commands that the console copies are tried with. Debian's, where that can be installed.
chromium:
	@command -v chromium >/dev/null && command -v curl >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium curl; } >/dev/null

# No package's install script is run: none is needed.
$(CONSOLE_MODULES): $(CONSOLE)/package-lock.json
	npm ci --prefix $(CONSOLE) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: console-pictures
# The pictures in docs/, taken anew.
console-pictures: chromium $(CONSOLE_MODULES) natives
	SECONDME_AVATAR_EMULATOR="$(abspath $(or $(CARGO_TARGET_DIR),target))/debug/secondme-avatar-emulator" node $(CONSOLE)/tests/pictures.mjs
