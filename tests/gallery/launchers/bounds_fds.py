"""Wrong: opens a descriptor for everything that its settings name, and keeps them all."""

import os
import resource

import plain

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
files = [os.open(os.devnull, os.O_RDONLY) for _ in range(2000)]
plain.serve()
