"""Right: logs a salted hash of the token, by which two logs can be told to be about the same one."""

import hashlib
import os

import plain

print("INFO token", hashlib.sha256(b"salt" + os.environ["GALLERY_SECRET"].encode()).hexdigest(), flush=True)
plain.serve()
