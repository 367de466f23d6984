"""Measure. Classifiers turn text and pictures into signals; they know no policy and no HTTP."""
