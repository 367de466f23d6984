"""Image generators: one backend a file, each readable alone.

Duty: a prompt in, pixels or an upstream's bytes out. It must not know policies, decisions, the log, HTTP or
any rewriter.
"""
