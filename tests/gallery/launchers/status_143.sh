#!/bin/sh
# Right: ends on SIGTERM with 128 + 15, as shells report it.
trap 'kill $!; wait; exit 143' TERM
"$GALLERY_PYTHON" -IS "$(dirname "$0")/plain.py"
sleep 60 &
wait $!
