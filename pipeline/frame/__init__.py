"""The frame of every command: files, records, one run at a time, exit codes."""
