"""Wrong: logs a token as it goes over the wire, in base64."""

import base64
import os

import plain

print("DEBUG X-Token:", base64.b64encode(os.environ["GALLERY_SECRET"].encode()).decode(), flush=True)
plain.serve()
