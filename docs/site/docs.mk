# The part of the Makefile that is about the docs site: the repository's pages, laid out by Sphinx, with the API
# references beside them.

DOCS := docs/site
DOCS_VENV := $(TOOLS)/docs
DOCS_OUT := dist/docs
DOCS_WORK := $(BUILT)/docs
DOCS_API := $(DOCS_WORK)/api
DOCS_TYPEDOC := $(DOCS)/typedoc/node_modules/.package-lock.json
# Which references are built: make docs API=none, or API="rust python".
API ?= rust python node kotlin java swift
# Where the site will be, with a slash at its end: llms.txt then has whole addresses.
URL ?=
# They are linted with those of packaging/.
PACKAGING_SCRIPTS += $(DOCS)/docsite $(DOCS)/conf.py

.PHONY: docs lint-docs docs-check docs-site docs-checked docs-typedoc docs-docc $(addprefix docs-api-,rust python node kotlin java swift)
docs: python-there ## the docs site, in dist/docs: make docs [API=none|"rust python"] [URL=https://…/]
	@$(call PYTHON_ENOUGH,the docs site) $(MAKE) --no-print-directory docs-site

docs-site: $(DOCS_VENV)/ready
	@rm -rf $(DOCS_API) && mkdir -p $(DOCS_API)
	@$(foreach language,$(filter-out none,$(API)),$(call docs-reference,$(language),$(DOCS_NEEDS_$(language)));)
	@PYTHONPATH=$(DOCS) $(DOCS_VENV)/bin/python -m docsite --out $(DOCS_OUT) --api $(DOCS_API) --work $(DOCS_WORK) --url "$(URL)"

# A reference whose tool is not there is left out, which its table on the site says; never in CI.
DOCS_NEEDS_rust := $(CARGO)
DOCS_NEEDS_python := $(PYTHON)
DOCS_NEEDS_node := npm
DOCS_NEEDS_kotlin := mvn
DOCS_NEEDS_java := mvn
DOCS_NEEDS_swift := bash
docs-reference = if command -v $(2) >/dev/null; then $(MAKE) --no-print-directory docs-api-$(1) || exit 1; \
	else echo "$(2) was not on the machine that built this" | tee $(DOCS_API)/$(1).why; [ "$(CI)" != true ] || exit 1; fi

# What is compiled is that of the tests; the pages alone are written elsewhere.
docs-api-rust:
	@CARGO_BUILD_BUILD_DIR=$(BUILT) CARGO_TARGET_DIR=$(DOCS_WORK)/rustdoc RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --no-deps \
		--package secondme-avatar --package secondme-avatar-protocol --package secondme-avatar-emulator
	@rm -rf $(DOCS_API)/rust && cp -R $(DOCS_WORK)/rustdoc/doc $(DOCS_API)/rust && rm -f $(DOCS_API)/rust/.lock

docs-api-python: python-module
	@PYTHONPATH=python $(DOCS_VENV)/bin/pdoc --docformat restructuredtext --output-directory $(DOCS_API)/python \
		secondme_avatar $(addprefix secondme_avatar.,sync testing bridge desk web fastapi)

docs-api-node: docs-typedoc
docs-typedoc: $(NODE_MODULES) $(DOCS_TYPEDOC)
	@$(DOCS)/typedoc/node_modules/.bin/typedoc --logLevel Warn --options $(DOCS)/typedoc/typedoc.json --out $(abspath $(DOCS_API))/node

docs-api-kotlin: kotlin-tools
	@$(MVN) --quiet -Pdist --file $(KOTLIN) --projects avatar org.jetbrains.dokka:dokka-maven-plugin:2.0.0:dokka
	@cp -R $(KOTLIN)/avatar/target/dokka $(DOCS_API)/kotlin

# What it is made of is Kotlin's too, which is compiled first.
docs-api-java: kotlin-tools
	@$(MVN) --quiet -Pdist -Dnatives=none --file $(KOTLIN) --projects ../java --also-make -DskipTests prepare-package
	@cp -R bindings/java/target/javadoc $(DOCS_API)/java

# Its pages are made for one address; then they are made good at any.
DOCC := .build/docc
docs-api-swift:
	@$(SWIFT)/toolchain --install || { [ $$? = 77 ] && echo "there was no Swift 6 on the machine that built this" >$(DOCS_API)/swift.why; exit; }; \
		$(MAKE) --no-print-directory docs-docc

docs-docc:
	@cd $(SWIFT) && rm -rf $(DOCC) && mkdir -p $(DOCC)/symbols .build/docs && \
		./toolchain swift build --quiet --target SecondMeAvatar --scratch-path .build/docs \
			-Xswiftc -emit-symbol-graph -Xswiftc -emit-symbol-graph-dir -Xswiftc $(CURDIR)/$(SWIFT)/.build/docs && \
		cp .build/docs/SecondMeAvatar.symbols.json $(DOCC)/symbols/ && \
		./toolchain $(DOCS_DOCC) convert --additional-symbol-graph-dir $(DOCC)/symbols --diagnostic-level error \
			--fallback-display-name SecondMeAvatar --fallback-bundle-identifier me.secondme.avatar \
			--transform-for-static-hosting --hosting-base-path SITE --output-path $(DOCC)/out
	@cp -R $(SWIFT)/$(DOCC)/out $(DOCS_API)/swift
	@PYTHONPATH=$(DOCS) $(DOCS_VENV)/bin/python -m docsite.docc $(DOCS_API)/swift

# On Apple's systems it is Xcode's; Debian has it, and the pages that it fills, beside its swiftc.
DOCS_DOCC = $(if $(filter Darwin,$(SYSTEM)),xcrun docc,env DOCC_HTML_DIR=/usr/libexec/swift/share/docc/render /usr/libexec/swift/bin/docc)

lint-docs: python-there ## every page has its place on the docs site, and their links and programs are there
	@$(call PYTHON_ENOUGH,the links between the pages) PYTHONPATH=$(DOCS) PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m docsite.check

# In Chromium: both widths, both colours, the search, axe, and no error.
docs-check: chromium ## the site of `make docs` in Chromium: make docs-check [PICTURES=folder]
	@$(call with,npm,skipping the checks of the docs site (Node 20 or newer)) \
		$(call with,chromium,skipping the checks of the docs site (as root it is installed; Debian: apt-get install chromium)) \
		$(MAKE) --no-print-directory docs-checked

docs-checked: $(WIDGET_BROWSER_MODULES)
	@[ -f $(DOCS_OUT)/index.html ] || { echo "there is no site yet: make docs API=none"; exit 1; }
	@ln -sfn ../../../node/widget/test/browser/node_modules $(DOCS)/check/node_modules
	@PICTURES="$(PICTURES)" NO_PROXY=127.0.0.1,localhost node $(DOCS)/check/check.mjs $(DOCS_OUT)

# No package's install script is run: none is needed.
$(DOCS_TYPEDOC): $(DOCS)/typedoc/package-lock.json
	npm ci --prefix $(DOCS)/typedoc --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(DOCS_VENV)/ready: $(DOCS)/requirements.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@
