"""Events and usage in ClickHouse."""
