"""Grading stored photos anew, many at once, with the bundles that are active or with others. Nothing is stored of it.

| module | what is in it |
|---|---|
| `work` | which items are graded: of a folder, or of an installation; the list of them, made once |
| `output` | the folder with what came of it: manifest, parts, what is done |
| `rows` | a graded item as a row |
| `run` | grading, on the cores that are there |

The list is cut into parts of a fixed number of items. A part is one file, which is there whole or not at all, so that
each item has one row however often the work is broken off; a manifest says what it was made from.
"""
