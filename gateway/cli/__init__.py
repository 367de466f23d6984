"""The imagegate command: one command a file, each of which parses, calls and prints.

Duty: the terminal's side of everything below. It must not know how a request is judged, and no
room may import it.
"""
