# The part of the Makefile that is about the real clients of `avatar serve`.
.PHONY: test-gateway gateway-clients gateway-python gateway-node

CLIENTS := cli/tests/clients
CLIENTS_VENV := $(TOOLS)/clients
CLIENTS_NODE := $(CLIENTS)/node_modules/.package-lock.json
# The program, and what was taken out of wheels that are not installed.
CLIENTS_ENV = AVATAR="$(abspath $(or $(CARGO_TARGET_DIR),target))/debug/avatar" WHEELS="$(CLIENTS_VENV)/wheels"

test-gateway: python-there
	@$(call PYTHON_ENOUGH,the real clients of the gateway) \
		$(call with,npm,skipping the real clients of the gateway) $(MAKE) --no-print-directory gateway-clients

# Both at the same time: each has a test that waits for the gateway to bridge 15 s of silence.
gateway-clients: $(CLIENTS_VENV)/ready $(CLIENTS_NODE)
	@$(CARGO) build --quiet --bin avatar
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target gateway-python gateway-node

gateway-python:
	$(CLIENTS_ENV) $(CLIENTS_VENV)/bin/pytest --quiet --disable-warnings -p no:cacheprovider $(CLIENTS)

gateway-node:
	$(CLIENTS_ENV) node --test --test-reporter=dot $(CLIENTS)/*.test.mjs

# What is imported is compiled then: a fifth of what is installed.
$(CLIENTS_VENV)/ready: $(CLIENTS)/requirements.txt $(CLIENTS)/wheels.txt $(CLIENTS)/unpack.py
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --no-compile --disable-pip-version-check --require-hashes --requirement $<
	$(@D)/bin/pip download --quiet --disable-pip-version-check --no-deps --ignore-requires-python --require-hashes \
		--dest $(@D)/wheels --requirement $(CLIENTS)/wheels.txt
	$(PYTHON) $(CLIENTS)/unpack.py $(@D)/wheels $(@D)/wheels
	@touch $@

$(CLIENTS_NODE): $(CLIENTS)/package-lock.json
	npm ci --prefix $(CLIENTS) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
