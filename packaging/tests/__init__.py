"""The tests of what is in packaging/."""
