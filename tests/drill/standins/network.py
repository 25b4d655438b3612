"""A stand-in for the network between two programs of the chain: a TCP proxy that can be cut."""

import socket
import threading


class Network:
    def __init__(self, target):
        self.target, self.up, self.open, self.lock = target, True, set(), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if not self.up:
                reset(client)
                continue
            threading.Thread(target=self.connect, args=(client,), daemon=True).start()

    def connect(self, client):
        host, port = self.target.rsplit(":", 1)
        try:
            server = socket.create_connection((host, int(port)), timeout=5)
        except OSError:
            reset(client)
            return
        server.settimeout(None)
        with self.lock:
            self.open |= {client, server}
        threading.Thread(target=self.pump, args=(server, client), daemon=True).start()
        self.pump(client, server)

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            reset(source)
            reset(sink)

    def cut(self):
        """Ends all connections, and refuses new ones until `mend`."""
        self.up = False
        with self.lock:
            ended, self.open = self.open, set()
        for end in ended:
            reset(end)

    def mend(self):
        self.up = True

    def stop(self):
        self.cut()
        self.listener.close()


def reset(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()
