"""How good the model and the people are: errors and agreement from blind looks, drift by station and day.

May import the desk's types and rows, and what `review` may.
"""
