"""What pytest needs at the root. ``chaos.plugin`` is not named here: its entry point does, and twice is an error."""

pytest_plugins = ["pytester"]
