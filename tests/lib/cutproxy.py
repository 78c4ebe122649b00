#!/usr/bin/env python3
"""A loopback TCP proxy that lets so many bytes of the server's through on each connection, and no more.

cutproxy.py PORT UPSTREAM_PORT BYTES cut|stall|strip

cut: the connection is closed then; stall: it stays, and nothing comes any more; strip: all comes, without the offer of STARTTLS.
"""
import select
import socket
import sys

HOST = "127.0.0.1"


def serve(client, upstream, allowed, how):
    """Pass bytes both ways until either end is done, or the server's are used up."""
    server = socket.create_connection((HOST, upstream))
    with client, server:
        while True:
            for ready in select.select([client] + ([server] if allowed > 0 else []), [], [])[0]:
                data = ready.recv(min(65536, allowed) if ready is server else 65536)
                if not data:
                    return
                if how == "strip":
                    data = data.replace(b"STARTTLS", b"XTARTTLS").replace(b"LOGINDISABLED", b"AUTH=PLAIN")
                (client if ready is server else server).sendall(data)
                if ready is server and how != "strip":
                    allowed -= len(data)
            if allowed <= 0 and how == "cut":
                return


def main():
    port, upstream, allowed = (int(a) for a in sys.argv[1:4])
    with socket.create_server((HOST, port), backlog=16) as listener:
        while True:
            client, _ = listener.accept()
            try:
                serve(client, upstream, allowed, sys.argv[4])
            except OSError:
                pass


main()
