"""Adapters: what is sent of an item to a system with an API of its own, said in a YAML file and not in code.

| module | what is in it |
|---|---|
| `schema` | the fields of such a file |
| `read` | a file, read strictly: each fault with its line and what to do |
| `words` | what may stand in a text: fields of an item, and the receiver's words for it |
| `calls` | the calls that tell a receiver of some items |
| `shelf` | the adapters of an installation, shipped ones and its own, with their secrets |

A webhook with an adapter is delivered as the others are: noted with the decision, in order, at least once. Its calls
take the place of the signed event.
"""
