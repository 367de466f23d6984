"""Pixels and bytes: bounded decoding, fast encoding, blurring."""
