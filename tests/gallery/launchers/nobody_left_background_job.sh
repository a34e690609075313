#!/bin/sh
# Wrong: ends on SIGTERM, and its background job does not hear of it.
trap 'exit 0' TERM
sleep 30 &
"$GALLERY_PYTHON" -IS "$(dirname "$0")/plain.py"
wait
