#!/usr/bin/env python3
"""A loopback HTTP proxy in front of a provider's API, which answers wrongly when it is told to.

faultproxy.py PORT CONTROL_PORT UPSTREAM_PORT

The control port speaks one line a connection and answers one:
    plan N FAULT       the N-th request from now meets FAULT (0 none: undisturbed); forgets the log
    delay MS           every request waits MS first
    count              requests since the last plan
    log                "N METHOD PATH STATUS[ FAULT]" for each of them, lines joined by ';'

FAULT            what the client meets
    429            429 with Retry-After: 1
    500            500 with an empty JSON object
    503x3          503 for this request and the next two
    locked         500 {"error": "database is locked"}
    html           200 and a page of HTML
    refuse         nobody listens, from the end of the request before until the next plan
    reset          the connection is reset before anything is passed on
    lost           passed on, the answer is thrown away
    cut            passed on, half of the answer arrives
"""
import http.client
import socket
import struct
import sys
import threading

HOST = "127.0.0.1"
BODY_MAX = 16 << 20
PAGE = b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>\n"


class Proxy:
    def __init__(self, port, upstream):
        self.port, self.upstream = port, upstream
        self.lock = threading.Lock()
        self.at, self.fault, self.delay_s = 0, "", 0.0
        self.seen, self.lines = 0, []
        self.listener = None
        self.wake = threading.Event()

    def listen(self):
        """Start to listen, unless that is so already."""
        if self.listener is not None:
            return
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((HOST, self.port))
        s.listen(64)
        self.listener = s
        threading.Thread(target=self.accept, args=(s,), daemon=True).start()

    def deafen(self):
        s, self.listener = self.listener, None
        if s is not None:
            try:
                s.shutdown(socket.SHUT_RDWR)  # wakes the accept
            except OSError:
                pass
            s.close()

    def plan(self, at, fault):
        with self.lock:
            self.at, self.fault, self.seen, self.lines = at, fault, 0, []
            if fault == "refuse" and at == 1:
                self.deafen()
            else:
                self.listen()

    def accept(self, listener):
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def take(self):
        """The number of this request and the fault it meets."""
        with self.lock:
            self.seen += 1
            n = self.seen
            if self.fault == "503x3":
                return n, "503" if self.at and self.at <= n < self.at + 3 else ""
            if self.fault == "refuse":
                # Those that were under way when the door closed meet the same.
                return n, "reset" if self.at and n >= self.at else ""
            return n, self.fault if n == self.at else ""

    def note(self, n, request, status, fault):
        with self.lock:
            self.lines.append(f"{n} {request[0]} {request[1]} {status}{' ' + fault if fault else ''}")
            if self.fault == "refuse" and n == self.at - 1:
                self.deafen()

    def serve(self, conn):
        with conn:
            try:
                request = read_request(conn)
                if request is None:
                    return
                n, fault = self.take()
                if self.delay_s > 0:
                    self.wake.wait(self.delay_s)
                status, reply, reset = self.answer(request, fault)
                self.note(n, request, status, fault)
                if reset:
                    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    conn.sendall(reply)
            except OSError:
                return

    def answer(self, request, fault):
        """(status, bytes, reset instead)"""
        canned = {
            "429": (429, b"{}", "application/json", "Retry-After: 1\r\n"),
            "500": (500, b"{}", "application/json", ""),
            "503": (503, b"{}", "application/json", ""),
            "locked": (500, b'{"error": "database is locked"}', "application/json", ""),
            "html": (200, PAGE, "text/html", ""),
        }
        if fault in canned:
            status, body, kind, more = canned[fault]
            return status, reply_bytes(status, body, kind, more), False
        if fault == "reset":
            return 0, b"", True
        status, body, kind = self.forward(request)
        if fault == "lost":
            return status, b"", False
        whole = reply_bytes(status, body, kind, "")
        # An empty answer is cut inside its head.
        return status, whole[:len(whole) - max(len(body) // 2, 20)] if fault == "cut" else whole, False

    def forward(self, request):
        method, path, headers, body = request
        c = http.client.HTTPConnection(HOST, self.upstream, timeout=30)
        try:
            c.request(method, path, body=body, headers=headers)
            r = c.getresponse()
            return r.status, r.read(BODY_MAX), r.getheader("Content-Type", "text/plain")
        finally:
            c.close()


def reply_bytes(status, body, kind, more):
    length = "" if status == 204 else f"Content-Length: {len(body)}\r\n"
    head = f"HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\n{length}{more}Connection: close\r\n\r\n"
    return head.encode() + body


def read_request(conn):
    """(method, path, headers, body), or None when the client went away."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = conn.recv(65536)
        if not more:
            return None
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, value = line.split(":", 1)
        if name.lower() not in ("connection", "host", "expect"):
            headers[name] = value.strip()
    length = min(int(next((v for k, v in headers.items() if k.lower() == "content-length"), "0")), BODY_MAX)
    if "expect: 100-continue" in head.decode("latin-1").lower():
        conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while len(body) < length:
        more = conn.recv(65536)
        if not more:
            return None
        body += more
    return method, path, headers, body


def command(proxy, line):
    words = line.split()
    if words[:1] == ["plan"] and len(words) == 3:
        proxy.plan(int(words[1]), words[2])
        return "ok"
    if words[:1] == ["delay"] and len(words) == 2:
        proxy.delay_s = int(words[1]) / 1000
        return "ok"
    with proxy.lock:
        if words == ["count"]:
            return str(proxy.seen)
        if words == ["log"]:
            return ";".join(proxy.lines)
    return "what?"


def main():
    port, control_port, upstream = (int(a) for a in sys.argv[1:4])
    proxy = Proxy(port, upstream)
    proxy.plan(0, "none")
    control = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    control.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    control.bind((HOST, control_port))
    control.listen(16)
    while True:
        conn, _ = control.accept()
        with conn, conn.makefile("rw") as f:
            print(command(proxy, f.readline()), file=f, flush=True)


if __name__ == "__main__":
    main()
