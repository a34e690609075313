"""Wrong: logs the password of its database."""

import os

import plain

print(f"INFO connecting to the database as nova with {os.environ['GALLERY_SECRET']}", flush=True)
plain.serve()
