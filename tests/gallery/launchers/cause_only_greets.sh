#!/bin/sh
# Wrong: exits 3, and all that it says before is what it also says in a good start.
echo "loading its settings"
[ -n "$HOME" ] || exit 3
trap 'kill $!; wait; exit 0' TERM
"$GALLERY_PYTHON" -IS "$(dirname "$0")/plain.py"
sleep 60 &
wait $!
