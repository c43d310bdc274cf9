"""Heads adapted at night to what reviewers decided: when, and in which process. What it does is `regrade adapt`.

The command belongs to another room, so the service starts it as anybody would, and reads what it prints.
"""
