"""Pieces of the scripts that start a target with no chaos in it, forked from a process that has its imports."""

from pathlib import Path

INSIDE = str(Path(__file__).resolve().parent.parent / "chaos" / "inside")

AHEAD = """sys.path.insert(0, {inside!r})
import _chaos_agent, _chaos_ahead       # to import what a zygote imports; nothing of it is armed
assert not [one for one in _chaos_ahead.do({ahead!r}) if one.startswith("problem")]
sys.path.remove({inside!r})
import gc
gc.collect(); gc.freeze()
"""
"""In the process that is forked from: its imports. To be formatted with ``inside`` and ``ahead``, as `FRESH`."""

FRESH = """quiet = os.open("/dev/null", os.O_RDWR)
for fd in (0, 1, 2):
    os.dup2(quiet, fd)
os.setsid()
hubs = sys.modules.get("eventlet.hubs")
if hubs is not None and hasattr(hubs._threadlocal, "hub"):
    hubs.use_hub()
"""
"""In the child: what makes it look like a fresh start."""
