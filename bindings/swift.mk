# The part of the Makefile that is about Swift.
.PHONY: test-swift dist-swift lint-swift swift-test swift-dist swift-lint swift-native

SWIFT := bindings/swift
SWIFT_BUILT := $(or $(CARGO_TARGET_DIR),target)
SWIFT_SOURCES := $(addprefix $(SWIFT)/,Package.swift Sources/SecondMeAvatar Sources/SecondMeAvatarTesting Tests consumer) \
	$(addprefix examples/swift/,Package.swift App Chat Model Tests)
# Where there is no Swift it has said so, and exits 77.
with-swift = $(SWIFT)/toolchain --install || { [ $$? = 77 ]; exit; };

test-swift:
	@$(with-swift) $(call with,$(PYTHON),skipping the tests of the Swift package: its scenarios are YAML, which Swift cannot read) \
		$(MAKE) --no-print-directory swift-test

lint-swift:
	@$(with-swift) $(MAKE) --no-print-directory swift-lint

dist-swift:
	@$(with-swift) $(MAKE) --no-print-directory swift-dist

swift-test: swift-native $(SPEC_VENV)
	@mkdir -p $(SWIFT)/.build
	@$(SPEC_VENV)/bin/python $(SWIFT)/scenarios.py > $(SWIFT)/.build/scenarios.json
	@# The emulator is on this machine: no proxy is between.
	@for folder in $(SWIFT) examples/swift; do ( \
		emulator=$(CURDIR)/$(SWIFT)/lib/secondme-avatar-emulator && cd $$folder && \
		env -u http_proxy -u all_proxy SECONDME_AVATAR_EMULATOR="$$emulator" \
			$(CURDIR)/$(SWIFT)/toolchain swift test --disable-xctest ) || exit 1; done

# What Swift's programs are linked to, where Package.swift looks for it; and the emulator.
swift-native:
	$(CARGO) build --quiet --package secondme-avatar-ffi --lib
	$(CARGO) build --quiet --package secondme-avatar-emulator
	@mkdir -p $(SWIFT)/lib
	@cp $(SWIFT_BUILT)/debug/secondme-avatar-emulator $(SWIFT)/lib/
	@if [ "$$(uname -s)" = Darwin ]; then $(SWIFT)/build-xcframework.sh macos; \
	else cp $(SWIFT_BUILT)/debug/libsecondme_avatar_ffi.so $(SWIFT)/lib/; fi

swift-lint:
	$(SWIFT)/toolchain swift format lint --strict --recursive --configuration $(SWIFT)/.swift-format $(SWIFT_SOURCES)
