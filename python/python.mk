# The part of the Makefile that is about Python.
.PHONY: test-python dist-python bench-python lint-python
.PHONY: python-web-assets python-there python-module python-tests python-platforms python-types python-pyright python-lint python-wheels python-bench

PYTHON_VENV := $(TOOLS)/python
PYTHON_DIST := $(TOOLS)/python-dist
PYTHON_BENCH := $(TOOLS)/python-bench
PYTHON_PLATFORMS := $(TOOLS)/python-platforms
PYTHON_PYRIGHT := python/tests/pyright/node_modules/.package-lock.json
PYTHON_TARGET := $(or $(CARGO_TARGET_DIR),target)
# Leaves a part out where there is no Python that is new enough, and says so; never in CI.
PYTHON_ENOUGH = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo "Python 3.11 or newer is not installed: skipping $(1)"; [ "$(CI)" != true ]; exit; };
PYTHON_WEB_ASSETS := python/secondme_avatar/web/assets
PYTHON_CONFIG := --config python/pyproject.toml
PYTHON_FOLDERS := python examples/python benchmarks/python cli/tests/clients examples/bots examples/desk examples/widget node/widget/test/browser/support

test-python: python-there redis-server
	@$(call PYTHON_ENOUGH,the tests of the Python package) $(MAKE) --no-print-directory python-tests python-platforms python-types

lint-python: python-there
	@$(call PYTHON_ENOUGH,the linter of the Python package) $(MAKE) --no-print-directory python-lint

dist-python: python-there
	@$(call PYTHON_ENOUGH,the wheels) $(MAKE) --no-print-directory python-wheels

bench-python: python-there
	@$(call PYTHON_ENOUGH,the figures of the Python package) $(MAKE) --no-print-directory python-bench

# Debian's, where there is none and one can be installed.
python-there:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3 python3-venv; } >/dev/null

python-tests: python-module
	$(PYTHON_VENV)/bin/pytest --quiet --rootdir python -c python/pyproject.toml python/tests examples/python

# The outlets of the bridge with the platforms' own packages, which are large: in an environment of their own. The
# platforms are those of examples/platforms, which run in Node.
python-platforms: python-module $(PYTHON_PLATFORMS)/ready
	@$(call with,npm,skipping the bots in Python (Node 20 or newer)) $(MAKE) --no-print-directory $(PLATFORMS) && \
		$(PYTHON_PLATFORMS)/bin/pytest --quiet --rootdir python -c python/pyproject.toml python/platforms

# `make bot-slack IN=python`: the same scene with the bot in Python.
ifeq ($(IN),python)
bot-slack bot-feishu bot-dingtalk: python-module $(PYTHON_PLATFORMS)/ready
bot-slack bot-feishu bot-dingtalk: export PYTHONPATH := $(CURDIR)/python
bot-slack bot-feishu bot-dingtalk: COMMAND = $(PYTHON_PLATFORMS)/bin/python examples/bots/$(@:bot-%=%)/bot.py
endif

# The widget's scripts, which the wheel has too: those that node/widget has built, and the notices of what is in them.
python-web-assets:
	@mkdir -p $(PYTHON_WEB_ASSETS) && rm -f $(PYTHON_WEB_ASSETS)/*
	@cp node/widget/dist/*.js node/widget/dist/*.json node/widget/dist/THIRD-PARTY-NOTICES.txt $(PYTHON_WEB_ASSETS)/

# The stubs against the module, the package and its users against the stubs.
python-types: python-module
	cd python && $(PYTHON_VENV)/bin/mypy
	cd python && PYTHONPATH=. MYPYPATH=. $(PYTHON_VENV)/bin/stubtest --allowlist tests/stubtest.txt secondme_avatar
	@$(call with,npm,skipping pyright) $(MAKE) --no-print-directory python-pyright

python-pyright: $(PYTHON_PYRIGHT) $(PYTHON_VENV)/ready
	python/tests/pyright/node_modules/.bin/pyright --project python/pyrightconfig.json

python-lint: $(PYTHON_VENV)/ready
	$(PYTHON_VENV)/bin/ruff format --quiet --check $(PYTHON_CONFIG) $(PYTHON_FOLDERS)
	$(PYTHON_VENV)/bin/ruff check --quiet $(PYTHON_CONFIG) $(PYTHON_FOLDERS)
	$(PYTHON_VENV)/bin/ruff format --quiet --check $(PYTHON_CONFIG) $(PACKAGING_SCRIPTS)
	$(PYTHON_VENV)/bin/ruff check --quiet $(PYTHON_CONFIG) --target-version py311 $(PACKAGING_SCRIPTS)

# The native module, beside the package: what pip does with the wheel, without making one.
python-module: $(PYTHON_VENV)/ready natives
	@$(call PYTHON_LAY,debug,python/secondme_avatar)

PYTHON_LAY = for built in $(PYTHON_TARGET)/$(1)/libsecondme_avatar_native.so $(PYTHON_TARGET)/$(1)/libsecondme_avatar_native.dylib; do \
	if [ -e $$built ]; then cp $$built $(2)/_native.$$$$.new && mv $(2)/_native.$$$$.new $(2)/_native.abi3.so; fi; done

# Both wheels, for a glibc of 2014 where that can be linked, and tried as a stranger would: in a fresh
# environment, with nothing of this tree.
python-wheels: $(PYTHON_DIST)/ready
	PATH="$(PYTHON_DIST)/bin:$$PATH" python/make-wheels dist
	$(PYTHON) python/try-wheels dist
	@$(call check-artefacts,python,dist/secondme_avatar-*.whl)
	@$(call check-artefacts,emulator,dist/secondme_avatar_emulator-*.whl)
	@$(call check-floor,dist/*.whl)

python-bench: $(PYTHON_BENCH)/ready python-module
	$(CARGO) build --quiet --release --package secondme-avatar-benchmarks --package secondme-avatar-emulator --package secondme-avatar-python
	@mkdir -p $(PYTHON_BENCH)/package && rm -rf $(PYTHON_BENCH)/package/secondme_avatar
	@cp -R python/secondme_avatar $(PYTHON_BENCH)/package/ && rm -f $(PYTHON_BENCH)/package/secondme_avatar/_native.abi3.so
	@$(call PYTHON_LAY,release,$(PYTHON_BENCH)/package/secondme_avatar)
	PYTHONPATH=$(PYTHON_BENCH)/package $(PYTHON_BENCH)/bin/python benchmarks/python/run.py $(PYTHON_TARGET)/release $(ROWS)

$(CARGO_TOOLS)/ready: packaging/cargo.txt
$(PYTHON_VENV)/ready: python/tests/requirements.txt
$(PYTHON_DIST)/ready: python/dist.txt
$(PYTHON_BENCH)/ready: benchmarks/python/requirements.txt
$(PYTHON_PLATFORMS)/ready: python/platforms/requirements.txt

# Each is made anew when its requirements are newer.
$(CARGO_TOOLS)/ready $(PYTHON_VENV)/ready $(PYTHON_DIST)/ready $(PYTHON_BENCH)/ready $(PYTHON_PLATFORMS)/ready:
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

$(PYTHON_PYRIGHT): python/tests/pyright/package-lock.json
	npm ci --prefix python/tests/pyright --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
