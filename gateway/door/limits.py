"""What the door allows, in numbers, and how many files the process may open.

Duty: settings and the operating system's file limit → `DoorLimits`. It knows no connection.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import Final

from gateway.api.surface import DoorSettings

FILES_KEPT: Final = 256
"""Files that are no client's connection: log, models, pictures, connections to backends."""


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Limits of the door; times in seconds.

    `connections` is what the settings allow and the file limit permits; `files` is that limit.
    """

    connections: int
    connections_per_address: int
    head_bytes: int
    headers: int
    pipelined: int
    first_byte_s: float
    head_s: float
    idle_s: float
    write_s: float
    files: int

    @classmethod
    def of(cls, settings: DoorSettings, files: int) -> DoorLimits:
        """Return the limits that the settings give a process which may open `files` files."""
        connections = max(1, min(settings.max_connections, files - FILES_KEPT))
        return cls(
            connections=connections,
            connections_per_address=min(settings.max_connections_per_address, connections),
            head_bytes=settings.max_head_bytes,
            headers=settings.max_headers,
            pipelined=settings.max_pipelined,
            first_byte_s=settings.first_byte_timeout_s,
            head_s=settings.head_timeout_s,
            idle_s=settings.idle_timeout_s,
            write_s=settings.write_timeout_s,
            files=files,
        )

    def told(self) -> str:
        """One line for the operator."""
        return (
            f"{self.files} files may be open: at most {self.connections} connections, "
            f"{self.connections_per_address} from one address"
        )


def raise_file_limit(wanted: int) -> int:
    """Raise the soft file limit to `wanted`, or as near as the hard one lets it; return what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < possible:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
        except (OSError, ValueError):  # a sandbox may forbid it: then it stays as it is, and is said so
            return soft
    return max(soft, possible)
