"""Rubrics: what reviewers judge by, in versions, and a seller's own names for the conditions.

May import `policy` (the two are read from files alike), `examples`, `base`.
"""
