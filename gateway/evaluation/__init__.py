"""Measure the measurers: prompt sets through the gate's own path, and what the figures say.

Duty: figures and reports. It draws no picture itself, and must not know HTTP, the command line or who wires
the gateway.
"""
