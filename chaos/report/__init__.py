"""Reports: consumers of a sweep's events, each a file of its own. Nothing here runs, judges or kills anything.

A consumer has ``feed(event)`` and is a context manager (``consumer.Consumer``). Between them: ``journal`` writes every
event as it happens; ``jsonfile``, ``junit`` and ``html`` write one file when they are left; ``terminal`` talks all the
time. What they share is pure: ``results`` (what was said), ``document``, ``matrix``, ``findings``, ``explain``,
``safetext``.
"""
