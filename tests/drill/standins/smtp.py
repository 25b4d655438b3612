"""A stand-in for a mail relay on the same host: SMTP without TLS, which takes every message."""

import email
import email.policy
import socketserver
import threading


class Relay:
    def __init__(self, log):
        class Session(socketserver.StreamRequestHandler):
            def handle(self):
                self.say("220 stand-in ESMTP")
                while line := self.rfile.readline(65536):
                    verb = line.decode(errors="replace").strip().upper()[:4]
                    if verb == "DATA":
                        self.say("354 go on")
                        log.email(email.message_from_bytes(self.message(), policy=email.policy.default))
                        self.say("250 OK")
                    elif verb == "QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 stand-in" if verb == "EHLO" else "250 OK")

            def say(self, text):
                self.wfile.write(text.encode() + b"\r\n")

            def message(self):
                lines = []
                while (line := self.rfile.readline(65536)) not in (b".\r\n", b""):
                    lines.append(line[1:] if line.startswith(b"..") else line)
                return b"".join(lines)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Session)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
