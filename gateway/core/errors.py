"""Every error the gateway can answer with: one tree, each class with its HTTP status, type and code.

Duty: name what can go wrong and how it is shown. It knows no framework; `gateway.api.problems` renders it.
A message never holds a prompt, a key or a path of the operator's machine.
"""

from __future__ import annotations

from typing import ClassVar


class GatewayError(Exception):
    """Base of all errors shown to a client. `param` names the request field at fault, if one is."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s


class RequestInvalid(GatewayError):
    """The request is wrong; the message names the field and the fix."""

    status, type, code = 400, "invalid_request_error", "invalid_request"


class ContentTooLarge(GatewayError):
    """The body or an upload exceeds a limit."""

    status, type, code = 413, "invalid_request_error", "content_too_large"


class HeadTooLarge(GatewayError):
    """The request line and headers exceed a limit; nothing of the request was read."""

    status, type, code = 431, "invalid_request_error", "head_too_large"


class Unauthenticated(GatewayError):
    """No key, or an unknown one."""

    status, type, code = 401, "authentication_error", "invalid_api_key"


class Forbidden(GatewayError):
    """The key's role does not allow this."""

    status, type, code = 403, "permission_error", "forbidden"


class NotFound(GatewayError):
    """No such thing (or not for this tenant)."""

    status, type, code = 404, "invalid_request_error", "not_found"


class Conflict(GatewayError):
    """The thing is in another state than the request assumes."""

    status, type, code = 409, "invalid_request_error", "conflict"


class QuotaExceeded(GatewayError):
    """The caller's own limit; carries Retry-After."""

    status, type, code = 429, "rate_limit_error", "rate_limit_exceeded"


class Overloaded(GatewayError):
    """Our limit: admission is full or the server is draining; carries Retry-After."""

    status, type, code = 503, "server_error", "overloaded"


class ClassifierUnavailable(GatewayError):
    """A required classifier gave no measurement; images are withheld."""

    status, type, code = 503, "server_error", "classifier_unavailable"


class AuditUnavailable(GatewayError):
    """The log can't take a record; images are withheld."""

    status, type, code = 503, "server_error", "audit_unavailable"


class StorageUnavailable(GatewayError):
    """Pictures that were asked for by URL can't be kept; none is on record as delivered."""

    status, type, code = 503, "server_error", "storage_unavailable"


class PolicyUnavailable(GatewayError):
    """The policy could not be evaluated; images are withheld."""

    status, type, code = 503, "server_error", "policy_unavailable"


class RewriteFailed(GatewayError):
    """The rewriter failed. Inside the pipeline it ends in a block, never in an image."""

    status, type, code = 502, "server_error", "rewrite_failed"


class GenerationFailed(GatewayError):
    """The image backend failed or answered nonsense."""

    status, type, code = 502, "server_error", "generation_failed"


class StageTimeout(GatewayError):
    """A stage took longer than its limit."""

    status, type, code = 504, "server_error", "stage_timeout"


class ConfigurationError(Exception):
    """Settings or files are wrong: no server. The message names file, place and fix (exit 2)."""


class PluginError(ConfigurationError):
    """A configured classifier, rewriter or generator is missing, double or broken (exit 2)."""


class AuditCorrupt(Exception):
    """The log fails verification: not ready, exit 3, never healed by itself."""
