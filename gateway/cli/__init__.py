"""The imagegate command: one command a file."""
