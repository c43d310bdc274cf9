"""What happened, noted in the transaction of what it tells: both are stored, or neither.

| module | what is in it |
|---|---|
| `tables` | events in their order; webhooks, and what is to be delivered to each |
| `kinds` | the types of events |
| `writer` | noting an event |

An event holds no word of an item: whoever reads it is given the inspection as it stood then, out of its record
(`regrade.serving.events`). What is erased there is gone from earlier events too.
"""
