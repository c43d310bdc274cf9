"""Labelling: what to label next, and decisions of the desk turned into versions of labels."""
