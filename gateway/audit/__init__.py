"""The audit log: records, tree, durable writing, verification."""
