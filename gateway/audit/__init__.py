"""The audit log: records, tree, durable writing, verification.

Duty: what is on record stays there, and any change shows. It must not know how a request runs, nor any
model, backend or route.
"""

from gateway.audit.log import SqliteAuditLog
from gateway.audit.record import new_id
from gateway.audit.settings import AuditSettings

__all__ = ["AuditSettings", "SqliteAuditLog", "new_id"]
