"""Wrong: its worker is a program of its own, fails at once, and is started again for ever."""

import subprocess
import sys
import time

WORKER = "import sys; sys.exit('error: no such database')"
while True:
    subprocess.run([sys.executable, "-c", WORKER], check=False)
    time.sleep(0.1)
