"""Right: tells its progress in several datagrams, and READY=1 among other lines."""

import os

import plain

plain.say("STATUS=not READY=1 yet")
plain.say("EXTEND_TIMEOUT_USEC=5000000\nSTATUS=reading its settings")
plain.say(f"MAINPID={os.getpid()}\nREADY=1\nSTATUS=serving")
plain.serve()
