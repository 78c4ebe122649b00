#!/usr/bin/env python3
"""Dovecot's authentication service as Postfix's smtpd asks it: any login, with the password "secret".

  saslauth.py SOCKET

Source: doc.dovecot.org, "Dovecot Authentication Protocol v1.2" (read 2026-11): tab-separated lines, mechanisms first.
"""
import base64
import os
import socketserver
import sys


class Session(socketserver.StreamRequestHandler):
    def say(self, *fields):
        self.wfile.write("\t".join(map(str, fields)).encode() + b"\n")

    def handle(self):
        self.say("VERSION", 1, 2)
        self.say("MECH", "PLAIN", "plaintext")
        self.say("SPID", os.getpid())
        self.say("CUID", 1)
        self.say("COOKIE", "0" * 32)
        self.say("DONE")
        for line in self.rfile:
            words = line.decode().rstrip("\n").split("\t")
            if words[0] != "AUTH":
                continue
            answer = next((w[5:] for w in words if w.startswith("resp=")), "")
            _, login, password = base64.b64decode(answer).decode().split("\0")
            if password == "secret":
                self.say("OK", words[1], "user=" + login)
            else:
                self.say("FAIL", words[1], "user=" + login)


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


server = Server(sys.argv[1], Session)
os.chmod(sys.argv[1], 0o666)
server.serve_forever()
