"""A site's data directory: opened and locked by one process, brought up to date, backed up and restored.

May import `access` (commands leave a line in the audit trail), `storage` and what is before them.
"""
