"""Right: runs a command of its own eight times, until that succeeds, and then serves; a probe is no worker."""

import subprocess
import sys

import plain

for attempt in range(1, 20):
    probe = f"import sys; sys.exit({attempt} < 8)"
    if subprocess.run([sys.executable, "-S", "-c", probe], check=False).returncode == 0:
        break
plain.serve()
