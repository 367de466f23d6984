"""Rewriters: one backend a file, each readable alone.

Duty: a prompt in, one line of text out. It must not know policies, decisions, the log, HTTP or any generator:
whether its answer is used is judged elsewhere.
"""
