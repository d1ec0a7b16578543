"""Cloud Logging, and the audit log that all other services write to it."""

from msp.localcloud.logging.audit import AuditLog
from msp.localcloud.logging.entries import Entries
from msp.localcloud.logging.table import methods

__all__ = ["AuditLog", "Entries", "methods"]
