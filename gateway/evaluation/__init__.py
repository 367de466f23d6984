"""Measure the measurers: prompt sets through the gate's own path, and what the figures say. Draws nothing."""
