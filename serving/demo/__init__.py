"""The demo: a service with items in it, a site with a history, screenshots of both.

May import everything; nothing imports it.
"""
