"""Act and record. The gateway runs requests through classifiers and policies and keeps the log."""

__version__ = "0.1.0"
