#!/bin/sh
# Right: ends its background jobs, waits until they are gone, and exits 0.
trap 'kill $jobs; wait; exit 0' TERM
sleep 60 & jobs=$!
sleep 60 & jobs="$jobs $!"
"$GALLERY_PYTHON" -IS "$(dirname "$0")/plain.py"
wait
