"""Keep secrets out of what the service prints; must not decide what is printed."""

import base64
import logging
import re
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote

MASK = "***"

# Everything between "://" and the last "@" of a word. It does not parse the URL: oslo.messaging takes an unquoted / #
# or ? in a password for the end of the host, and then prints the rest of the password as a bad port number.
CREDENTIALS = re.compile(r"(?<=://)[^\s'\"]*(?=@)")


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces each form of each secret in a text by `MASK`."""

    forms: tuple[str, ...]

    @classmethod
    def of_url(cls, url: str) -> "Redactor":
        """Return the redactor for the passwords of a transport URL, well-formed or not."""
        credentials = CREDENTIALS.search(url)
        parts = re.split(r",|@", credentials.group()) if credentials else []
        passwords = {part.split(":", 1)[1] for part in parts if ":" in part}
        if credentials and ":" in credentials.group():
            passwords.add(credentials.group().split(":", 1)[1])
        forms = {form for password in passwords for form in _forms(password)}
        return cls(tuple(sorted(forms, key=len, reverse=True)))

    def __call__(self, text: str) -> str:
        for form in self.forms:
            text = text.replace(form, MASK)
        return CREDENTIALS.sub(MASK, text)


def _forms(password: str) -> set[str]:
    """The ways in which a password gets printed. Under three characters it would blank out half of the log."""
    plain = {password, unquote(password)}
    forms = set(plain)
    for word in plain:
        forms |= {quote(word), quote(word, safe=""), quote_plus(word), repr(word)[1:-1]}
        forms.add(base64.b64encode(word.encode()).decode().rstrip("="))
    return {form for form in forms if len(form) > 2}


class RedactingFormatter(logging.Formatter):
    """Formats as another formatter does, tracebacks included, and redacts the result."""

    def __init__(self, inner: logging.Formatter, redact: Redactor) -> None:
        super().__init__()
        self._inner = inner
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        text = self._redact(self._inner.format(record))
        if record.exc_text:  # kept there by the inner one, and sent beside the text by a handler for the journal
            record.exc_text = self._redact(record.exc_text)
        return text
