"""The HTTP surface: parse, one call, render.

Duty: thin routes over what `surface` names. It must not know the pipeline, who wires the gateway, any backend
or any command, and it decides nothing about safety.
"""
