# The part of the Makefile that is about what is handed out in every language.
.PHONY: notices lint-packages advisories

# In front of each build that is handed out: no path of this machine gets into it.
DISTRIBUTED := RUSTFLAGS="$$(packaging/remap)"
# $(call check-artefacts,NOTICES,PACKAGES): the licences are in them, and no path of this machine.
check-artefacts = $(call with,$(PYTHON),skipping the look into what was made) $(PYTHON) packaging/check-artefacts $(1) $(2)

PACKAGING_SCRIPTS := $(addprefix packaging/,make-notices check-metadata check-artefacts advisories)
ABOUT_VERSION := 0.9.3
ABOUT := $(TOOLS)/bin/cargo-about

notices: $(ABOUT) ## the notices of all that is linked in, written anew
	CARGO_ABOUT=$(ABOUT) packaging/make-notices

# Its status: 0 if all was asked and nothing is known, 1 if something is, 3 if something could not be asked.
advisories: ## known vulnerabilities in what is locked; says what could not be checked
	@$(PYTHON) packaging/advisories

# Compares lists, and builds nothing.
lint-packages:
	@$(call PYTHON_ENOUGH,the notices and the packages' metadata) $(PYTHON) packaging/make-notices --check && $(PYTHON) packaging/check-metadata

$(ABOUT):
	$(CARGO) install cargo-about --locked --version $(ABOUT_VERSION) --features cli --root $(TOOLS)
