"""The audit log: records, tree, durable writing, verification."""

from gateway.audit.log import SqliteAuditLog
from gateway.audit.record import new_id
from gateway.audit.settings import AuditSettings

__all__ = ["AuditSettings", "SqliteAuditLog", "new_id"]
