"""The path of one request, from prompt to pictures; `run` is the whole of it on one screen.

Duty: judge, rewrite, draw, judge again and deliver, with everything on record. It must not know HTTP, the
command line, the settings, or any concrete rewriter, generator or classifier: those come through
`gateway.core.ports`.
"""
