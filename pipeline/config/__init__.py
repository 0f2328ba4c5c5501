"""The config: its schema, its YAML with line numbers, its overrides."""
