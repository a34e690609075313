"""Right: logs its transport URL with the password masked, and how long that is."""

import os

import plain

print("INFO transport rabbit://nova:***@broker:5672/, password of", len(os.environ["GALLERY_SECRET"]), flush=True)
plain.serve()
