#!/bin/sh
# Wrong: opens a FIFO that nobody will ever write to, before it says READY=1.
mkfifo "$GALLERY_SCRATCH/settings"
read -r settings < "$GALLERY_SCRATCH/settings"
"$GALLERY_PYTHON" -IS "$(dirname "$0")/plain.py"
