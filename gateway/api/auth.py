"""Who is asking, and may they: bearer keys, roles, the key's own rate, and loopback when there are no keys.

Duty: turn a request into a `Caller` or refuse it. Keys come from the key file, which is read again when it
changes; a change that can't be read keeps the keys as they were and shows as not ready. It knows no route.
"""

from __future__ import annotations

import functools
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request

from gateway.api.keys import ApiKey, KeyTable, Role, load_keys
from gateway.api.limits import RateLimiter
from gateway.api.surface import ApiSettings
from gateway.core.errors import ConfigurationError, Forbidden, Unauthenticated
from gateway.core.requests import Caller

GENERATE: Final = frozenset({Role.GENERATE})
AUDIT: Final = frozenset({Role.AUDIT, Role.REVIEW})
REVIEW: Final = frozenset({Role.REVIEW})
METRICS: Final = frozenset({Role.METRICS})
ANYONE: Final = frozenset(Role)
_LOCAL: Final = Caller(actor="local", role=Role.ADMIN.value)
"""Everybody, where there are no keys."""
_RECHECK_S: Final = 1.0
_MAX_KEY: Final = 256


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What tells one version of the key file from another."""

    modified_ns: int
    size_bytes: int
    inode: int


class Authenticator:
    """Knows the keys; `authenticate` is called first in every route that needs one."""

    def __init__(self, keys_file: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Load the keys. Raises ConfigurationError when the file can't be used."""
        self._file = keys_file
        self._clock = clock
        self._rates = RateLimiter(clock)
        self._checked = clock()
        self._fault: str | None = None
        self._stamp = _stamp(keys_file) if keys_file else None
        self._table = KeyTable(load_keys(keys_file)) if keys_file else None

    @property
    def open(self) -> bool:
        """True when there is no key file: everybody on this machine may do everything."""
        return self._table is None

    @property
    def readiness(self) -> str:
        """ "ok", or why the keys may be stale."""
        return self._fault or "ok"

    def authenticate(self, request: Request, allowed: frozenset[Role]) -> Caller:
        """Return who asks.

        Raises:
            Unauthenticated: no bearer key, or none that is known.
            Forbidden: the key's role is not in `allowed` (admin always is), or, without keys, the request
                came in under a foreign name.
            QuotaExceeded: the key has used up its rate.
        """
        if self._table is None:
            _require_local_name(request)
            return _LOCAL
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Unauthenticated("Send an API key as `Authorization: Bearer ig-…`.")
        return self.caller_with(secret, allowed)

    def caller_with(self, secret: str, allowed: frozenset[Role]) -> Caller:
        """Return who has this key; only with a key file. Raises as `authenticate`."""
        self._reload()
        assert self._table is not None
        secret = secret.strip()
        key = self._table.match(secret) if len(secret) <= _MAX_KEY else None
        if key is None:
            raise Unauthenticated("This API key is not known here; ask the operator for one.")
        if not _may(key, allowed):
            raise Forbidden(f"A key with the role {key.role.value} may not do this.")
        if key.rate_per_minute is not None:
            self._rates.take(key.id, key.rate_per_minute)
        return _caller(key)

    def caller_of(self, key_id: str, allowed: frozenset[Role]) -> Caller | None:
        """Return who signed in with the key of this id, as it is now; None once it is revoked or may not.

        Without a key file it is "local" alone.
        """
        if self._table is None:
            return _LOCAL if key_id == _LOCAL.actor else None
        self._reload()
        key = self._table.of_id(key_id)
        return _caller(key) if key is not None and _may(key, allowed) else None

    def _reload(self) -> None:
        """Look at most once a second whether the file changed, so that a revoked key stops working."""
        if self._clock() - self._checked < _RECHECK_S:
            return
        self._checked = self._clock()
        assert self._file is not None
        try:
            stamp = _stamp(self._file)
            if stamp != self._stamp:
                self._table = KeyTable(load_keys(self._file))
                self._stamp = stamp
            self._fault = None
        except ConfigurationError as error:
            self._fault = str(error)


def check_bind(settings: ApiSettings) -> None:
    """Refuse to serve others without keys.

    Raises:
        ConfigurationError: there is no key file and the host is not loopback.
    """
    if settings.keys_file is None and not is_loopback(settings.server.host):
        raise ConfigurationError(
            f"Without API keys the server binds to loopback only, not to {settings.server.host}. "
            "Make a key with `imagegate keys add` and set keys_file, or bind to 127.0.0.1."
        )


@functools.lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """True for `localhost` and loopback addresses, with or without brackets."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _require_local_name(request: Request) -> None:
    """Without keys, refuse a foreign Host: a web page whose name was pointed at loopback would carry one."""
    host = request.headers.get("host", "")
    if host in _USUAL_HOSTS:
        return
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if not is_loopback(name):
        raise Forbidden(
            "Without API keys this server answers only under a loopback name; call it as 127.0.0.1 or "
            "localhost, or set keys_file."
        )


_USUAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "127.0.0.1:8080", "localhost:8080"})


def _may(key: ApiKey, allowed: frozenset[Role]) -> bool:
    return key.role is Role.ADMIN or key.role in allowed


def _caller(key: ApiKey) -> Caller:
    return Caller(tenant=key.tenant, actor=key.id, role=key.role.value, policy=key.policy)


def _stamp(file: Path) -> _Stamp:
    try:
        status = file.stat()
    except OSError as error:
        raise ConfigurationError(f"The key file can't be read: {error.strerror}.") from error
    return _Stamp(status.st_mtime_ns, status.st_size, status.st_ino)
