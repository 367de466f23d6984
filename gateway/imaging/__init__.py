"""Pixels and bytes: bounded decoding, fast encoding, blurring, hashes.

Duty: pictures as arrays and files. It must not know what a picture shows, nor policies, records or HTTP.
"""
