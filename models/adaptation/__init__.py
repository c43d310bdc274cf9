"""A category's head fitted anew to what a site's reviewers decided, with the shipped head as prior: arithmetic alone.

| module | what is in it |
|---|---|
| `head_file` | the linear head in `head.onnx`: read, and written back without the libraries of training |
| `feature_cache` | what a backbone saw of stored photos, kept by their hashes |
| `votes` | who voted what on which photo |
| `reviewers` | how often each reviewer votes at random, and what each vote therefore counts |
| `fit` | the maximum a posteriori head around a prior |
| `choice` | how far the votes may move the head, by cross-validation; whether the backbone is the limit |
| `judgement` | the new head beside another, on photos that it has not seen |
| `promises` | temperature, prediction sets and the automatic threshold for it |

Numpy and ONNX Runtime suffice: a service adapts where it runs.
"""
