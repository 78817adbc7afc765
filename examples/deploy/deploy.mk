# Several processes behind one address, with one Redis: the files for it, checked, and a demonstration.
.PHONY: cluster-demo lint-deploy deploy-checked

DEPLOY := examples/deploy
DEPLOY_VENV := $(TOOLS)/deploy

# What a run may be told; each has its default in $(DEPLOY)/demo/plans.json.
CLUSTER_DEMO := PLAN PROCESSES VISITORS QUESTIONS MINUTES KILL_EVERY PAUSE PATIENCE BALANCE FAULTS EMULATOR SEED LOGS

cluster-demo: nginx redis-server ## gateways behind nginx, one Redis, people who ask; gateways are killed and frozen: make cluster-demo [PLAN=short|long|load] [PROCESSES=5 VISITORS=500 MINUTES=5 KILL_EVERY=10]
	@$(if $(AVATAR),,$(CARGO) build --quiet --bin avatar)
	@$(call with,node,the load is a program for Node 20 or newer) \
		AVATAR=$(or $(AVATAR),target/debug/avatar) NO_PROXY=127.0.0.1 $(foreach name,$(CLUSTER_DEMO),$(if $($(name)),$(name)='$($(name))')) \
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
