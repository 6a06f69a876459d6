"""Plans as code: a catalog in TOML, what it would change, and applying it."""
