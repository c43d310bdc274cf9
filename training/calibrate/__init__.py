"""From logits to probabilities that mean what they say: heads, temperatures, how much each network counts.

May import `fit` and what is before it (run, metrics, data, export).
"""
