"""The errors that the operator must act on; must not import anything, for it is needed before patching."""


class ConfigError(Exception):
    """An option or a configuration file is wrong. One line without a secret. Not for a part that is down."""
