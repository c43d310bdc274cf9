#!/bin/sh
# Has one item graded with curl: REGRADE_KEY=rg_… sh inspect.sh PHOTO [PHOTO…]
# The same Idempotency-Key makes a retry safe: the item is graded and stored once.
set -eu
url="${REGRADE_URL:-http://127.0.0.1:8080}"
rma="${RMA:-RMA-1}"
for photo in "$@"; do
  set -- "$@" -F "photos=@$photo"
  shift
done
curl --silent --show-error --fail-with-body --retry 3 "$url/v1/inspections" \
  -H "Authorization: Bearer $REGRADE_KEY" -H "Idempotency-Key: $rma" -H "Prefer: wait=10" \
  "$@" -F "item={\"rma\": \"$rma\"}"
