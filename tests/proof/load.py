#!/usr/bin/env python3
"""Real processes at once, recounted afterwards by somebody who saw only their answers.

    load.py race              a hundred checks for the last token, without and beside a daemon: exactly one wins
    load.py random SECONDS    checks, a freeze and Postfix's connections against one store, with a daemon that is killed and
                              started again under them
"""
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time

from stage import LIMIT, LOCALS, OTHER, SENDING, Policy, Report, Stage, Witness, mailbox, scratch

RACERS = 100
WARM = mailbox("hugo")


def set_stage(path):
    stage = Stage(path)
    os.mkdir(path, 0o700)
    stage.configure()
    stage.must("provision", "northwind.example", "--yes")
    return stage


def race(report, root):
    for with_daemon in (False, True):
        where = "asking a daemon" if with_daemon else "each on the store itself"
        stage = set_stage(f"{root}/race{int(with_daemon)}")
        stage.must("check", mailbox("anna"), "--to", "first@fabrikam.example")
        if with_daemon:
            stage.serve()
        racers = [subprocess.Popen(stage.command("check", mailbox("anna"), "--to", f"r{n}@x{n}.example"), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE) for n in range(RACERS)]
        said = [(p.communicate()[0].decode(), p.returncode) for p in racers]
        stage.end()
        won = sum(code == 0 for _, code in said)
        odd = [s for s in said if s[1] not in (0, 75)]
        report.result(won == 1 and not odd, f"of {RACERS} checks for the last token, {where}, exactly one wins", f"{won} won; {odd[:2]}")


class Load:
    def __init__(self, stage, seed):
        self.stage, self.seed, self.stop = stage, seed, threading.Event()
        self.lock = threading.Lock()
        self.told = {}      # (box, to, id) -> ticket, or "" from Postfix's side
        self.frozen_at = None
        self.wrong = []
        self.asked = 0

    def note(self, question, ticket, began):
        with self.lock:
            if self.frozen_at is not None and began > self.frozen_at and question[0].endswith("@" + OTHER):
                self.wrong.append(f"{question} was allowed after the freeze had returned")
            before = self.told.setdefault(question, ticket)
            if before != ticket:
                self.wrong.append(f"{question} was given {before} and {ticket}")

    def question(self, dice):
        box = mailbox(dice.choice(LOCALS), dice.choice((SENDING, OTHER)))
        to = WARM if dice.random() < 0.4 and box != WARM else f"someone@fabrikam{dice.randrange(3)}.example"
        return box, to, f"<{dice.randrange(12)}@x>"

    def checks(self, n):
        dice = random.Random(f"{self.seed} {n}")
        while not self.stop.is_set():
            box, to, ident = self.question(dice)
            began = time.monotonic()
            code, out, err = self.stage.run("check", box, "--to", to, "--message-id", ident)
            self.asked += 1
            if code == 0:
                self.note((box, to, ident), json.loads(out)["ticket"], began)
            elif code not in (69, 74, 75, 77):
                self.wrong.append(f"exit {code}: {out} {err}")

    def postfix(self, n):
        dice = random.Random(f"{self.seed} p{n}")
        line = None
        while not self.stop.is_set():
            box, to, ident = self.question(dice)
            began = time.monotonic()
            try:
                line = line or Policy(self.stage.socket)
                said = line.ask(ident, box, to)
            except OSError:
                said = ""
            if said == "":
                if line:
                    line.close()
                line = None
                time.sleep(0.01)
            elif said == "DUNNO":
                self.note((box, to, "instance " + ident), "", began)
            self.asked += 1
        if line:
            line.close()

    def killer(self):
        dice = random.Random(f"{self.seed} k")
        while not self.stop.wait(dice.random() * 0.6):
            self.stage.end(kill=dice.random() < 0.8)
            self.stage.serve()

    def freezer(self, seconds):
        if self.stop.wait(seconds / 2):
            return
        code, out, err = self.stage.run("freeze", OTHER, "--reason", "test")
        if code != 0:
            self.wrong.append(f"freeze: exit {code}: {out} {err}")
        self.frozen_at = time.monotonic()

    def recount(self):
        """Within one day every send counts; what nobody was told of may be charged, and is not counted."""
        w = Witness()
        said = w.tell("open", self.stage.path)
        if said != "ok":
            self.wrong.append(said)
        for box in (mailbox(x, d) for x in LOCALS for d in (SENDING, OTHER)):
            left = w.tell("look", box, "someone@fabrikam0.example").split(" ")
            for kind, text in zip(("outbound", "warmup"), left[1:3]):
                mine = [q for q in self.told if q[0] == box and (q[1] == WARM) == (kind == "warmup")]
                if len(mine) > LIMIT[kind]:
                    self.wrong.append(f"{box}: {len(mine)} {kind} sends were allowed: {mine}")
                if LIMIT[kind] - int(text) < len(mine):
                    self.wrong.append(f"{box}: {len(mine)} {kind} sends were allowed, {LIMIT[kind] - int(text)} are charged")
            for question, ticket in self.told.items():
                if question[0] != box or not ticket or box.endswith("@" + OTHER):
                    continue
                again = w.tell("ask", *question)
                if again != f"allow {ticket}":
                    self.wrong.append(f"{question} was given {ticket}, and now: {again}")
        w.end()


def random_load(report, root, seconds, seed):
    load = Load(set_stage(root + "/load"), seed)
    load.stage.serve()
    threads = [threading.Thread(target=load.checks, args=(n,)) for n in range(4)]
    threads += [threading.Thread(target=load.postfix, args=(n,)) for n in range(4)]
    threads += [threading.Thread(target=load.killer), threading.Thread(target=load.freezer, args=(seconds,))]
    for t in threads:
        t.start()
    time.sleep(seconds)
    load.stop.set()
    for t in threads:
        t.join()
    load.stage.end()
    load.recount()
    report.result(not load.wrong and len(load.told) >= 20,
                  f"processes and a daemon that is killed, {load.asked} questions in {seconds} s, {len(load.told)} sends: the recount holds",
                  f"seed {seed}, {len(load.told)} sends: {'; '.join(load.wrong[:3])}")


def main():
    report, root = Report(), scratch()
    try:
        if sys.argv[1] == "race":
            race(report, root)
        else:
            random_load(report, root, float(sys.argv[2]), int(sys.argv[3]))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
