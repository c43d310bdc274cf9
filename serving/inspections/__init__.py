"""Stored inspections: added, read, listed, verified against their photos; and what of one who may know.

`visibility` alone says what a reviewer who must judge blind does not see. May import `evidence`, `access`, `storage`
and what is before them.
"""
