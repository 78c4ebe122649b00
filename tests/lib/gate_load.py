#!/usr/bin/env python3
"""Load on gates from the outside, and what they answered.

  gate_load.py load OUT SECONDS SOCKET... -- MAILBOX...   ask for random mailboxes over four connections a socket, until the time is over
                                                          or SIGTERM comes
  gate_load.py ask SOCKET MAILBOX INSTANCE                ask once; prints the answer, or "unknown"
  gate_load.py blackhole PORT TARGET_PORT                 a TCP proxy; on SIGUSR1 it passes nothing any more and closes nothing, on
                                                          SIGUSR2 it passes again (what it held, and new connections)

OUT gets one line more an answer: "admit MAILBOX", "no MAILBOX WORD", "unknown MAILBOX" (the connection closed without one), and at the end
"slowest SECONDS".
"""
import os
import random
import select
import signal
import socket
import sys
import threading
import time


def ask(stream, mailbox, instance):
    stream.write((
        "request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nprotocol_name=ESMTP\n"
        f"sender={mailbox}\nsasl_username={mailbox}\nrecipient=x{instance}@org{instance}.example\nrecipient_count=1\n"
        f"instance={instance}\nclient_address=127.0.0.1\n\n").encode())
    stream.flush()
    answer = ""
    while True:
        line = stream.readline().decode()
        if line in ("", "\n"):
            return answer
        answer = line.strip()


def client(path, mailboxes, end, lines, slowest, seed):
    dice = random.Random(seed)
    n = 0
    stream = None
    while time.monotonic() < end and not ending.is_set():
        mailbox = dice.choice(mailboxes)
        n += 1
        start = time.monotonic()
        try:
            if stream is None:
                s = socket.socket(socket.AF_UNIX)
                s.settimeout(60)
                s.connect(path)
                stream = s.makefile("rwb")
            answer = ask(stream, mailbox, f"{seed}.{n}")
        except OSError:
            answer = ""
        slowest[0] = max(slowest[0], time.monotonic() - start)
        if answer == "action=DUNNO":
            lines.append(f"admit {mailbox}")
        elif answer == "":
            lines.append(f"unknown {mailbox}")
            stream = None
            time.sleep(0.02)
        else:
            lines.append(f"no {mailbox} {answer}")
            if "(store)" in answer:
                time.sleep(0.02)


ending = threading.Event()


def load(out, seconds, sockets, mailboxes):
    lines, slowest, threads = [], [0.0], []
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    end = time.monotonic() + float(seconds)
    for i, path in enumerate(sockets * 4):
        t = threading.Thread(target=client, args=(path, mailboxes, end, lines, slowest, os.getpid() * 100 + i))
        t.start()
        threads.append(t)
    for t in threads:
        t.join()
    with open(out, "a", encoding="ascii") as f:
        f.write("\n".join(lines) + f"\nslowest {slowest[0]:.2f}\n")


def blackhole(port, target):
    state = {"open": True}
    signal.signal(signal.SIGUSR1, lambda *_: state.update(open=False))
    signal.signal(signal.SIGUSR2, lambda *_: state.update(open=True))
    listener = socket.create_server(("127.0.0.1", int(port)))
    pairs = {}
    print("ready", flush=True)
    while True:
        watched = [listener, *pairs] if state["open"] else []
        ready = select.select(watched, [], [], 0.05)[0]
        for s in ready:
            if s is listener:
                a = listener.accept()[0]
                b = socket.create_connection(("127.0.0.1", int(target)))
                pairs[a], pairs[b] = b, a
                continue
            if s not in pairs:
                continue
            try:
                data = s.recv(65536)
                if data:
                    pairs[s].sendall(data)
                    continue
            except OSError:
                pass
            other = pairs.pop(s)
            pairs.pop(other, None)
            s.close()
            other.close()


def ask_once(path, mailbox, instance):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(path)
        with s.makefile("rwb") as stream:
            print(ask(stream, mailbox, instance) or "unknown")


if sys.argv[1] == "ask":
    ask_once(*sys.argv[2:])
elif sys.argv[1] == "load":
    cut = sys.argv.index("--")
    load(sys.argv[2], sys.argv[3], sys.argv[4:cut], sys.argv[cut + 1:])
else:
    blackhole(sys.argv[2], sys.argv[3])
