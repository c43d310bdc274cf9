"""Disposition: what to do with an item, as a decision under uncertainty from the seller's economics.

`schema` is a policy file, `load` reads it, `value` reckons, `rules` bound, `decide` puts it together, `reasons` say
why. May import `base`.
"""
