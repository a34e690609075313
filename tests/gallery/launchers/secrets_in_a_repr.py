"""Wrong: logs its options as a dictionary, passwords included."""

import os

import plain

print("DEBUG options:", repr({"user": "nova", "password": os.environ["GALLERY_SECRET"]}), flush=True)
plain.serve()
