"""Where other people's code ends: whatever a plug-in raises becomes one of our errors.

Rewriters and generators may come from anywhere. Inside this boundary a broad `except` is right: an unknown
error must withhold the picture with the documented status, and must not carry content into a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import GatewayError


@contextmanager
def plugin_boundary(error_class: type[GatewayError], what: str) -> Iterator[None]:
    """Turn any unknown exception into `error_class`; our own errors, time-outs and cancellation pass."""
    try:
        yield
    except (GatewayError, TimeoutError):
        raise
    except Exception as error:
        raise error_class(f"{what} failed ({type(error).__name__}); nothing was released.") from error
