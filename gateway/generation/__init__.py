"""Image generators: one backend a file."""
