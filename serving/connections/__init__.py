"""Connections: how long each may take, how many there may be, and who goes first where there are too many.

| module | what it does |
|---|---|
| `limits` | the numbers, from the settings and what the process may open |
| `table` | which connections wait for whom, and which of them is closed where there are too many |
| `pace` | ends a transfer that takes too long or stands still |
| `turns` | few of a thousand things that fall due at once |
| `outlet` | the way out of a connection: answers leave whole, though the client is still sending |
| `exchange` | one request: its body, within bounds that no route can forget |
| `timed` | whose turn it is on a connection, for how long, and how it ends |
| `protocol` | what comes on a connection, bounded before it becomes a request |
| `listen` | the sockets that the service listens on |
| `accept` | new connections, also while file descriptors are out |
| `collector` | what `/metrics` tells of it |
| `descriptors` | how many files and connections the process may open, and has |
"""
