"""The part of chaos that runs inside the target. Nothing here is imported by the rest of chaos, which only names this folder.

The folder is put on the target's PYTHONPATH, so that every interpreter of its tree (also a spawned one, also one of
another virtual environment, CPython 3.6 to 3.13) loads ``sitecustomize`` before any of its own code. Rules:

* it imports only modules that are built into the interpreter (``posix``, ``_signal``, ``time`` …), so that it loads
  nothing that eventlet would have to patch, and it uses only functions that ``monkey_patch()`` leaves alone;
* it holds no descriptor, no lock and no thread while it waits; every record opens, writes and closes;
* it is silent when it cannot report: the supervisor outside says ``unknown`` then, never a pass;
* it never decides: it counts, fires what it was told to fire, and records.
"""
