# The part of the Makefile that is about Python.
.PHONY: test-python dist-python bench-python lint-python
.PHONY: python-module python-tests python-lint

PYTHON_VENV := $(TOOLS)/python
PYTHON_BUILT := $(or $(CARGO_TARGET_DIR),target)/debug
PYTHON_ENOUGH = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo "Python 3.11 or newer is not installed: skipping $(1)"; [ "$(CI)" != true ]; exit; };

test-python:
	@$(call PYTHON_ENOUGH,the tests of the Python package) $(MAKE) --no-print-directory python-tests

python-tests: python-module
	$(CARGO) build --quiet --package secondme-avatar-emulator
	$(PYTHON_VENV)/bin/pytest --quiet --rootdir python -c python/pyproject.toml python/tests examples/python
	@$(MAKE) --no-print-directory python-types

# The native module, beside the package: what pip does with the wheel, without making one.
python-module: $(PYTHON_VENV)/ready
	$(CARGO) build --quiet --package secondme-avatar-python
	@cp $(wildcard $(PYTHON_BUILT)/libsecondme_avatar_native.so $(PYTHON_BUILT)/libsecondme_avatar_native.dylib) \
		python/secondme_avatar/_native.abi3.so

lint-python:
	@$(call PYTHON_ENOUGH,ruff) $(MAKE) --no-print-directory python-lint

python-lint: $(PYTHON_VENV)/ready
	$(PYTHON_VENV)/bin/ruff format --quiet --check --config python/pyproject.toml python examples/python benchmarks/python
	$(PYTHON_VENV)/bin/ruff check --quiet --config python/pyproject.toml python examples/python benchmarks/python

$(PYTHON_VENV)/ready: python/tests/requirements.txt
	$(PYTHON) -m venv --clear $(PYTHON_VENV)
	$(PYTHON_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

bench-python:

dist-python:
