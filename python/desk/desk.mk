# The part of the Makefile that is about the desk.
.PHONY: test-desk desk-tests

DESK_VENV := $(TOOLS)/desk
# The stores of the tests and Synapse's database write each message through to the disk: in memory, where there is such a
# folder, they do not wait for it. What a killed process has written is there as well.
DESK_MEMORY = $(if $(shell [ -w /dev/shm ] && [ "$$(df -Pk /dev/shm | awk 'END {print $$4}')" -gt 500000 ] && echo yes),/dev/shm,/tmp)

# Synapse and matrix-nio are large: in an environment of their own. DESK_WHOLE=1 plays 50 conversations.
test-desk: python-there
	@$(call PYTHON_ENOUGH,the tests of the desk) $(MAKE) --no-print-directory desk-tests

# Chatwoot's fake runs in Node.
desk-tests: python-module $(DESK_VENV)/ready
	@$(call with,npm,Chatwoot's fake needs Node 20 or newer) $(MAKE) --no-print-directory $(PLATFORMS)
	@kept=$$(mktemp -d $(DESK_MEMORY)/desk.XXXXXX) && trap 'rm -rf "$$kept"' EXIT && \
		TMPDIR=$$kept $(DESK_VENV)/bin/pytest --quiet --rootdir python -c python/pyproject.toml python/desk

$(DESK_VENV)/ready: python/desk/requirements.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@
