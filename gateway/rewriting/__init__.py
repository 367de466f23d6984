"""Rewriters: one backend a file."""
