"""What pytest needs at the root. ``chaos.plugin`` is not named here: its entry point does, and twice is an error."""

pytest_plugins = ["pytester"]

# An example for stestr, one test of which fails on purpose; tests/documents runs it as its users do.
collect_ignore = ["tests/stestr_example"]
