# The part of the Makefile that is about this language.
.PHONY: test-python dist-python bench-python lint-python
test-python dist-python bench-python lint-python:
