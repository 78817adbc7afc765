# The desk on one's own machine, with the emulator: on a fake of Chatwoot, or with ON=matrix on a real Synapse.
.PHONY: desk-demo desk-demo-chatwoot desk-demo-matrix
DESK_ENVIRONMENT = PYTHONPATH=python NO_PROXY=127.0.0.1 SECONDME_AVATAR_EMULATOR=$(PYTHON_TARGET)/debug/secondme-avatar-emulator

desk-demo: desk-demo-$(or $(ON),chatwoot) ## a visitor, an operator and the owner at the desk, in one scene; ON=matrix: on a real Synapse

# Chatwoot's fake runs in Node.
desk-demo-chatwoot: python-module
	@$(call with,npm,the scene needs Chatwoot's fake (Node 20 or newer)) $(MAKE) --no-print-directory $(PLATFORMS) && \
		$(DESK_ENVIRONMENT) $(PYTHON_VENV)/bin/python examples/desk/demo.py

desk-demo-matrix: python-module $(DESK_VENV)/ready
	@$(DESK_ENVIRONMENT) $(DESK_VENV)/bin/python examples/desk/demo_matrix.py
