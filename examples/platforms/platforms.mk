# The chat platforms on one's own machine, and the adapters of Chat SDK that are tried with them.

PLATFORMS := examples/platforms/node_modules/.package-lock.json
ADAPTERS := node/chat-adapter-feishu node/chat-adapter-dingtalk
ADAPTER_PACKAGES := $(ADAPTERS:%=%/node_modules/.package-lock.json)

.PHONY: test-adapters adapters-test
test-adapters:
	@$(call with,npm,skipping the chat platforms and the adapters of Chat SDK (Node 20 or newer)) \
		$(MAKE) --no-print-directory adapters-test

adapters-test: $(PLATFORMS) $(ADAPTER_PACKAGES)
	@for folder in $(ADAPTERS); do npm run --silent --prefix $$folder build || exit 1; done
	@for folder in examples/platforms $(ADAPTERS); do NO_PROXY=127.0.0.1 npm test --silent --prefix $$folder || exit 1; done

# No package's install script is run: none is needed.
$(PLATFORMS) $(ADAPTER_PACKAGES): %/node_modules/.package-lock.json: %/package-lock.json
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
