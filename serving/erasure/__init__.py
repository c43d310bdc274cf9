"""Erasure: an inspection's photos and personal fields go, what statistics need stays, and a signed record says so.

| module | what is in it |
|---|---|
| `fields` | what goes of each, and what stays |
| `pseudonyms` | what stands in place of an idempotency key, and of a seller's name |
| `records` | the record of each erasure, signed as a step of the inspection's evidence |
| `eraser` | the erasure itself, which a crash may interrupt anywhere |
| `retention`, `keeper` | after how long what is erased without being asked; when the service does that |

Which inspections are meant is in `regrade.serving.inspections.selection`.

An erasure is one transaction: the fields, the record, and a note that it is not finished. Only then photos and their
thumbnails are removed and the database's files are cleared of traces; then the note goes. What a crash leaves undone is
done at the next start, or by the next erasure.

| of an erased inspection | goes | stays |
|---|---|---|
| item | RMA, SKU, declared value, answers, the category as declared | station; seller (see below) |
| photos | files, thumbnails | hashes, sizes, what the quality gate measured |
| grade, defects, disposition | reasons and alternatives | all else, with its expected recovery |
| a candidate bundle's grade | what its action was expected to lose | condition, probabilities, defects, action |
| reviews | notes, reasons and alternatives of their dispositions | who decided what, when, with which boxes |
| earlier revisions | as of the item, its photos and its dispositions | grades; who had it graded anew, when |
| what was asked of station or reviewer | notes | who asked or answered what, when |
| events | nothing: they have no words, and show the record as it is now | type, time, seller, station |
| request | digest; the idempotency key, but for a pseudonym by which a repeated request is known | key, time |
| evidence | the disclosures of all that goes above, seller and station too | the signed steps, which still hold |

A photo that another inspection has too stays for that one. A seller is whose goods they are, and figures by seller go
on with the name. Where all of a seller is erased (`regrade erase --seller`), a pseudonym stands in its place, the same
each time, also in the names of the seller's own rubrics. Policies and rubrics themselves are settings, and stay.

Staff are no customers: who looked, decided and erased stays in the audit trail, in which no field of an item is.
"""
