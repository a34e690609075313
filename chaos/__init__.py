"""chaos: fault injection for service startup.

Imports nothing, on purpose: this file runs in whatever process imports any part of chaos, and a part that costs or
patches something there would change what is measured.
"""

__version__ = "0.1.0"
