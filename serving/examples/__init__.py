"""Items and photos that the product renders: for the demo, for rubrics, for measuring this machine.

May import `base`.
"""
