#!/bin/sh
# Right: serves, and never says so; it is never quiet, for it looks after its children again and again.
trap 'exit 0' TERM
while :; do
    sleep 0.2
done
