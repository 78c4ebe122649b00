#!/usr/bin/env python3
"""Lets each call on the store's files go wrong in turn, and holds what was answered against the store afterwards.

For a check of its own, and for the daemon from its start to its answer: the N-th call that can fail that way fails once, or that one
and all after it (tests/lib/preload/faultshim.c).  Whatever is answered:

  allow      no sync failed before it, and the spend is in the store: the same id gets the same ticket;
  4.3.0      nothing was written: the whole budget is left;
  silence    the connection was closed; asked again, it is one send;
  no start   the daemon ended, and said why.

Then the fault is over: the store opens whole, the same question is allowed, and of two outbound tokens one is left.

    faults.py [--every N] [--offset N]        each N-th call, from the offset on
"""
import argparse
import json
import os
import shutil
import sys

from stage import BUILD, Policy, Report, Stage, Witness, copy_store, mailbox, scratch

BOX, TO = mailbox("anna"), "someone@fabrikam.example"
KINDS = ("eio", "enospc", "eintr", "short")
FOREVER = 1000000
UNAVAILABLE, IO_ERROR = 69, 74
SYNCS = ("fsync", "fdatasync")


class Trial:
    def __init__(self, root, template, kind, lasting, n):
        self.root, self.path, self.hit_file = root, root + "/trial", root + "/hit"
        self.kind, self.lasting, self.n = kind, lasting, n
        copy_store(template, self.path)
        self.stage = Stage(self.path)
        self.stage.configure()
        if os.path.exists(self.hit_file):
            os.unlink(self.hit_file)

    def env(self):
        return {"LD_PRELOAD": BUILD + "/faultshim.so", "FAULT_DIR": self.path, "FAULT_KIND": self.kind, "FAULT_AT": str(self.n),
                "FAULT_FOR": str(FOREVER if self.lasting else 1), "FAULT_HIT": self.hit_file}

    def hit(self):
        """Where it struck; None: the program had fewer calls."""
        try:
            with open(self.hit_file, encoding="ascii") as f:
                return f.read().split(" ")[0]
        except FileNotFoundError:
            return None

    def harmless(self):
        """POSIX has these in every call: whoever does not go on is at fault."""
        return self.kind in ("eintr", "short") and not self.lasting


def opened(w, path):
    said = w.tell("open", path)
    return None if said == "ok" else f"the store does not open: {said}"


def left(w):
    return int(w.tell("look", BOX, TO).split(" ")[1])


def recount(w, path, question, ticket=None):
    """After the fault: question has been allowed once, by whomever, or is now; and the budget holds exactly one more."""
    wrong = opened(w, path)
    if wrong is None and question is not None:
        said = w.tell("ask", BOX, TO, question)
        if not said.startswith("allow") or ticket is not None and said != f"allow {ticket}":
            wrong = f"answered {ticket}, asked again: {said}"
    if wrong is None and left(w) != 1:
        wrong = f"of two tokens {left(w)} are left after one send"
    for want in ("allow", "wait"):
        said = w.tell("ask", BOX, TO, "") if wrong is None else want
        if not said.startswith(want):
            wrong = f"the next send: {said}, and should {want}"
    w.tell("close")
    return wrong


def trial_check(t, w):
    code, out, err = t.stage.run("check", BOX, "--to", TO, "--message-id", "<1@x>", env=t.env())
    struck = t.hit()
    if struck is None and code == 0:
        return None, None
    answer = json.loads(out) if out else {}
    if code == 0 and answer.get("verdict") != "allow":
        return struck, f"exit 0 and {out}"
    if code == 0 and struck in SYNCS:
        return struck, "allowed, and its sync had failed"
    if code != 0 and (code not in (UNAVAILABLE, IO_ERROR) or answer.get("verdict") != "wait" or answer.get("reason") != "store"):
        return struck, f"exit {code}: {out} {err}"
    if code != 0 and t.harmless():
        return struck, f"gave up: {out}"
    return struck, recount(w, t.path, "<1@x>", answer.get("ticket"))


def ask_daemon(stage):
    try:
        line = Policy(stage.socket)
    except OSError:
        return None
    said = line.ask("1", BOX, TO)
    line.close()
    return said


def judge_answer(t, w, said):
    if said == "DUNNO" and t.hit() in SYNCS:
        return "allowed, and its sync had failed"
    if said not in ("", "DUNNO") and not said.startswith("DEFER 4.3.0 "):
        return f"answered '{said}'"
    if said.startswith("DEFER"):
        wrong = opened(w, t.path) if not t.lasting else None
        if wrong is None and not t.lasting and left(w) != 2:
            wrong = f"answered '{said}', and {left(w)} of 2 tokens are left"
        w.tell("close")
        return wrong
    return None


def trial_serve(t, w):
    wrong = None
    if not t.stage.serve(t.env()):
        code, said = t.stage.end(True)
        if code not in (UNAVAILABLE, IO_ERROR, 78) or not said:
            return t.hit(), f"the daemon does not start: exit {code}: {said}"
        if t.harmless():
            return t.hit(), f"the daemon gave up: {said}"
    else:
        said = ask_daemon(t.stage)
        wrong = "a daemon that listens takes no connection" if said is None else judge_answer(t, w, said)
        if wrong is None and said != "DUNNO" and t.harmless():
            wrong = f"answered '{said}'"
        if wrong is None and not t.lasting:
            # Postfix asks again after a second; the daemon, or the one that is started in its place, has found its way.
            # Once more where the fault was waiting for this second question.
            again = ask_daemon(t.stage)
            if said == "DUNNO" and (again or "").startswith("DEFER 4.3.0 "):
                again = ask_daemon(t.stage)
            if not again:
                # It has ended, or is about to: it must do so by itself.
                code = t.stage.leave()
                if code in (None, 0):
                    return t.hit(), f"answered '{said}', then nothing, and does not end in trouble: {code}"
                again = ask_daemon(t.stage) if t.stage.serve() else "no daemon"
            if again != "DUNNO":
                wrong = f"answered '{said}', and when the fault is over '{again}'"
        t.stage.end()
    if t.hit() is None and wrong is None:
        return None, None
    if wrong is None and not t.stage.serve():
        wrong = f"no daemon starts when the fault is over: {t.stage.end(True)[1]}"
    if wrong is None:
        said = ask_daemon(t.stage)
        wrong = None if said == "DUNNO" else f"when the fault is over, a new daemon says '{said}'"
    t.stage.end()
    return t.hit(), wrong or recount(w, t.path, None)


def sweep(report, root, template, what, trial, every, offset):
    w, trials, failed = Witness(), 0, report.failed
    struck = {}
    for kind in KINDS:
        # Interrupted for ever is no fault that exists.
        for lasting in (False, True) if kind != "eintr" else (False,):
            n = offset
            while n < 3000:
                t = Trial(root, template, kind, lasting, n)
                try:
                    where, wrong = trial(t, w)
                except RuntimeError as e:
                    where, wrong, w = "?", str(e), Witness()
                finally:
                    t.stage.end(True)
                if where is None and wrong is None:
                    break
                trials += 1
                struck[where] = struck.get(where, 0) + 1
                if wrong is not None:
                    report.fail(f"{what}: {kind} {'from then on' if lasting else 'once'} at call {n} ({where})", wrong)
                n += every
    w.end()
    if report.failed == failed:
        where = ", ".join(f"{k} {v}" for k, v in sorted(struck.items()))
        report.result(trials > 5, f"{what}: no allow without its spend, {trials} faults ({where})", "nothing was struck")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--every", type=int, default=1)
    p.add_argument("--offset", type=int, default=1)
    args = p.parse_args()
    report, root = Report(), scratch()
    try:
        template = Stage(root + "/template")
        os.mkdir(template.path, 0o700)
        template.configure()
        template.must("provision", "northwind.example", "--yes")
        # A log with something in it, and no index beside it: the first to come reads it from the start.
        template.must("check", mailbox("ben"), "--to", TO)
        sweep(report, root, template.path, "check", trial_check, args.every, args.offset)
        sweep(report, root, template.path, "serve", trial_serve, args.every, args.offset)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
