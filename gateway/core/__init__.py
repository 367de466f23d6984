"""What every room speaks: requests, outcomes, errors, ports, and the few tools that all of them need.

Duty: a shared language. It must not know any other room of the gateway, a web framework, a model library or
a storage.
"""
