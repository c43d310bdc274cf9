"""Bundles on trial: compared with the active one on what people decided, promoted where they are shown to be no worse,
and taken back where a promise breaks.

| module | what it is for |
|---|---|
| `steps` | what is written down of a step, by whom or by which rule |

May import `review`, `grading` and what is before them.
"""
