# The part of the Makefile that is about the website widget: built in node/widget, tried in a browser with the server
# part of Node and that of Python, and shown on a shop's page (examples/widget).

WIDGET := node/widget
WIDGET_MODULES := $(WIDGET)/node_modules/.package-lock.json
WIDGET_BROWSER := $(WIDGET)/test/browser
WIDGET_BROWSER_MODULES := $(WIDGET_BROWSER)/node_modules/.package-lock.json
WIDGET_EMULATOR = SECONDME_AVATAR_EMULATOR="$(abspath $(or $(CARGO_TARGET_DIR),target))/$(or $(1),debug)/secondme-avatar-emulator"
# The server part of Python is tried as well where there is a Python that is new enough, and in CI always.
WIDGET_PYTHON = if $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	$(MAKE) --no-print-directory python-module || exit 1; \
	export WIDGET_PYTHON="$(abspath $(PYTHON_VENV))/bin/python" PYTHONPATH="$(CURDIR)/python"; \
	else echo "Python 3.11 or newer is not installed: trying the widget with the server part of Node alone"; \
	[ "$(CI)" != true ] || exit 1; fi;

.PHONY: test-widget widget-test widget-build widget-check widget-checked
test-widget: chromium python-there
	@$(call with,npm,skipping the website widget (Node 20 or newer)) \
		$(call with,chromium,skipping the website widget (as root it is installed; Debian: apt-get install chromium)) \
		$(MAKE) --no-print-directory widget-test

widget-test: $(WIDGET_MODULES) widget-linked widget-react-built
	npm test --silent --prefix $(WIDGET)
	@$(WIDGET_PYTHON) $(WIDGET_EMULATOR) NO_PROXY=127.0.0.1,localhost \
		node --test --test-reporter=dot $(WIDGET_BROWSER)/*.test.mjs

# React pages on the same endpoint.
WIDGET_REACT := examples/widget-react
WIDGET_REACT_MODULES := $(WIDGET_REACT)/node_modules/.package-lock.json
.PHONY: widget-react widget-react-built
widget-react-built: $(WIDGET_REACT_MODULES)
	@ln -sfn ../../../node $(WIDGET_REACT)/node_modules/secondme-avatar
	@npm run --silent --prefix $(WIDGET_REACT) build

widget-react: widget-linked widget-react-built chromium ## useChat and assistant-ui on the widget's endpoint, in Chromium
	@$(WIDGET_EMULATOR) NO_PROXY=127.0.0.1,localhost node --test --test-reporter=spec $(WIDGET_BROWSER)/react.test.mjs

# Firefox and WebKit as Debian has them, for a release: they take 400 MB, and are no part of `make test`.
WIDGET_BROWSERS := $(WIDGET)/test/browsers
WIDGET_BROWSERS_MODULES := $(WIDGET_BROWSERS)/node_modules/.package-lock.json
.PHONY: widget-browsers
widget-browsers: widget-linked $(WIDGET_BROWSERS_MODULES) ## the widget's main scene in Firefox and WebKit: make widget-browsers [BROWSERS=firefox]
	@{ command -v firefox-esr && command -v WebKitWebDriver && command -v xvfb-run; } >/dev/null || [ "$$(id -u)" != 0 ] || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
			firefox-esr webkit2gtk-driver xvfb xauth; } >/dev/null
	@ln -sfn ../../../../../node $(WIDGET_BROWSERS)/node_modules/secondme-avatar
	@$(WIDGET_EMULATOR) NO_PROXY=127.0.0.1,localhost xvfb-run -a node $(WIDGET_BROWSERS)/scene.mjs $(BROWSERS)

# Next.js itself builds for a minute or more, so this is no part of `make test`.
.PHONY: widget-next
widget-next: widget-linked $(NODE_FRAMEWORKS) ## a site of Next.js with the widget: built for production, started, streaming
	@$(WIDGET_EMULATOR) NO_PROXY=127.0.0.1,localhost node --test --test-reporter=spec node/test/next/route.test.mjs

widget-build: $(WIDGET_MODULES) ## the website widget, from node/widget/src into its dist/
	@npm run --silent --prefix $(WIDGET) build

widget-check: ## types and sizes of the website widget, and is its dist/ what the sources give?
	@$(call with,npm,skipping the checks of the website widget (Node 20 or newer)) $(MAKE) --no-print-directory widget-checked

# No build goes before it, or what is checked in would not be looked at.
widget-checked: $(WIDGET_MODULES)
	npm run --silent --prefix $(WIDGET) check

# The servers find the packages as a program of a user's would.
.PHONY: widget-linked
widget-linked: node-build $(WIDGET_BROWSER_MODULES)
	@ln -sfn ../widget node/node_modules/secondme-avatar-widget
	@mkdir -p examples/widget/node_modules && ln -sfn ../../../node examples/widget/node_modules/secondme-avatar
	@ln -sfn ../../../../../node $(WIDGET_BROWSER)/node_modules/secondme-avatar

# The shop with the widget, and the owner's console: make widget-demo [PORT=7430] [IN=python] [PICTURE=FILE]
.PHONY: widget-demo widget-pictures
widget-demo: widget-linked ## a shop with the widget, and the owner's console beside it
	@$(WIDGET_EMULATOR) PORT=$(or $(PORT),7430) PICTURE="$(PICTURE)" node examples/widget/demo.mjs $(WIDGET_SHOP)

ifeq ($(IN),python)
widget-demo: python-module python-web-assets
widget-demo: export PYTHONPATH := $(CURDIR)/python
widget-demo: WIDGET_SHOP = $(PYTHON_VENV)/bin/python examples/widget/server.py
endif
ifdef PICTURE
widget-demo: chromium
endif

# The pictures in docs/, taken anew.
widget-pictures: chromium
	@$(MAKE) --no-print-directory widget-demo PORT=0 PICTURE=docs/

# No figure of these is asserted anywhere: they are the machine's as much as the page's.
.PHONY: bench-widget-browser
bench-widget-browser: chromium widget-linked ## first piece, long tasks and sizes of the website widget, in Chromium
	$(CARGO) build --quiet --release --package secondme-avatar-emulator
	$(call WIDGET_EMULATOR,release) NO_PROXY=127.0.0.1,localhost node benchmarks/widget/main.mjs $(ROWS)

# No package's install script is run: none is needed.
$(WIDGET_MODULES) $(WIDGET_BROWSER_MODULES) $(WIDGET_BROWSERS_MODULES) $(WIDGET_REACT_MODULES): %/node_modules/.package-lock.json: %/package-lock.json
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
