"""An error as bytes on the wire, for a peer whose request no application sees.

Duty: a `GatewayError` in the one body shape, whole and ending the connection. It knows no connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from gateway.api.problems import problem
from gateway.core.errors import GatewayError

_PHRASES: Final[Mapping[int, str]] = {status.value: status.phrase for status in HTTPStatus}


def raw_problem(error: GatewayError) -> bytes:
    """Return the whole HTTP/1.1 response."""
    response = problem(error)
    status = f"HTTP/1.1 {response.status_code} {_PHRASES[response.status_code]}".encode()
    headers = [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([status, *headers, b"connection: close", b"", bytes(response.body)])
