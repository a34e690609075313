"""The sample scheduler: a launcher that keeps the startup contract by its own design. Imports nothing else of chaos."""
