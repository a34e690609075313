"""What a target imports, in order, and the calls between its imports: learnt in one run, done ahead of others.

Two calls stand between the imports of a launcher and must be made at the same place: ``eventlet.monkey_patch()``, and
the choice of oslo.service's backend. Both do nothing when the target makes them again. A file of lines, tab separated:
``path ENTRY…`` (sys.path), ``import NAME``, ``call MODULE QUALIFIED ARGUMENT…``, ``logging`` (set up from here on),
``stop`` (a call whose arguments cannot be written: nothing after it may be imported ahead).
"""
import sys

import _chaos_agent as agent

REPEATABLE = ("patch.apply", "backend.init")
BETWEEN = {("eventlet.patcher", "monkey_patch"): "call", ("oslo_service.backend", "init_backend"): "call",
           ("oslo_log.log", "setup"): "logging"}
_lines = []             # imports, by when they began, and calls


# --- learning ----------------------------------------------------------------------------------------------------------


def note_import(name):
    """The import of ``name`` begins. (``sys.modules`` has them as they end: a circle cannot be entered in that order.)"""
    _lines.append("import\t" + name)


def note_call(function, args, kwargs):
    """A call is about to be made, perhaps one of those that stand between imports."""
    kind = BETWEEN.get((getattr(function, "__module__", None), getattr(function, "__qualname__", None)))
    if kind == "logging":
        _lines.append(kind)
    elif kind == "call":
        words = _words(args, kwargs)
        _lines.append("stop" if words is None else
                      "\t".join([kind, function.__module__, function.__qualname__] + words))


def _words(args, kwargs):
    """Each argument as ``name=kind:value``, or None where one is not a plain value or a member of an enumeration."""
    words = []
    for name, value in list(enumerate(args)) + sorted(kwargs.items()):
        if value is None or (isinstance(value, (bool, int, str)) and type(value) in (bool, int, str)):
            kind, text = type(value).__name__, str(value)
        elif hasattr(type(value), "__members__"):
            kind, text = "enum", "%s:%s:%s" % (type(value).__module__, type(value).__qualname__, value.name)
        else:
            return None
        words.append("%s=%s:%s" % (name, kind, text))
    return words


def write(path):
    """Write down what this process has imported so far, whole or not at all."""
    lines = ["\t".join(["path"] + [str(entry) for entry in sys.path])]
    lines += [line for line in _lines if _is_known(line)]
    agent.write_whole(path, "".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape"))


def _is_known(line):
    """An import that worked, under its own name, and is not ours."""
    kind, _, name = line.partition("\t")
    if kind != "import":
        return True
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return (getattr(spec, "name", None) == name and bool(getattr(spec, "loader", None))
            and not name.startswith("_chaos_") and name not in ("__main__", "sitecustomize", "usercustomize"))


# --- doing it ahead ----------------------------------------------------------------------------------------------------


def do(path):
    """Import and call what the file says. Returns lines for the supervisor: what went wrong, and who logged."""
    found = []
    before = list(sys.path)
    set_up = False
    for line in agent.text_of(path).split("\n"):
        words = line.split("\t")
        if words[0] == "path":
            sys.path[:] = words[1:]
        elif words[0] == "logging":
            set_up = True
        elif words[0] == "stop":
            break
        elif words[0] == "call":
            found += _done(words[1:])
        elif words[0] == "import" and words[1] not in sys.modules:
            with _Listening() as heard:
                found += _import(words[1])
            if heard and set_up:
                found.append("loud\t" + words[1])
    sys.path[:] = before
    return found


def _import(name):
    try:
        __import__(name)
    except Exception as error:
        return ["problem\timporting %s ahead: %s: %s" % (name, type(error).__name__, str(error).replace("\n", " "))]
    return []


def _done(words):
    """Make the call. The target will make it again: this one is no hit, but nothing may be made to fail there."""
    count = len(agent._early)
    _call(*words)
    hits = [("hit", site) for site in REPEATABLE]
    reached = [name for kind, name in agent._early[count:] if (kind, name) in hits]
    agent._early[count:] = [one for one in agent._early[count:] if one not in hits]
    return ["early\t" + site for site in reached]


def _call(module, qualified, *words):
    __import__(module)
    function = sys.modules[module]
    for part in qualified.split("."):
        function = getattr(function, part)
    args, kwargs = [], {}
    for word in words:
        name, _, text = word.partition("=")
        if name.isdigit():
            args.append(_value(text))
        else:
            kwargs[name] = _value(text)
    function(*args, **kwargs)


def _value(text):
    kind, _, value = text.partition(":")
    if kind == "enum":
        module, qualified, name = value.split(":")
        __import__(module)
        thing = sys.modules[module]
        for part in qualified.split("."):
            thing = getattr(thing, part)
        return thing[name]
    return {"NoneType": lambda: None, "bool": lambda: value == "True", "int": lambda: int(value),
            "str": lambda: value}[kind]()


class _Listening(object):
    """Whether anything is logged meanwhile. No handler: a handler on the root logger would change what imports do."""

    def __enter__(self):
        self.heard = []
        self.logger = getattr(sys.modules.get("logging"), "Logger", None)
        if self.logger is not None:
            self.real = self.logger.handle
            heard, real = self.heard, self.real

            def handle(logger, record):
                heard.append(record.name)
                return real(logger, record)
            self.logger.handle = handle
        return self.heard

    def __exit__(self, *failure):
        if self.logger is not None:
            self.logger.handle = self.real
