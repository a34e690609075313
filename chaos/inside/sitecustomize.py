"""Load chaos's agent in this interpreter, then the ``sitecustomize`` that this one hides. Armed only by CHAOS_AGENT."""
import sys


def _run_the_hidden_one(here):
    import _frozen_importlib as bootstrap
    import _frozen_importlib_external as external
    others = [entry for entry in sys.path if entry.rstrip("/") != here]
    spec = external.PathFinder.find_spec("sitecustomize", others)
    if spec is None:
        return
    module = bootstrap.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_HERE = __file__.rpartition("/")[0]
try:
    import _chaos_agent
    _chaos_agent.begin()
finally:
    _run_the_hidden_one(_HERE)
_chaos_agent.wait_for_a_case()
