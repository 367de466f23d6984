"""Image classifiers: one adapter a file."""
