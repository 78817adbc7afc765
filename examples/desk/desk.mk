# The desk on one's own machine, with the emulator and a fake of Chatwoot.
.PHONY: desk-demo
desk-demo: python-module ## a visitor, an operator and the owner at the desk, in one scene
	@$(call with,npm,the scene needs Chatwoot's fake (Node 20 or newer)) $(MAKE) --no-print-directory $(PLATFORMS) && \
		PYTHONPATH=python NO_PROXY=127.0.0.1 SECONDME_AVATAR_EMULATOR=$(PYTHON_TARGET)/debug/secondme-avatar-emulator \
		$(PYTHON_VENV)/bin/python examples/desk/demo.py
