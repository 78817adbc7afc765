# The part of the Makefile that is about Swift.
.PHONY: test-swift dist-swift lint-swift swift-test swift-dist swift-lint swift-native

SWIFT := bindings/swift
SWIFT_BUILT := $(or $(CARGO_TARGET_DIR),target)
SWIFT_SOURCES := $(addprefix $(SWIFT)/,Package.swift Sources/SecondMeAvatar Sources/SecondMeAvatarTesting Tests consumer) \
	$(addprefix examples/swift/,Package.swift App Chat Custom Errors Keyless Model Quickstart Takeover Tests)
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
swift-native: natives
	@mkdir -p $(SWIFT)/lib
	@cp $(SWIFT_BUILT)/debug/secondme-avatar-emulator $(SWIFT)/lib/
	@if [ "$$(uname -s)" = Darwin ]; then $(SWIFT)/build-xcframework.sh macos; \
	else cp $(SWIFT_BUILT)/debug/libsecondme_avatar_ffi.so $(SWIFT)/lib/; fi

swift-lint:
	$(SWIFT)/toolchain swift format lint --strict --recursive --configuration $(SWIFT)/.swift-format $(SWIFT_SOURCES)

# The sources, with the library for this kind of machine. The XCFramework is not in it: only a Mac can build one.
SWIFT_ARCHIVE = dist/SecondMeAvatar-$(PROJECT_VERSION)-linux-$(shell uname -m).tar.gz
SWIFT_STAGE := $(SWIFT_BUILT)/swift/SecondMeAvatar

swift-dist: natives zig
	@[ "$$(uname -s)" = Linux ] || { echo "on a Mac: bindings/swift/build-xcframework.sh"; exit 1; }
	@rm -rf $(SWIFT_STAGE) && mkdir -p dist $(SWIFT_STAGE)/lib
	@cp -R $(addprefix $(SWIFT)/,Package.swift README.md Sources Tests) LICENSE-APACHE LICENSE-MIT $(SWIFT_STAGE)/
	@cp packaging/notices/ffi/* $(SWIFT_STAGE)/
	built=$$($(WITH_ZIG) packaging/platforms/build here dist secondme-avatar-ffi) && \
		strip --strip-unneeded -o $(SWIFT_STAGE)/lib/libsecondme_avatar_ffi.so "$$built/libsecondme_avatar_ffi.so"
	@tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C $(SWIFT_BUILT)/swift -c SecondMeAvatar | gzip -n9 > $(SWIFT_ARCHIVE)
	@$(call check-artefacts,ffi,$(SWIFT_ARCHIVE))
	@$(call check-floor,$(SWIFT_ARCHIVE))
	$(SWIFT)/try-archive.sh $(SWIFT_ARCHIVE) $(SWIFT_BUILT)/debug/secondme-avatar-emulator
