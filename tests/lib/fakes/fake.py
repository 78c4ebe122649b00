#!/usr/bin/env python3
"""A cloud API on the loopback that keeps state and fails like the original.

    fake.py PROVIDER [--port N] [--mock URL] [--option NAME=JSON]...

Prints NAME=VALUE lines (PORT, URL, and the provider's own) and serves until it is stopped.  A provider is a module beside this one
with a class Provider: see cloudflare.py.  What it does is a table of routes; faults, rate limits, tokens, the log and the copy of each
request to a checked mock are here, the same for all.

Tests talk to it under /_fake/:
    POST /_fake/faults   [{"on": "POST /zones$", "nth": 1, "kind": "lose"}, ...]   appended
    POST /_fake/options  {"lag": 2, ...}        the provider's, changed; "unlimited": true keeps no rate limits
    POST /_fake/reset                                                             no faults, log and counts forgotten
    GET  /_fake/log      each request: method, path, status, fault, at
    GET  /_fake/counts   {"requests": n, "throttled": n, "violations": [...], "by": {"GET /zones": n}}
    GET  /_fake/state    what the provider holds

A fault meets the nth request (1: the next; 0: each) whose "METHOD /path?query" the regular expression `on` matches; kinds:
    status    not done, answered with "status", "headers", "body"
    lose      done, and the connection closed without an answer
    refuse    not done, and the connection closed without an answer
    cut       done, half of the answer sent
    garbage   done, bytes that are no HTTP
    page      not done, an HTML page with status 200
    slow      done, answered after "seconds"
"""
import argparse
import importlib
import json
import os
import re
import sys
import threading
import time
import urllib.request
import urllib.error
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

BODY_MAX = 64 << 20


class Reply:
    """status, a body (bytes, or data that becomes JSON), headers."""

    def __init__(self, status, body=None, headers=None, kind="application/json"):
        self.status = status
        self.body = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.headers = headers or {}
        self.kind = kind


class Request:
    def __init__(self, handler, body):
        parts = urlsplit(handler.path)
        self.method = handler.command
        self.target = handler.path
        self.path = parts.path
        self.raw_query = parts.query
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.headers = {k.lower(): v for k, v in handler.headers.items()}
        self.body = body
        self.match = None

    def json(self):
        return json.loads(self.body)

    def form(self):
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Limits:
    """Calls in any stretch of time, as the provider counts them."""

    def __init__(self, rows):
        self.rows = rows
        self.times = []

    def take(self, now):
        for calls, seconds in self.rows:
            recent = [t for t in self.times if t > now - seconds]
            if len(recent) >= calls:
                return recent[-calls] + seconds - now
        self.times.append(now)
        if len(self.times) > 20000:
            del self.times[:10000]
        return 0


class Fake:
    def __init__(self, provider, mock):
        self.provider = provider
        self.mock = mock
        self.lock = threading.RLock()
        self.reset()

    def reset(self):
        self.faults = []
        self.log = []
        self.throttled = 0
        self.violations = []
        self.limits = Limits(self.provider.limits)

    def control(self, q):
        what = q.path[len("/_fake/"):]
        if what == "faults":
            self.faults += [dict(f, seen=0) for f in q.json()]
        elif what == "options":
            self.provider.options.update(q.json())
        elif what == "reset":
            self.reset()
        elif what == "log":
            return Reply(200, self.log)
        elif what == "state":
            return Reply(200, self.provider.state())
        elif what == "counts":
            by = {}
            for entry in self.log:
                key = entry["method"] + " " + entry["route"]
                by[key] = by.get(key, 0) + 1
            return Reply(200, {"requests": len(self.log), "throttled": self.throttled, "violations": self.violations, "by": by})
        else:
            return Reply(404, {"error": "no such control"})
        return Reply(200, {})

    def fault_for(self, q):
        for f in self.faults:
            if re.search(f["on"], q.method + " " + q.target) is None:
                continue
            f["seen"] += 1
            if f.get("nth", 1) in (0, f["seen"]):
                return f
        return None

    def route(self, q):
        """What the provider answers, and the name of the route."""
        for method, pattern, name in self.provider.routes:
            q.match = re.fullmatch(pattern, q.path)
            if method == q.method and q.match is not None:
                q.args = [unquote(a) for a in q.match.groups()]
                return getattr(self.provider, name), re.sub(r"\([^)]*\)", "*", pattern)
        return None, q.path

    def answer(self, q, fault):
        function, name = self.route(q)
        wait = 0 if self.provider.options.get("unlimited") else self.limits.take(time.monotonic())
        if wait > 0:
            self.throttled += 1
            return self.provider.throttle(wait), name
        if fault is not None and fault["kind"] == "status":
            body = fault.get("body")
            return Reply(fault["status"], body.encode() if isinstance(body, str) else body, fault.get("headers")), name
        if fault is not None and fault["kind"] in ("refuse", "page"):
            return Reply(200, b"<html>Sign in</html>", kind="text/html"), name
        refused = self.provider.authenticate(q)
        if refused is not None:
            return refused, name
        if function is None:
            return self.provider.unknown(q), name
        return function(q), name

    def check(self, q):
        """The same request to a mock that knows the provider's API description: what it finds wrong is kept."""
        path, headers = self.provider.for_mock(q)
        if path is None:
            return
        excused = getattr(self.provider, "excused", lambda body: body)
        r = urllib.request.Request(self.mock + path, data=excused(q.body) or None, method=q.method, headers=headers)
        try:
            reply = urllib.request.urlopen(r, timeout=30)
        except urllib.error.HTTPError as e:
            reply = e
        with reply:
            text = reply.read()
        wrong = [v for v in json.loads(reply.headers.get("sl-violations") or "[]") if v.get("location", [""])[0] == "request"]
        # What the description does not know at all is answered by the mock itself.
        if reply.headers.get("content-type", "").startswith("application/problem+json"):
            wrong.append({"message": text.decode(errors="replace")})
        if wrong:
            self.violations.append({"request": q.method + " " + q.target, "wrong": wrong})
        self.report(q, wrong)

    def report(self, q, wrong):
        """A line a request for tests/lib/mocks.sh: ok or wrong, method and path."""
        path = os.environ.get("MOCK_REPORT")
        if path:
            with open(path, "a", encoding="utf-8") as f:
                f.write("%s %s %s %s\n" % ("wrong" if wrong else "ok", q.method, q.target, json.dumps(wrong) if wrong else ""))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # head and body in one piece: else each answer waits for the client's delayed acknowledgement
    disable_nagle_algorithm = True
    fake = None

    def log_message(self, *args):
        pass

    def serve(self):
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), BODY_MAX))
        q = Request(self, body)
        if q.path.startswith("/_fake/"):
            with self.fake.lock:
                reply = self.fake.control(q)
            return self.send(reply)
        if self.fake.mock and getattr(self.fake.provider, "described", lambda _: True)(q):
            self.fake.check(q)
        with self.fake.lock:
            fault = self.fake.fault_for(q)
            reply, name = self.fake.answer(q, fault)
            kind = fault["kind"] if fault else None
            self.fake.log.append({"method": q.method, "path": q.target, "route": name, "status": reply.status, "fault": kind,
                                  "at": time.monotonic(), "host": q.headers.get("host")})
        if kind in ("lose", "refuse"):
            self.close_connection = True
            return None
        if kind == "slow":
            time.sleep(fault.get("seconds", 1))
        if kind == "garbage":
            self.close_connection = True
            return self.wfile.write(b"\x15\x03\x01 this is no answer\r\n\r\n")
        return self.send(reply, cut=kind == "cut")

    def send(self, reply, cut=False):
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.body or reply.status not in (204, 304):
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[:len(reply.body) // 2] if cut else reply.body)
        if cut:
            self.close_connection = True
        return None

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = serve


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """A client that hung up is no news."""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("provider")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mock")
    parser.add_argument("--option", action="append", default=[])
    args = parser.parse_args()
    provider = importlib.import_module(args.provider).Provider("http://127.0.0.1:%d" % args.port)
    for option in args.option:
        name, value = option.split("=", 1)
        provider.options[name] = json.loads(value)
    Handler.fake = Fake(provider, args.mock)
    server = Server(("127.0.0.1", args.port), Handler)
    for name, value in provider.lines().items():
        print("%s=%s" % (name, value))
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
