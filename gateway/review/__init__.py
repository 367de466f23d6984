"""People on top of the log: cases, what is kept for them, acts, held requests, webhooks that tell of them.

Duty: a second database beside the log. What binds in it is rebuilt from the log's records; the rest (locks,
kept pictures, what waits to be sent) is the working state of people and can be lost without a decision being
lost. It must not know HTTP, a policy file, a classifier or a backend.
"""
