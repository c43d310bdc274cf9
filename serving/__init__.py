"""Serving: grades over HTTP, the review desk and the station, and the command line.

In wings, each of which may import those above it in this table and never those below:

| wing | what it is for |
|---|---|
| `base` | what everything needs: settings, errors, problem documents, languages, money, text |
| `examples` | rendered items and photos that ship with the product |
| `storage` | database, migrations, photo store, disk; records as they are stored |
| `outbox` | what happened, noted in the transaction of what it tells |
| `telemetry` | metrics, traces, what a grade's time went into |
| `connections` | uvicorn's connections, with bounds on time, size and number |
| `access` | keys, sessions, roles, stations, people, audit trail, who looked at which photo |
| `installation` | a site's data directory: opened, locked, backed up, restored |
| `evidence` | signed steps in the life of an inspection |
| `inspections` | stored inspections: kept, found, listed, verified, shown to those who may see them |
| `identity` | whether an item is the one that its return says, by the codes on it |
| `policy` | the disposition that costs a seller the least, and the rules that bound it |
| `rubric` | what reviewers judge by, and a seller's own names for conditions |
| `grading` | an item's way from upload to grade: admission, turns, graders, pipeline |
| `catalogue` | what is expected to come back: SKUs and returns |
| `pieces` | what belongs to an item and what of it is there, counted by whoever holds it |
| `oip` | the Open Inference Protocol: tensors in and out, and items judged of which nothing is stored |
| `review` | the desk: which items are looked at, by whom, what they decide, how good they and the model are |
| `results` | lists, files and figures of what came of the inspections, and saved views |
| `candidates` | bundles on trial: compared with the active one, promoted where they are no worse, taken back |
| `erasure` | photos and personal fields that go, by request or by age |
| `events` | events read, and delivered to webhooks |
| `adaptation` | heads that are adapted at night to what reviewers decided |
| `bulk` | stored photos graded anew with other bundles, into Parquet |
| `replay` | what another policy or rubric would have changed |
| `planning` | how many machines a day's load needs |
| `runtime` | all of it put together, while the service runs |
| `http` | the application: routes, pages, middleware |
| `cli` | commands |
| `demo` | a service with items in it, to try; nothing imports it |

`tests/test_architecture.py` holds the order.
"""
