#!/usr/bin/env python3
"""Kills the gate in the middle of decisions, and recounts afterwards by asking it.

  killed_gate.py PROGRAM CONFIG SHIM EVERY OFFSET SECONDS MAILBOX...

The store beside CONFIG is what each trial starts from: MAILBOXes that have spent nothing, 2 outbound and 2 warm-up tokens each.

  check    a one-shot killed before its N-th visible step, N = OFFSET, OFFSET + EVERY, ... until it lives to its end
  long     the same over a store with a log so long that the one-shot writes it back when it closes
  serve    the same for the daemon, with several connections whose questions wait for one commit
  crowd    so many of them that a second thread works on the round
  many     SECONDS of writers, through the daemon and beside it, one of them or the daemon killed at random moments

What was acknowledged is known to the asker alone.  Whoever got no answer asks again with the same id.  Then:
  forgotten     an acknowledged allow whose id is answered with another ticket, or not at all
  charged twice one id, and more than one token gone
  over budget   more ids allowed than there are tokens
"""
import atexit
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

PROGRAM, CONFIG, SHIM = sys.argv[1:4]
EVERY, OFFSET, SECONDS = int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6])
MAILBOXES = sys.argv[7:]
# What is installed under the program's name, and asks the daemon; sanitized builds have none.
FRONT = os.path.join(os.path.dirname(PROGRAM), "bin", "coldrelay")
if not os.path.exists(FRONT):
    FRONT = PROGRAM
HOME = os.path.dirname(CONFIG)
PLACE = os.path.join(HOME, "gate.sock")
ALONE = os.path.join(HOME, "alone.cfg")
STRANGER = "li@fabrikam.example"
LIMIT = 2
PATIENCE_S = 30
LONG_LOG_BYTES = 5 * 1024 * 1024  # more than 4,000 pages of 1 KiB
random_of_run = random.Random(int(os.environ.get("KILL_SEED", "0")) or None)
failed = False


def tell(name, why):
    global failed
    if why:
        failed = True
        print("not ok %s: %s" % (name, " ".join(why.split())), flush=True)
    else:
        print("ok " + name, flush=True)


class Wrong(Exception):
    pass


def store_files():
    return [f for f in os.listdir(HOME) if f.startswith("store.db")]


start = ""


def keep(name):
    """What stands there now is what trials start from."""
    global start
    start = os.path.join(HOME, name)
    os.mkdir(start)
    for f in store_files():
        shutil.copy2(os.path.join(HOME, f), os.path.join(start, f))


def restore():
    for f in store_files():
        os.unlink(os.path.join(HOME, f))
    for f in os.listdir(start):
        shutil.copy2(os.path.join(start, f), os.path.join(HOME, f))


def configure_alone():
    with open(CONFIG) as whole, open(ALONE, "w") as alone:
        alone.write(whole.read() + "use_daemon = false;\n")


def run(*arguments, config=ALONE, env=None):
    """The exit code, negative a signal's, and the answer when there was a whole one."""
    done = subprocess.run([PROGRAM, "-c", config, "--json", *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, env={**os.environ, **(env or {})}, timeout=PATIENCE_S)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode, {"verdict": None, "message": done.stderr}


def check(mailbox, ident, recipient=STRANGER, **how):
    return run("check", mailbox, "--to", recipient, "--message-id", ident, **how)


def left(mailbox, kind="outbound"):
    answer = run("why", mailbox, STRANGER)[1]
    if "left" not in answer:
        raise Wrong("why: %s" % answer)
    return answer["left"][kind]


def want(got, wanted, what):
    if got not in wanted:
        raise Wrong("%s: %s" % (what, got))


# One process.


def killed_check(n):
    """Was it killed?"""
    box = MAILBOXES[0]
    restore()
    killed, first = check(box, "a", env={"LD_PRELOAD": SHIM, "KILL_AT": str(n), "KILL_FINE": "1"})
    want(killed, (0, -signal.SIGKILL), "the killed one's exit")
    acknowledged = first["verdict"] == "allow"
    if not acknowledged and killed == 0:
        raise Wrong("exit 0 without allow")
    want(left(box), (LIMIT - 1,) if acknowledged else (LIMIT - 1, LIMIT), "left after the kill")
    code, again = check(box, "a")
    want(code, (0,), "the same id again")
    if acknowledged and again["ticket"] != first["ticket"]:
        raise Wrong("an acknowledged ticket was forgotten")
    want(left(box), (LIMIT - 1,), "left after the same id twice")
    want(check(box, "b")[0], (0,), "the second message")
    want(check(box, "c")[0], (75,), "the third message")
    return killed != 0


def step_by_step(name, trial, every=EVERY):
    first = (OFFSET - 1) % every + 1
    n = first
    trials = 0
    while True:
        try:
            if not trial(n):
                break
        except Wrong as why:
            tell("%s: killed before step %d" % (name, n), str(why))
            return trials
        trials += 1
        n += every
    tell("%s: killed before %s steps of a decision: nothing acknowledged is forgotten, nothing is charged twice" %
         (name, "all" if every == 1 else "some"), "" if trials else "nothing was killed")
    print("# %s: %d kills, one in %d from %d" % (name, trials, every, first), flush=True)
    return trials


# The daemon.  None outlives this program, however that ends.


running = set()


def end_all():
    for process in running:
        process.kill()
        process.wait()
    running.clear()


atexit.register(end_all)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


class Daemon:
    def __init__(self, env=None):
        self.log = open(os.path.join(HOME, "serve.log"), "ab+")
        start = self.log.seek(0, os.SEEK_END)
        self.process = subprocess.Popen([PROGRAM, "-c", CONFIG, "serve"], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, env={**os.environ, **(env or {})})
        running.add(self.process)
        end = time.monotonic() + PATIENCE_S
        while True:
            self.log.seek(start)
            if b"listening on" in self.log.read():
                return
            if self.process.poll() is not None or time.monotonic() > end:
                raise Wrong("the daemon does not start")
            time.sleep(0.002)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()
        running.discard(self.process)
        self.log.close()


class Postfix:
    """One policy connection; an answer is None when the connection ended before it."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(PLACE)

    def ask(self, state, instance, mailbox, recipient=STRANGER):
        lines = ("request=smtpd_access_policy", "protocol_state=" + state, "instance=" + instance,
                 "client_address=127.0.0.1", "sender=" + mailbox, "recipient=" + recipient,
                 "recipient_count=%d" % (state != "RCPT"))
        try:
            self.socket.sendall(("\n".join(lines) + "\n\n").encode())
        except OSError:
            pass

    def answer(self):
        text = b""
        try:
            while not text.endswith(b"\n\n"):
                got = self.socket.recv(4096)
                if not got:
                    return None
                text += got
        except ConnectionError:
            return None
        return text.decode()

    def close(self):
        self.socket.close()


def said(instance, mailbox):
    connection = Postfix()
    connection.ask("END-OF-MESSAGE", instance, mailbox)
    answer = connection.answer()
    connection.close()
    return answer


def killed_daemon(n, boxes, instances):
    """Was it killed?  Each of the boxes asks once with each of the instances, all in one round."""
    restore()
    daemon = Daemon({"LD_PRELOAD": SHIM, "KILL_AT": str(n), "KILL_FINE": "1", "KILL_SERVE": "1"})
    asked = [(box, instance) for box in boxes for instance in instances]
    acknowledged = dict.fromkeys(boxes, 0)
    lived = True
    try:
        connections = [Postfix() for _ in asked]
        # While it stands still all questions arrive: one round, one commit.
        daemon.signal(signal.SIGSTOP)
        for connection, (box, instance) in zip(connections, asked):
            connection.ask("END-OF-MESSAGE", instance, box)
        daemon.signal(signal.SIGCONT)
        for connection, (box, instance) in zip(connections, asked):
            answer = connection.answer()
            want(answer, ("action=DUNNO\n\n", None), "answer")
            acknowledged[box] += answer is not None
            lived = lived and answer is not None
            connection.close()
    finally:
        daemon.kill()
    for box in boxes:
        want(left(box), range(LIMIT - len(instances), LIMIT - acknowledged[box] + 1),
             "left after the kill and %d answers" % acknowledged[box])
    daemon = Daemon()
    try:
        for box, instance in asked:
            want(said(instance, box), ("action=DUNNO\n\n",), "the same instance again")
        for box in boxes:
            want(left(box), (LIMIT - len(instances),), "left after the same instances twice")
            if len(instances) < LIMIT:
                want(said("y", box), ("action=DUNNO\n\n",), "the second message")
            want(said("z", box)[:12], ("action=DEFER",), "the third message")
    finally:
        daemon.kill()
    return not lived


def killed_serve(n):
    return killed_daemon(n, MAILBOXES[:3], ["a"])


def killed_crowd(n):
    return killed_daemon(n, MAILBOXES, ["a", "b"])


# A long log.


def lines_of(connection, *lines):
    connection.socket.sendall(("\n".join(lines) + "\n\n").encode())
    answer = connection.answer()
    return dict(line.split("=", 1) for line in (answer or "").splitlines() if "=" in line)


def keep_long_log():
    """Spends and gives back, until the log is long; then the daemon dies."""
    restore()
    daemon = Daemon()
    connection = Postfix()
    try:
        while os.path.getsize(os.path.join(HOME, "store.db-wal")) < LONG_LOG_BYTES:
            answer = lines_of(connection, "request=coldrelay_check", "mailbox=" + MAILBOXES[-1], "recipient=" + STRANGER)
            want(answer.get("verdict"), ("allow",), "a spend to lengthen the log")
            lines_of(connection, "request=coldrelay_release", "ticket=" + answer["ticket"])
    finally:
        connection.close()
        daemon.kill()
    keep("long")


# Many writers.


class Writer(threading.Thread):
    """Asks for random mailboxes, each id until it has an answer.  Its one-shot may be killed by others."""

    def __init__(self, number, through_daemon, until):
        super().__init__()
        self.number, self.through_daemon, self.until = number, through_daemon, until
        self.random = random.Random(random_of_run.random())
        self.allowed, self.child, self.asked, self.why = [], None, 0, ""

    def one_shot(self, mailbox, ident, recipient):
        program = (FRONT, "-c", CONFIG) if self.number % 2 else (PROGRAM, "-c", ALONE)
        self.child = subprocess.Popen([*program, "--json", "check", mailbox, "--to", recipient, "--message-id", ident],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        text = self.child.communicate(timeout=PATIENCE_S)[0]
        try:
            return json.loads(text)["verdict"]
        except ValueError:
            return None

    def question(self, mailbox, ident, recipient):
        try:
            connection = Postfix()
        except OSError:
            return None
        connection.ask("END-OF-MESSAGE", ident, mailbox, recipient)
        answer = connection.answer()
        connection.close()
        if answer is None or answer.startswith("action=DEFER 4.3.0"):
            return None
        return "allow" if answer.startswith("action=DUNNO") else "wait"

    def run(self):
        try:
            while time.monotonic() < self.until:
                mailbox = self.random.choice(MAILBOXES)
                recipient = self.random.choice((STRANGER, MAILBOXES[0]))
                ident = "%d-%d" % (self.number, self.asked)
                self.asked += 1
                verdict, end = None, time.monotonic() + PATIENCE_S
                ask = self.question if self.through_daemon else self.one_shot
                while verdict is None:
                    if time.monotonic() > end:
                        raise Wrong("no answer in time")
                    verdict = ask(mailbox, ident, recipient)
                if verdict == "allow":
                    self.allowed.append((mailbox, ident, recipient))
        except (Wrong, subprocess.TimeoutExpired, OSError) as why:
            self.why = str(why)


def round_of_many(seconds):
    restore()
    daemon = Daemon()
    until = time.monotonic() + seconds
    writers = [Writer(i, i < 3, until) for i in range(6)]
    for writer in writers:
        writer.start()
    kills = 0
    while time.monotonic() < until:
        time.sleep(random_of_run.uniform(0.001, 0.05))
        victim = random_of_run.choice(writers)
        if victim.through_daemon:
            daemon.kill()
            daemon = Daemon()
            kills += 1
        elif victim.child is not None and victim.child.poll() is None:
            victim.child.kill()
            kills += 1
    for writer in writers:
        writer.join()
        if writer.why:
            raise Wrong(writer.why)
    recount(daemon, writers)
    daemon.kill()
    return kills, sum(len(w.allowed) for w in writers)


def recount(daemon, writers):
    spent = {}
    for writer in writers:
        for mailbox, ident, recipient in writer.allowed:
            kind = "warmup" if recipient == MAILBOXES[0] else "outbound"
            spent.setdefault((mailbox, kind), []).append(ident)
    for (mailbox, kind), idents in spent.items():
        if len(idents) > LIMIT:
            raise Wrong("over budget: %s %s %s" % (mailbox, kind, idents))
    before = {(m, k): left(m, k) for m in MAILBOXES for k in ("outbound", "warmup")}
    for (mailbox, kind), free in before.items():
        want(free, (LIMIT - len(spent.get((mailbox, kind), ())),), "%s %s left, allowed %s" %
             (mailbox, kind, spent.get((mailbox, kind))))
    for writer in writers:
        for mailbox, ident, recipient in writer.allowed:
            if writer.through_daemon:
                want(writer.question(mailbox, ident, recipient), ("allow",), "an acknowledged instance again")
            else:
                want(check(mailbox, ident, recipient)[0], (0,), "an acknowledged id again")
    for (mailbox, kind), free in before.items():
        want(left(mailbox, kind), (free,), "%s %s left after all ids again" % (mailbox, kind))


def many():
    end = time.monotonic() + SECONDS
    rounds = kills = allowed = 0
    why = ""
    while not why and time.monotonic() < end:
        try:
            k, a = round_of_many(0.6)
            rounds, kills, allowed = rounds + 1, kills + k, allowed + a
        except Wrong as wrong:
            why = str(wrong)
            end_all()
    tell("many writers, killed at random: each allow is remembered, each id is charged once, no budget is exceeded", why)
    print("# many: %d rounds, %d kills, %d allowed" % (rounds, kills, allowed), flush=True)


configure_alone()
keep("start")
steps = step_by_step("check", killed_check)
# A round is a few long steps.
step_by_step("serve", killed_serve, max(EVERY // 3, 1))
step_by_step("crowd", killed_crowd, max(EVERY // 3, 1))
many()
keep_long_log()
if step_by_step("long", killed_check) <= steps:
    tell("a long log is written back by the one-shot", "no more steps than with a short one")
sys.exit(failed)
