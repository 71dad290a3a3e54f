"""The tests, as a package: so that folders can share fixtures by name."""
