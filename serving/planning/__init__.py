"""Planning: how many cores and machines a day's load needs, from a measurement and a queueing model.

It runs a service of its own on this machine. May import `installation`, `access`, `examples` and what is before them.
"""
