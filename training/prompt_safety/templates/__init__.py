"""Sentences with slots, written for this project: each harm stands beside a harmless twin."""
