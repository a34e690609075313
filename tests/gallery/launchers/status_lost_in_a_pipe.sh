#!/bin/sh
# Wrong: pipes the service into a logger; the status of the pipe is that of its last command.
serve() {
    echo "ERROR: no such database" >&2
    exit 3
}
serve 2>&1 | cat
