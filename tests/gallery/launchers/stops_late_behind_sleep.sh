#!/bin/sh
# Wrong: a shell runs its trap only when the command in the foreground has ended.
trap 'exit 0' TERM
(sleep 0.3 && "$GALLERY_PYTHON" -IS "$(dirname "$0")/plain.py") &
sleep 60
