"""Servers on this machine for the tests of downloads: good ones, and ones that misbehave.

Nothing else can be reached while `only_loopback` holds.
"""

import contextlib
import hashlib
import http.server
import socket
import threading

from adam_course.downloads import PublishedFile

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def published(name, content):
    """The entry of a table that describes this content truly."""
    return PublishedFile(name, len(content), hashlib.md5(content).hexdigest())


def idx(array):
    """The bytes of an array as an IDX file, as the format has it."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype("u1").tobytes()


@contextlib.contextmanager
def only_loopback(monkeypatch, cache):
    """No variable of the environment counts, and a way out of this machine fails the test."""
    monkeypatch.setenv("ADAM_COURSE_DATA", str(cache))
    monkeypatch.delenv("ADAM_COURSE_MIRROR", raising=False)
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    attempts = []
    connect, lookup = socket.socket.connect, socket.getaddrinfo

    def refuse(host):
        if host not in ("127.0.0.1", "localhost", "::1"):
            attempts.append(host)
            raise AssertionError(f"a test wanted to reach {host}")

    def guarded_connect(self, address):
        refuse(address[0])
        return connect(self, address)

    def guarded_lookup(host, *args, **kwargs):
        refuse(host)
        return lookup(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)
    yield attempts
    assert not attempts, "a test wanted to leave this machine"


class Server(http.server.ThreadingHTTPServer):
    """Answers a request for a name by what `answers` has for it: bytes, or a function.

    `requests` is what was asked for, in its order; `headers`, the headers of each.
    """

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.requests, self.headers = answers, [], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/files/"

    def handle_error(self, request, client_address):
        pass  # a client that gave up


@contextlib.contextmanager
def serving(answers):
    """A running server; afterwards it is gone."""
    with Server(answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.rpartition("/")[2]
        self.server.requests.append(name)
        self.server.headers.append(dict(self.headers))
        answer = self.server.answers.get(name)
        if answer is None:
            self.send_error(404)
        elif callable(answer):
            answer(self)
        else:
            send(self, answer)

    def log_message(self, *args):
        pass


# ------------------------------------------------------------------- answers


def send(handler, content, length=None, **headers):
    """A good answer, unless the length or a header make it none."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


def cut_off(content):
    """Announces everything, sends half, and hangs up."""
    return lambda handler: send(handler, content[: len(content) // 2], length=len(content))


def cut_off_unannounced(content):
    """Sends half without having said how much there is, so that it looks complete."""

    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])

    return answer


def status(code):
    return lambda handler: handler.send_error(code)


def redirect(target):
    def answer(handler):
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def no_http(handler):
    handler.wfile.write(b"\x00\xff\x13 this is not HTTP\r\n\r\n")


def endless(handler):
    """Sends for as long as somebody listens."""
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(10_000):
            handler.wfile.write(bytes(2**16))


def silent(seconds):
    """Answers nothing until the client gives up, or so many seconds."""

    def answer(handler):
        handler.connection.settimeout(seconds)
        with contextlib.suppress(OSError):
            handler.connection.recv(1)

    return answer
