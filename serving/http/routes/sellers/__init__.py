"""What sellers are shown of their own items: over the API as `out` has it, and at `/desk/seller`.

| module | what is in it |
|---|---|
| `out` | the public view of an inspection, an event, a bundle of evidence |
| `page` | the pages of a seller |
| `promise` | what is promised of their items, and what was found of their own: API and page |
| `table` | their items as rows, for the page and as CSV |

Whose items those are is no matter of routes: see `regrade.serving.storage.scope`.
"""
