# The part of the Makefile that is about Swift.
.PHONY: test-swift dist-swift lint-swift
test-swift dist-swift lint-swift:
