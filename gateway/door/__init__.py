"""The server's door: who may connect, how long each part of a request may take, and the way to the end.

Duty: everything about a connection before and after the application sees its request. It must not know a
route, a key, the pipeline or a model: it hands requests on, and bounds what a peer can make the process hold.
"""
