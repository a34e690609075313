"""The least that each kind of launcher serves: a WSGI and an ASGI application, and a celery one whose broker is in memory."""

from __future__ import annotations

from typing import Any


def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"open\n"]


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"open\n"})


def __getattr__(name: str) -> Any:
    """``tasks``: made when asked for, since the two other launchers need no celery."""
    if name not in ("tasks", "celery", "app"):
        raise AttributeError(name)
    import celery  # type: ignore[import-not-found]

    return celery.Celery("shop", broker="memory://")
