"""What can be seen of a running service: metrics, traces, where the time of a grade went.

Nothing that is measured here decides anything. May import `storage` and what is before it.
"""
