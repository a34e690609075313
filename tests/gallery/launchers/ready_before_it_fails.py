"""Wrong: says READY=1 first of all; then its settings are missing."""

import sys
import time

import plain

plain.say()
time.sleep(0.3)
sys.exit("error: no such file: /etc/service.conf")
