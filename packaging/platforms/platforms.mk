# The part of the Makefile that is about every platform, from one Linux machine. README.md has the table of what was tried.
.PHONY: dist-all dist-tools type-check link-macos platforms-table

# Names of packaging/platforms/targets.json.
TARGETS ?= $(shell $(PYTHON) packaging/platforms/target --list)
# What is compiled for each, in one run of cargo.
DISTRIBUTED_CRATES := $(addprefix secondme-avatar-,python node ffi emulator)
ALL := dist/natives
ALL_VERSION = $(PROJECT_VERSION)

# A target is compiled, packed and installed where it is meant to run; `TARGETS=` names some. What is there already is not
# compiled again.
dist-all: dist-tools zig $(NODE_MODULES) $(NODE_BOTS_BESIDE) ## the packages for all platforms that this machine can build, each tried: make dist-all [TARGETS=linux-arm64-gnu]
	@[ "$$(uname -s)-$$(uname -m)" = Linux-x86_64 ] || { echo "make dist-all is for Linux on x86-64: elsewhere, make dist"; exit 1; }
	npm run --silent --prefix node build
	@for name in feishu dingtalk; do npm run --silent --prefix node/chat-adapter-$$name build || exit 1; done
	@mkdir -p dist
	@for target in $(TARGETS); do .ci/part $(MAKE) --no-print-directory dist-build-$$target || exit 1; done
	node node/tools/pack.mjs users dist
	@! [ -d $(ALL)/avatar ] || .ci/part $(MAKE) --no-print-directory dist-jar
	@$(call check-artefacts,python,dist/secondme_avatar-*.whl)
	@$(call check-artefacts,emulator,dist/secondme_avatar_emulator-*.whl dist/secondme-avatar-emulator-*-*.tgz)
	@$(call check-artefacts,node,dist/secondme-avatar-node-*.tgz)
	@$(call check-artefacts,none,$$(ls dist/secondme-avatar-[0-9]*.tgz dist/secondme-avatar-emulator-[0-9]*.tgz dist/secondme-chat-adapter-*.tgz dist/secondme-avatar-widget-*.tgz))
	@$(PYTHON) packaging/platforms/floor dist/*.whl dist/secondme-avatar-node-*.tgz dist/secondme-avatar-emulator-*-*.tgz
	@for target in $(TARGETS); do .ci/part $(MAKE) --no-print-directory dist-try-$$target || exit 1; done
	@$(MAKE) --no-print-directory platforms-table

# Compiles a target and packs its wheels, its npm packages and its library for the jar.
dist-build-%: zig
	@rm -f dist/secondme_avatar*-$(ALL_VERSION)-*-$(call target-field,$*,wheel).whl dist/secondme-avatar-*-$*-$(ALL_VERSION).tgz
	built=$$($(WITH_ZIG) packaging/platforms/build $* dist $(DISTRIBUTED_CRATES)) && \
		$(WITH_ZIG) $(PYTHON) packaging/platforms/wheels $* "$$built" dist && \
		node node/tools/pack.mjs platform $* "$$built" dist && \
		packaging/platforms/natives $* "$$built" $(ALL)

dist-try-%:
	$(WITH_ZIG) $(PYTHON) packaging/platforms/try $* dist

target-field = $(shell $(PYTHON) packaging/platforms/target $(1) $(2))

# Maven's artefacts, with the library and the emulator of every system that JNA knows and that was built.
.PHONY: dist-jar
dist-jar: kotlin-tools
	@[ -d $(ALL)/avatar ] || { echo "no target was built for which JNA has a library: there is no jar"; exit 1; }
	@rm -rf $(KOTLIN_NATIVES)
	@$(call lay-natives,$(ALL))
	$(lay-artefacts)
	packaging/platforms/jar-program dist dist/java

# What this takes beside Rust, Python, Node and the JDK. Each is left where it is if it is there.
DIST_TOOLS := mmdebstrap qemu-user-static binutils gcc-mingw-w64-x86-64-win32 wine64 wine debian-archive-keyring
dist-tools: kotlin-tools
	@[ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || dpkg -s $(DIST_TOOLS) >/dev/null 2>&1 || { apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(DIST_TOOLS); } >/dev/null
	@for tool in mmdebstrap readelf x86_64-w64-mingw32-gcc wine; do \
		$(call with,$$tool,make dist-all cannot do without it (as root on Debian it is installed)) true; done

type-check: ## what Rust would compile for Android, iOS and Windows (msvc), with warnings as errors: make type-check [SYSTEMS=android]
	PYTHON=$(PYTHON) packaging/platforms/type-check $(SYSTEMS)

link-macos: zig ## what is handed out, linked for macOS against the names of Apple's frameworks, and thrown away
	$(WITH_ZIG) python3 packaging/platforms/link-macos

platforms-table: ## README's tables of what was tried, written anew from the records
	@$(PYTHON) packaging/platforms/table

EVERY_NODE := packaging/platforms/runtimes/node_modules/.package-lock.json
$(EVERY_NODE): packaging/platforms/runtimes/package-lock.json
	npm ci --prefix packaging/platforms/runtimes --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# What `make dist` or `make dist-all` has left in dist/.
.PHONY: matrix
matrix: dist-tools $(EVERY_NODE) $(NODE_RUNTIMES) ## the READMEs' programs on every CPython, Node, Bun, Deno and JDK that can be had: make matrix [RUNTIMES=node]
	$(PYTHON) packaging/platforms/matrix dist $(RUNTIMES)
	@$(MAKE) --no-print-directory platforms-table
