"""Proven hangs: deciding from the state of a tree, not from the clock, that it can never go on by itself.

``prover.Prover`` looks; ``model.Proof`` is what it says. A hang is this state with a milestone missing, which the caller
knows.
"""
