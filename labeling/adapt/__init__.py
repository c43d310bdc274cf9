"""`regrade adapt`: what the desk decided, and the head of a category fitted anew by it, as a bundle that is not active.

| module | what is in it |
|---|---|
| `decided` | decisions as a version of a dataset, and as numbers to fit by |
| `adapting` | a category from there to its outcome |
| `candidate` | the bundle that comes out, its card and metrics |
| `outcomes` | what came out, kept for the next time |
| `cli` | the command |

Photos stay where the service keeps them: only features go into a cache beside them. The backbone stays as it is.
"""
