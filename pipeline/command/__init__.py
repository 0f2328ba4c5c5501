"""The commands of `label-errors`, and the check of a file, for a person or for CI."""
