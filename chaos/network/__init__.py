"""A real wire: a fault proxy, a hostile AMQP peer, a private broker and a caller from outside, each in its own process.

The package itself imports nothing. See docs/decisions/0008-transport.md.
"""
