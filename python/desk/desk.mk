# The part of the Makefile that is about the desk.
.PHONY: test-desk desk-tests

DESK_VENV := $(TOOLS)/desk

# Synapse and matrix-nio are large: in an environment of their own. DESK_WHOLE=1 plays 50 conversations.
test-desk: python-there
	@$(call PYTHON_ENOUGH,the tests of the desk) $(MAKE) --no-print-directory desk-tests

# Chatwoot's fake runs in Node.
desk-tests: python-module $(DESK_VENV)/ready
	@$(call with,npm,Chatwoot's fake needs Node 20 or newer) $(MAKE) --no-print-directory $(PLATFORMS)
	$(DESK_VENV)/bin/pytest --quiet --rootdir python -c python/pyproject.toml python/desk

$(DESK_VENV)/ready: python/desk/requirements.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@
