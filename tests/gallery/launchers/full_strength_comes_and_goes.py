"""Right: one of its threads ends soon after it is ready, and another begins then; neither was ever promised."""

import threading
import time

import plain

threading.Thread(target=threading.Event().wait, daemon=True).start()
threading.Thread(target=time.sleep, args=(0.2,), daemon=True).start()
later = threading.Timer(1.0, time.sleep, (60,))
later.daemon = True
later.start()
plain.serve()
