"""Backups: snapshots of a site made while the service goes on, checked and restored."""
