"""Bundles: their files, which versions there are, which is active at a site, and how shipped ones get there.

A bundle is immutable and hashed; what is active is a site's state, under its data directory. May import the rest of
`regrade.models` but the grader, which is built from bundles.
"""
