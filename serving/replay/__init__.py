"""Replay: what another policy or rubric would have changed in what is stored. Nothing is written to the store.

May import `policy`, `rubric`, `storage` and what is before them.
"""
