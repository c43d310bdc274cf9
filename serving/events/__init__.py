"""Events: read from where one left off, and delivered to webhooks after the Standard Webhooks specification.

| module | what is in it |
|---|---|
| `moments` | inspections as they stood when something happened |
| `log` | pages of events |
| `targets` | which addresses webhooks may go to, and connections to none but these |
| `signing` | secrets and signatures |
| `endpoints` | webhooks: made, changed, turned to another secret, removed |
| `owners` | whose they are, and what a seller may make of theirs |
| `queue` | what is on its way: in which order, when again, until when |
| `deliveries` | what became of it, to be read and sent again |
| `sender` | one attempt |
| `adapters`, `adapted` | what is told to systems with an API of their own, and telling them |
| `attempts`, `outgoing` | what is sent of deliveries, as it stands at that moment |
| `line` | how a receiver stands, and what follows from an attempt |
| `dispatcher` | the thread that sends |

`regrade.serving.outbox` notes events. What an event says goes out as it is shown over HTTP: the application gives the
dispatcher what writes it.

Each event reaches each webhook that wants it at least once, and those of one inspection in their order: a later one
waits until the earlier has arrived or was given up. Others overtake. Attempts are written down together, a few times a
second: a crash sends again what had just arrived.
"""
