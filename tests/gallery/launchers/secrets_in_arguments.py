"""Wrong: gives its helper the password on the command line, where ps shows it to everybody."""

import os
import subprocess

import plain

with subprocess.Popen(["/bin/sh", "-c", "read -r line", "helper", os.environ["GALLERY_SECRET"]],
                      stdin=subprocess.PIPE):
    plain.serve()
