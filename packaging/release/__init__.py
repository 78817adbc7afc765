"""What `packaging/version` and `packaging/release-check` are made of."""
