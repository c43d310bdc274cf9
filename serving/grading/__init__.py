"""An item's way from upload to answer: admission, turns on the cores, the grader of the moment, the pipeline.

`pipeline` is the story of an item. Knows nothing of HTTP. May import `policy`, `inspections` and what is before them.
"""
