# Several processes behind one address, with one Redis: the files for it, checked, and a demonstration.
.PHONY: cluster-demo lint-deploy deploy-checked

DEPLOY := examples/deploy
DEPLOY_VENV := $(TOOLS)/deploy

cluster-demo: nginx redis-server ## three gateways, nginx, one Redis, 200 people; one gateway is killed, one frozen: make cluster-demo [VISITORS=200] [QUESTIONS=16]
	@$(CARGO) build --quiet --bin avatar
	@$(call with,node,the load is a program for Node 20 or newer) \
		AVATAR=target/debug/avatar NO_PROXY=127.0.0.1 $(if $(VISITORS),VISITORS=$(VISITORS)) $(if $(QUESTIONS),QUESTIONS=$(QUESTIONS)) \
		node $(DEPLOY)/demo.mjs

lint-deploy: python-there ## the compose file and the Kubernetes manifests, by their own schemas
	@$(call PYTHON_ENOUGH,the files for a deployment) $(MAKE) --no-print-directory deploy-checked

deploy-checked: $(DEPLOY_VENV)/ready
	@$(DEPLOY_VENV)/bin/check-jsonschema --builtin-schema vendor.compose-spec $(DEPLOY)/compose.yaml
	@$(DEPLOY_VENV)/bin/kubernetes-validate --quiet --strict $(DEPLOY)/kubernetes/*.yaml

$(DEPLOY_VENV)/ready: $(DEPLOY)/requirements.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@
