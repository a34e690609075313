"""Wrong: logs the header by which it logs in: base64 of user name and password together."""

import base64
import os

import plain

login = f"nova:{os.environ['GALLERY_SECRET']}"
print("DEBUG Authorization: Basic", base64.b64encode(login.encode()).decode(), flush=True)
plain.serve()
