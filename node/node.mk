# The part of the Makefile that is about this language.
.PHONY: test-node dist-node bench-node lint-node
test-node dist-node bench-node lint-node:
