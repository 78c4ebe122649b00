#!/usr/bin/env python3
"""Stands between Postfix and its policy service, and loses one answer when it is told to.

  losereply.py LISTEN UPSTREAM LOSE LOST GO

While the file LOSE is there, the next answer to a question at END-OF-MESSAGE is read and not passed on: LOSE is removed, LOST is
made, and once GO is there too the connection to Postfix is closed.
"""
import os
import socket
import socketserver
import sys
import time

LISTEN, UPSTREAM, LOSE, LOST, GO = sys.argv[1:]
PATIENCE_S = 60


def block(lines):
    """Up to and with the empty line; b"" at the end."""
    text = b""
    while not text.endswith(b"\n\n"):
        line = lines.readline()
        if not line:
            return b""
        text += line
    return text


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        service = socket.socket(socket.AF_UNIX)
        try:
            service.connect(UPSTREAM)
        except OSError:
            return
        answers = service.makefile("rb")
        while True:
            question = block(self.rfile)
            if not question:
                return
            service.sendall(question)
            answer = block(answers)
            if not answer:
                return
            if b"protocol_state=END-OF-MESSAGE\n" in question and os.path.exists(LOSE):
                os.unlink(LOSE)
                open(LOST, "w").close()
                end = time.monotonic() + PATIENCE_S
                while not os.path.exists(GO) and time.monotonic() < end:
                    time.sleep(0.01)
                return
            self.wfile.write(answer)


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


server = Server(LISTEN, Session)
os.chmod(LISTEN, 0o666)
server.serve_forever()
