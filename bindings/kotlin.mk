# The part of the Makefile that is about Kotlin.
.PHONY: test-kotlin dist-kotlin bench-kotlin lint-kotlin bindings
test-kotlin dist-kotlin bench-kotlin lint-kotlin bindings:
