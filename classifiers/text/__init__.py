"""Text classifiers: one adapter a file."""
