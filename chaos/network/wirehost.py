"""The companion that has the ports: the fault proxy's and the hostile peers'. What happens on them is told as events."""

from __future__ import annotations

import ssl

from chaos.errors import UsageError
from chaos.network.companion import Message
from chaos.network.peer import Peer, words_of
from chaos.network.proxy import Port
from chaos.network.serving import Serving, run_companion
from chaos.network.words import arguments, toxic


class Ports:
    """Every port by its name. All answers are immediate: what is armed is armed when the answer comes."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.ports: dict[str, Port] = {}
        self.peers: dict[str, Peer] = {}

    async def handle(self, request: Message) -> Message:
        match request.pop("do"):
            case "listen":
                return self.listen(**request)
            case "peer":
                return await self.peer(**request)
            case "arm":
                return self.arm(**request)
            case "lift":
                return {"fired": self._port(request["port"]).lift(request["name"])}
            case "change":
                return self.change(**request)
            case "close":
                return self.close(**request)
            case unknown:
                raise UsageError(f"the proxy does listen, peer, arm, lift, change and close, not {unknown!r}")

    def listen(self, name: str, host: str, port: int, certificate: str = "") -> Message:
        """A port that passes on to ``host`` and ``port``. ``certificate``: a PEM file with key and chain; TLS ends here."""
        self._is_free(name)
        tls = None
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            try:
                tls.load_cert_chain(certificate)
            except OSError as error:
                raise UsageError(f"{certificate} cannot be used as a certificate: {error}") from error
        self.ports[name] = Port(name, (host, port), tls, self.serving.tell)
        return {"number": self.ports[name].number}

    async def peer(self, name: str, manner: str, words: dict[str, float]) -> Message:
        """A port on which a hostile peer speaks for itself."""
        self._is_free(name)
        peer = Peer(name, manner, words_of(manner, words), self.serving.tell)
        await peer.open()
        self.peers[name] = peer
        return {"number": peer.number}

    def arm(self, port: str, **words: object) -> Message:
        armed = toxic(**words)      # type: ignore[arg-type]    # checked there, with what would be right
        self._port(port).arm(armed)
        return {}

    def change(self, port: str, name: str, args: dict[str, float]) -> Message:
        known = self._port(port).armed.get(name)
        if known is not None:
            args = arguments(known.toxic.word.name, {**known.toxic.args, **args})
        self._port(port).change(name, args)
        return {}

    def close(self, name: str) -> Message:
        if name in self.peers:
            self.peers.pop(name).close()
        else:
            self._port(name).close()
            del self.ports[name]
        return {}

    def close_all(self) -> None:
        for name in (*self.ports, *self.peers):
            self.close(name)

    def _port(self, name: str) -> Port:
        if name not in self.ports:
            raise UsageError(f"no port is named {name!r}; there are {', '.join(self.ports) or 'none'}")
        return self.ports[name]

    def _is_free(self, name: str) -> None:
        if name in self.ports or name in self.peers:
            raise UsageError(f"a port is named {name!r} already")


async def serve(serving: Serving) -> None:
    ports = Ports(serving)
    try:
        await serving.run(ports.handle)
    finally:
        ports.close_all()


def main() -> None:
    run_companion(serve)


if __name__ == "__main__":
    main()
