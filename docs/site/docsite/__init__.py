"""Builds the docs site out of the repository's pages: ``make docs``."""
