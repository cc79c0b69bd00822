# SPDX-License-Identifier: Apache-2.0
"""A real HTTP server that plays the chat service: it keeps every request and answers as
told.

    hook = Webhook()
    hook.script(500, (429, {"Retry-After": "1"}), "close", "hang")   # then 200 for the rest
"""

import http.server
import json
import socket
import ssl
import threading
import time

from . import cleanup
from .wait import wait_until


class Request:
    def __init__(self, method, path, headers, body, answer):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.answer = answer  # what was answered: a status, "close" or "hang"
        self.at = time.time()

    @property
    def json(self):
        return json.loads(self.body)


class Webhook:
    def __init__(self, address="127.0.0.1", port=0, certificate=None):
        """certificate: (certificate file, key file) for HTTPS."""
        self.requests = []
        self._script = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                owner._serve(self)

            do_GET = do_PUT = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

            def handle_error(self, *_):
                pass  # a client that hangs up is part of the play

        self.server = Server((address, port), Handler)
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        host = f"[{address}]" if ":" in address else address
        self.port = self.server.server_address[1]
        self.url = f"{scheme}://{host}:{self.port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        cleanup.at_exit(self.stop)

    def script(self, *answers):
        """The next answers, in order: a status, (status, headers[, body]), "close" (no
        answer, connection closed) or "hang" (no answer until stop)."""
        with self._lock:
            self._script.extend(answers)

    def _serve(self, handler):
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length)
        with self._lock:
            answer = self._script.pop(0) if self._script else 200
            status, headers, text = answer if isinstance(answer, tuple) and len(answer) == 3 else (
                (*answer, b"ok\n") if isinstance(answer, tuple) else (answer, {}, b"ok\n"))
            self.requests.append(Request(handler.command, handler.path, handler.headers, body, status))
        if status == "hang":
            self._closing.wait()
        if status in ("hang", "close"):
            handler.close_connection = True
            handler.connection.close()
            return
        handler.send_response(status)
        for key, value in headers.items():
            handler.send_header(key, value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    @property
    def accepted(self):
        """The requests that were answered with success."""
        with self._lock:
            return [r for r in self.requests if isinstance(r.answer, int) and r.answer < 300]

    def wait(self, count=1, limit=60):
        """Until count requests were answered with success; returns them all."""
        return wait_until(f"{count} webhook message(s)",
                          lambda: len(self.accepted) >= count and self.accepted, limit)

    def stop(self):
        self._closing.set()
        self.server.shutdown()
        self.server.server_close()
