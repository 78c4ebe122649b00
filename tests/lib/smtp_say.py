#!/usr/bin/env python3
"""One SMTP session, command by command, on 127.0.0.1.

  smtp_say.py PORT LOGIN COMMAND...     LOGIN "-": without one; else AUTH PLAIN with the password "secret", or $SMTP_PASSWORD

Prints a line for each command: the last line of its reply, code first.  Besides SMTP's own commands:
  MESSAGE ID    a message with that id and the final dot; left out when DATA was not taken
  CHUNK ID      the same by BDAT (RFC 3030)
  MADE FILE     makes the file: tells a script that all before this is answered
  AWAIT FILE    waits until the file is there
"""
import base64
import os
import socket
import sys
import time

PATIENCE_S = 60


class Session:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.lines = self.socket.makefile("rb")

    def send(self, text):
        self.socket.sendall(text.encode() + b"\r\n")

    def reply(self):
        while True:
            line = self.lines.readline().decode().rstrip("\r\n")
            if not line:
                sys.exit("the connection ended")
            if line[3:4] != "-":
                return line


def message(ident, sender):
    return ("From: a person <%s>\r\nSubject: a test\r\nMessage-ID: <%s@test>\r\n\r\nHello.\r\n." % (sender, ident))


def await_file(path):
    end = time.monotonic() + PATIENCE_S
    while not os.path.exists(path):
        if time.monotonic() > end:
            sys.exit("nobody made " + path)
        time.sleep(0.01)


def run(port, login, commands):
    session = Session(port)
    start = ["EHLO client.example"]
    session.reply()
    if login != "-":
        token = base64.b64encode(("\0%s\0%s" % (login, os.environ.get("SMTP_PASSWORD", "secret"))).encode()).decode()
        start.append("AUTH PLAIN " + token)
    for command in start:
        session.send(command)
        answer = session.reply()
        if answer[0] != "2":
            sys.exit("%s: %s" % (command.split()[0], answer))
    answer = sender = ""
    for command in commands:
        word, _, rest = command.partition(" ")
        if command.startswith("MAIL FROM:<"):
            sender = command[len("MAIL FROM:<"):].partition(">")[0] or sender
        if word == "MADE":
            open(rest, "w").close()
        elif word == "AWAIT":
            await_file(rest)
        elif word == "CHUNK":
            text = message(rest, sender)[:-1]
            session.send("BDAT %d LAST\r\n%s" % (len(text), text[:-2]))
            answer = session.reply()
            print(answer, flush=True)
        elif word != "MESSAGE" or answer[:3] == "354":
            session.send(message(rest, sender) if word == "MESSAGE" else command)
            answer = session.reply()
            print(answer, flush=True)
    session.send("QUIT")
    session.reply()


run(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
