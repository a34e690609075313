"""Wrong: writes a temporary file and leaves it behind when it is stopped."""

import os
import tempfile

import plain

descriptor, _ = tempfile.mkstemp(prefix="settings-")
os.close(descriptor)
plain.serve()
