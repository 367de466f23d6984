"""Metrics and log lines: what is counted and how it is shown.

Duty: figures about requests. It must not know a prompt or a picture, and it changes no answer.
"""
