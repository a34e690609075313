"""Wrong: tells in its process title to what it is connected, with the password."""

import os

import plain
import setproctitle

setproctitle.setproctitle(f"service: nova:{os.environ['GALLERY_SECRET']}@database")
plain.serve()
