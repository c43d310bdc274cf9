"""Bundles on trial: compared with the active one on what people decided, promoted where they are shown to be no worse,
and taken back where a promise breaks.

| module | what it is for |
|---|---|
| `pairs` | items that both bundles have judged, and what people made of them |
| `comparison` | both in figures, and what is shown of the candidate at any time |
| `broken` | whether what a bundle lets go breaks a promise |
| `of_seller` | what is promised of a seller's items, and what blind looks found of them |
| `announced` | a broken promise as an event |
| `rules` | what follows: proposed, canary, promoted, taken back |
| `overview` | all of it, a category, for the page of models |
| `steps` | what is written down of a step, by whom or by which rule |

May import `review`, `grading` and what is before them.
"""
