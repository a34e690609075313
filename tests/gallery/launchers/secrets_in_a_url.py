"""Wrong: logs its transport URL, with the password in it, quoted as it has to be."""

import os
from urllib.parse import quote

import plain

print(f"INFO transport rabbit://nova:{quote(os.environ['GALLERY_SECRET'], safe='')}@broker:5672/", flush=True)
plain.serve()
