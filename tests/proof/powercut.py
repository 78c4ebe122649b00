#!/usr/bin/env python3
"""Cuts the power at every point of a recorded run, and looks at the disks that may be left.

The run is real: the program, its daemon, freezes, tickets given back, write-backs of the log, processes killed in the place of a
sync, syncs that fail.  tests/lib/preload/traceshim.c writes down every write, sync and name in the store's directory, and every
answer at the moment it leaves.

What a disk holds after a cut: all that was synced; of what was written since, nothing, everything, or any part, by whole writes, by
sectors of 512 bytes, one file ahead of the other, and so in any order.  A file whose directory was not synced may be missing.  What a failed sync was to
write may be there or not for good, whatever is synced later.  (Not covered: sectors that come back wrong or half written, writes the
disk itself forgets after it said they are safe, and the mail host's files.)

Each disk is opened by the library and must be whole: pages, audit chain.  Every send that was answered before the cut must be
charged: the same id is given the same ticket, and what is left of each budget is the limit less what was answered, less at most what
was asked and not answered.  What was frozen is frozen.  Then the budgets are spent to their end: no ticket is given twice.

    powercut.py [--states N] [--seed N] [--keep DIRECTORY]        about N disks: from 3000 on, every cut point
"""
import argparse
import json
import os
import random
import shutil
import signal
import struct
import sys

from stage import CROWD, LIMIT, OTHER, PROGRAM, BUILD, SENDING, Policy, Report, Stage, Witness, mailbox, scratch

SECTOR = 512
HEAD = struct.Struct("<cIIQHI")
OUT = "someone@fabrikam{}.example"
WARM = mailbox("hugo")


# ---- the run that is recorded ----

class Recorder:
    def __init__(self, stage, trace):
        self.stage, self.trace, self.n = stage, trace, 0

    def env(self, tag, **more):
        return {"LD_PRELOAD": BUILD + "/traceshim.so", "TRACE_DIR": self.stage.path, "TRACE_FILE": self.trace,
                "TRACE_TAG": json.dumps(tag), **more}

    def check(self, box, recipient, want=0, ident=None, **more):
        self.n += 1
        ident = ident or f"<{self.n}@x>"
        tag = {"do": "check", "box": box, "to": recipient, "id": ident}
        code, out, err = self.stage.run("check", box, "--to", recipient, "--message-id", ident, env=self.env(tag, **more))
        if code != want:
            sys.exit(f"not ok the run is recorded: exit {code}, not {want}, of check {box}: {out} {err}")
        if code != 0:
            return ident
        tag["ticket"] = json.loads(out)["ticket"]
        self.mark(tag)
        return tag["ticket"]

    def do(self, tag, *args):
        code, out, err = self.stage.run(*args, env=self.env(tag))
        if code != 0:
            sys.exit(f"not ok the run is recorded: exit {code} of {args}: {out} {err}")
        self.mark(tag)

    def mark(self, tag):
        with open(self.trace, "ab") as f:
            data = json.dumps(tag).encode()
            f.write(HEAD.pack(b"M", 0, 0, 0, 0, len(data)) + data)

    def checkpoint(self, want="ok", **more):
        w = Witness(self.env({"do": "checkpoint"}, **more))
        opened, done = w.tell("open", self.stage.path), w.tell("checkpoint")
        if opened != "ok" or not done.startswith(want):
            sys.exit(f"not ok the run is recorded: {opened}, {done}")
        w.end()

    def serve(self, **more):
        if not self.stage.serve(self.env({"do": "serve"}, **more)):
            sys.exit(f"not ok the run is recorded: the daemon does not listen: {self.stage.end(True)[1]}")

    def together(self, questions):
        """All at once, so that they share a commit; the answers."""
        lines = [Policy(self.stage.socket) for _ in questions]
        for line, q in zip(lines, questions):
            line.put(*q)
        answers = [line.get() for line in lines]
        for line in lines:
            line.close()
        return answers

    def crowd(self, questions, beside):
        """Each on a line of its own, sent while the daemon stands still, so that rounds are large enough for its other threads; beside() runs
        while their syncs are waited for."""
        lines = [Policy(self.stage.socket) for _ in questions]
        self.stage.daemon.send_signal(signal.SIGSTOP)
        for line, q in zip(lines, questions):
            line.put(*q)
        self.stage.daemon.send_signal(signal.SIGCONT)
        beside()
        answers = [line.get() for line in lines]
        for line in lines:
            line.close()
        return answers


def record_crowd(r):
    """Rounds of 16 and more: the daemon decides one while the last one's sync is waited for."""
    r.serve(TRACE_SLOW_SYNC="100000")
    waves = [[(f"{wave}{n}{kind}", mailbox(x), WARM if kind == "w" else OUT.format(40 + n))
              for n, x in enumerate(CROWD) for kind in "ow"] for wave in "mn"]
    again = waves[0][:1]
    same = "\n".join((again[0][0], Policy.CLIENT, again[0][1]))
    # One of the crowd's questions is asked elsewhere too, where its spend is seen before it is synced.
    for wave, beside in ((waves[0], lambda: r.check(again[0][1], again[0][2], ident=same)),
                         (waves[1], lambda: None), (again + waves[1], lambda: None)):
        # So that the log is begun anew by a round whose sync is left for later.
        r.checkpoint()
        answers = r.crowd(wave, beside)
        if any(a != "DUNNO" for a in answers):
            sys.exit(f"not ok the run is recorded: of the crowd's answers: {sorted(set(answers))}")
    r.stage.end()
    # Its sync fails, or it is killed in the place of one: nobody is told anything, and all ask again.
    for more in ({"TRACE_KILL_SYNC": "1"}, {"TRACE_FAIL_SYNC": "1"}):
        r.serve(**more)
        answers = r.crowd(waves[0], lambda: None)
        # A round that begins after the failure knows of it.
        if any(not a.startswith("DEFER 4.3.0 ") for a in answers if a):
            sys.exit(f"not ok the run is recorded: {answers} although the sync did not hold: {more}")
        r.stage.end(True)
        r.serve()
        r.stage.end()


def record(stage, trace):
    r = Recorder(stage, trace)
    r.do({"do": "provision"}, "provision", "northwind.example", "--yes")
    first = r.check(mailbox("anna"), OUT.format(1))
    r.check(mailbox("anna"), WARM)
    r.check(mailbox("ben"), OUT.format(2))
    r.checkpoint()
    r.check(mailbox("anna", OTHER), OUT.format(3))
    # The log is begun anew, over its old frames.  Then the database's own sync fails, and the write-back is done again.
    r.check(mailbox("ben"), WARM)
    r.checkpoint(want="error ", TRACE_FAIL_SYNC="2")
    r.checkpoint()
    r.do({"do": "release", "box": mailbox("anna"), "class": "outbound", "ticket": first}, "release", first)
    r.serve()
    r.together([(f"i{n}", mailbox(x), OUT.format(n)) for n, x in enumerate(("carl", "dora", "emil", "fred"))])
    r.together([(f"j{n}", mailbox(x), WARM) for n, x in enumerate(("carl", "carl", "dora", "gina"))])
    r.check(mailbox("anna"), OUT.format(5))
    r.do({"do": "freeze", "domain": OTHER}, "freeze", OTHER, "--reason", "test")
    r.together([("k0", mailbox("anna", OTHER), OUT.format(6)), ("k1", mailbox("carl"), OUT.format(6)),
                ("k1", mailbox("carl"), OUT.format(6))])
    stage.end()
    r.checkpoint()
    # Killed before its sync, asked again: the second answer must not rest on what the first one left in memory.
    ident = r.check(mailbox("gina"), OUT.format(7), want=-signal.SIGKILL, TRACE_KILL_SYNC="1")
    r.check(mailbox("gina"), OUT.format(7), ident=ident)
    # A sync that fails, asked again.
    ident = r.check(mailbox("gina"), OUT.format(8), want=74, TRACE_FAIL_SYNC="1")
    r.check(mailbox("gina"), OUT.format(8), ident=ident)
    # Killed beside somebody who has the store open, writes nothing and leaves in order.
    w = Witness()
    w.tell("open", stage.path)
    ident = r.check(mailbox("hugo"), OUT.format(10), want=-signal.SIGKILL, TRACE_KILL_SYNC="1")
    w.tell("close")
    w.end()
    r.check(mailbox("hugo"), OUT.format(10), ident=ident)
    # And one whose sync fails beside such a one.
    w = Witness()
    w.tell("open", stage.path)
    ident = r.check(mailbox("emil"), WARM, want=74, TRACE_FAIL_SYNC="1")
    w.tell("close")
    w.end()
    r.check(mailbox("emil"), WARM, ident=ident)
    # The same two of the daemon: Postfix hears nothing, and asks again.
    for n, more in enumerate(({"TRACE_KILL_SYNC": "1"}, {"TRACE_FAIL_SYNC": "1"})):
        questions = [(f"l{n}{x}", mailbox(x), OUT.format(9)) for x in (("emil", "fred"), ("hugo", "ben"))[n]]
        r.serve(**more)
        answers = r.together(questions)
        if any(answers):
            sys.exit(f"not ok the run is recorded: {answers} although the sync did not hold: {more}")
        stage.end(True)
        r.serve()
        r.together(questions)
        stage.end()
    r.check(mailbox("dora"), OUT.format(9))
    record_crowd(r)


# ---- the trace ----

def read_trace(path):
    with open(path, "rb") as f:
        raw = f.read()
    at, records = 0, []
    while at < len(raw):
        kind, pid, fd, place, name_len, data_len = HEAD.unpack_from(raw, at)
        at += HEAD.size
        name = raw[at:at + name_len].decode()
        data = raw[at + name_len:at + name_len + data_len]
        at += name_len + data_len
        records.append((kind.decode(), pid, fd, place, name, data))
    return records


class Send:
    """asked, told, given_back: indices into the trace; None: not yet."""

    def __init__(self, box, to, ident, asked):
        self.box, self.ident, self.asked, self.to = box, ident, asked, to
        self.kind = "warmup" if to == WARM else "outbound"
        self.told = self.ticket = self.back_asked = self.back_told = self.flushed = None


def attributes(text):
    return dict(line.split("=", 1) for line in text.split("\n") if "=" in line)


def understand(records):
    """What was asked and answered, and when; when which domain was frozen; when the store was told to be there."""
    sends, tags, lines, frozen, made = [], {}, {}, {}, None
    by_question = {}

    def send_of(box, to, ident, i):
        # What the daemon makes an id of.
        ident = "instance " + ident.split("\n")[0] if "\n" in ident else ident
        if (box, to, ident) not in by_question:
            by_question[(box, to, ident)] = Send(box, to, ident, i)
            sends.append(by_question[(box, to, ident)])
        return by_question[(box, to, ident)]

    for i, (kind, pid, fd, _, _, data) in enumerate(records):
        if kind == "P":
            tags[pid] = tag = json.loads(data or b"{}")
            lines = {k: v for k, v in lines.items() if k[0] != pid}
            if tag.get("do") == "check":
                tag["send"] = send_of(tag["box"], tag["to"], tag["id"], i)
                tag["send"].flushed = None
            elif tag.get("do") == "freeze":
                frozen[tag["domain"]] = [i, None]
            elif tag.get("do") == "release":
                for s in sends:
                    if s.ticket == tag["ticket"]:
                        s.back_asked = i
        elif kind == "M":
            tag = json.loads(data)
            if tag["do"] == "provision":
                made = i
            elif tag["do"] == "freeze":
                frozen[tag["domain"]][1] = i
            elif tag["do"] == "check":
                s = send_of(tag["box"], tag["to"], tag["id"], i)
                if s.told is None:
                    # The witness asks in one line.
                    s.told, s.ticket = s.flushed or i, tag["ticket"] if "\n" not in tag["id"] else None
            elif tag["do"] == "release":
                for s in sends:
                    if s.ticket == tag["ticket"]:
                        s.back_told = i
        elif kind == "C":
            lines.pop((pid, fd), None)
        elif kind == "R" and tags.get(pid, {}).get("do") == "serve":
            text = lines.setdefault((pid, fd), [b"", []])
            text[0] += data
            while b"\n\n" in text[0]:
                question, text[0] = text[0].split(b"\n\n", 1)
                q = attributes(question.decode())
                spends = q.get("protocol_state") == "END-OF-MESSAGE"
                text[1].append(send_of(q["sender"], q["recipient"], "instance " + q["instance"], i) if spends else None)
        elif kind == "A" and fd == 1 and "send" in tags.get(pid, {}):
            tags[pid]["send"].flushed = i
        elif kind == "A" and (pid, fd) in lines:
            for answer in data.decode().split("\n\n")[:-1]:
                s = lines[(pid, fd)][1].pop(0)
                if s is not None and s.told is None and answer.startswith("action=DUNNO"):
                    s.told = i
    return sends, frozen, made


# ---- the disk ----

class Disk:
    """Per file a log of operations; one is settled once a sync of the same file that began later held."""

    def __init__(self):
        self.files = {}    # name -> File
        self.entries = []  # changes to the directory that no sync has settled: functions of a {name: File}
        self.settled = {}  # name -> File, as the directory stands on the disk
        self.begun = {}    # thread -> what the sync it is in is for
        self.overlaps = 0  # writes to a file while it was synced

    def play(self, kind, pid, place, name, data):
        if kind == "b":
            self.begun[(pid, place)] = (name, list(self.entries if name == "." else self.files[name].ops if name in self.files else ()))
        elif kind == "O":
            f = self.files[name] = File()
            self.entries.append(lambda d: d.__setitem__(name, f))
        elif kind == "u":
            self.files.pop(name, None)
            self.entries.append(lambda d: d.pop(name, None))
        elif kind in "rl":
            new = data.decode()
            f = self.files[new] = self.files.pop(name) if kind == "r" else self.files[name]
            self.entries.append(lambda d: (d.pop(name, None) if kind == "r" else None, d.__setitem__(new, f)))
        elif name == "." and kind == "s":
            for change in self.begun.pop((pid, place))[1]:
                change(self.settled)
                self.entries.remove(change)
        elif name in self.files:
            f = self.files[name]
            if kind == "w":
                self.overlaps += any(synced == name for synced, _ in self.begun.values())
                f.ops.append([place, data, "open"])
            elif kind == "t":
                f.ops.append([place, None, "open"])
            elif kind in "se":
                f.sync("settled" if kind == "s" else "lost", self.begun.pop((pid, place))[1])

    def loose(self):
        return len(self.entries) + sum(op[2] != "settled" for f in set(self.files.values()) for op in f.ops)

    def left(self, choose):
        """{name: bytes}; choose(file name, operation) -> "all", "none" or "sectors"."""
        directory = dict(self.settled)
        for change in self.entries:
            if choose(".", None) != "none":
                change(directory)
        return {name: f.left(name, choose) for name, f in directory.items()}


class File:
    def __init__(self):
        self.base = bytearray()
        self.ops = []

    def sync(self, how, ops):
        for op in ops:
            if op[2] == "open":
                op[2] = how
        while self.ops and self.ops[0][2] == "settled":
            place, data, _ = self.ops.pop(0)
            apply_op(self.base, place, data)

    def left(self, name, choose):
        out = bytearray(self.base)
        for op in self.ops:
            how = "all" if op[2] == "settled" else choose(name, op)
            if how == "all":
                apply_op(out, op[0], op[1])
            elif how == "sectors" and op[1] is not None:
                for at in range(op[0] - op[0] % SECTOR, op[0] + len(op[1]), SECTOR):
                    if random.random() < 0.5:
                        begin, end = max(at, op[0]), min(at + SECTOR, op[0] + len(op[1]))
                        apply_op(out, begin, op[1][begin - op[0]:end - op[0]])
        return bytes(out)


def apply_op(out, place, data):
    if data is None:
        del out[place:]
        out.extend(bytes(place - len(out)))
        return
    if len(out) < place:
        out.extend(bytes(place - len(out)))
    out[place:place + len(data)] = data


def ways(more):
    """The disks tried of one cut: name and choice."""
    yield "nothing since the syncs", lambda name, op: "none"
    yield "everything", lambda name, op: "all"
    for n in range(more):
        seed = random.random()
        kind = n % 4
        if kind == 0:
            yield "any sectors", lambda name, op: "sectors" if op else random.choice(("all", "none"))
        elif kind == 1:
            yield "any writes", lambda name, op: random.choice(("all", "none"))
        elif kind == 2:
            yield "some files", lambda name, op: "all" if random.Random(f"{seed}{name}").random() < 0.5 else "none"
        else:
            yield "torn and reordered", lambda name, op: random.choice(("all", "none", "sectors"))


# ---- what must hold on it ----

def put_disk(path, files):
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path, 0o700)
    for name, data in files.items():
        if name.endswith("-shm"):
            # Mapped memory: what it holds after a cut is nobody's promise.
            data = random.choice((b"", bytes(len(data)), random.randbytes(len(data))))
        with open(os.open(f"{path}/{name}", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as f:
            f.write(data)


def judge_box(w, box, sends, cut, frozen):
    """None, or what is wrong with one mailbox.  frozen: False, True, or None, when it was asked for and not yet answered."""
    mine = [s for s in sends if s.box == box and s.asked < cut]
    for s in mine:
        if s.told is None or s.told >= cut or s.ticket is None or s.back_asked is not None and s.back_asked < cut or frozen is not False:
            continue
        said = w.tell("ask", box, s.to, s.ident)
        if said != f"allow {s.ticket}":
            return f"{s.ident} of {box} was answered {s.ticket}, and now: {said}"
    said = w.tell("look", box, OUT.format(99)).split(" ")
    if said[0] != "left":
        return " ".join(said)
    for kind, text in zip(("outbound", "warmup"), said[1:3]):
        told = [s for s in mine if s.kind == kind and s.told is not None and s.told < cut]
        least = sum(s.back_asked is None or s.back_asked >= cut for s in told)
        most = sum(s.kind == kind for s in mine) - sum(s.back_told is not None and s.back_told < cut for s in told)
        charged = LIMIT[kind] - int(text)
        if charged < least:
            return f"{box}: {least} {kind} sends were answered, {charged} are charged: forgotten"
        if charged > most:
            return f"{box}: {most} {kind} sends were asked for, {charged} are charged"
    if frozen or frozen is None and said[3] == "frozen":
        return None if said[3] == "frozen" else f"{box} was frozen, and now says {said[3]}"
    return spend_rest(w, box, {s.ticket for s in mine}, {"outbound": int(said[1]), "warmup": int(said[2])})


def spend_rest(w, box, tickets, left):
    for kind, to in (("outbound", OUT.format(98)), ("warmup", WARM if box != WARM else mailbox("anna"))):
        for n in range(left[kind] + 1):
            said = w.tell("ask", box, to, "")
            if (said.startswith("allow")) != (n < left[kind]):
                return f"{box}: {left[kind]} {kind} were left, and send {n + 1} says {said}"
            if said.startswith("allow") and said[6:] in tickets:
                return f"{box}: ticket {said[6:]} was given twice"
            tickets.add(said[6:])
    return None


def judge_store(w, path, sends, frozen, cut):
    said = w.tell("open", path)
    if said != "ok":
        return f"the store does not open: {said}"
    # Of many mailboxes some, and the one that was answered last.
    boxes = sorted({s.box for s in sends if s.asked < cut})
    last = max((s for s in sends if s.told is not None and s.told < cut), key=lambda s: s.told, default=None)
    for box in {*random.sample(boxes, min(len(boxes), 12)), *([last.box] if last else ())}:
        asked, told = frozen.get(box.split("@")[1], (cut, cut))
        wrong = judge_box(w, box, sends, cut, told < cut or (None if asked < cut else False))
        if wrong is not None:
            return wrong
    said = w.tell("close")
    return None if said == "ok" else said


def judge_creation(path):
    """Before the first provision has returned: the next one must find its way, on what the store says alone."""
    stage = Stage(path, CROWD)
    stage.configure()
    code, out, err = stage.run("provision", "northwind.example", "--yes")
    if code != 0:
        return f"provision after the cut: exit {code}: {out[-300:]} {err[-300:]}"
    code, out, err = stage.run("check", mailbox("anna"), "--to", OUT.format(1))
    return None if code == 0 else f"check after it: exit {code}: {out} {err}"


def judge_program(path, sends, cut):
    """One of the disks with the program itself: a daemon that is asked again what it was asked."""
    stage = Stage(path, CROWD)
    stage.configure()
    if not stage.serve():
        return f"the daemon does not start: {stage.end(True)[1]}"
    line = Policy(stage.socket)
    wrong = None
    for s in sends:
        if s.told is None or s.told >= cut or not s.ident.startswith("instance ") or s.box.endswith(OTHER):
            continue
        said = line.ask(s.ident.removeprefix("instance "), s.box, s.to)
        if said != "DUNNO":
            wrong = wrong or f"{s.ident} of {s.box} was answered, and now: {said}"
    line.close()
    code, said = stage.end()
    return wrong or (None if code == 0 else f"the daemon ends with {code}: {said}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--states", type=int, default=300)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--keep", help="where the disk of the first failure is left")
    args = p.parse_args()
    random.seed(args.seed)
    report, root = Report(), scratch()
    try:
        cut_everywhere(args, report, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    sys.exit(1 if report.failed else 0)


def cut_everywhere(args, report, root):
    stage = Stage(root + "/run", CROWD)
    os.mkdir(stage.path, 0o700)
    stage.configure()
    try:
        record(stage, root + "/trace")
    finally:
        stage.end(True)
    records = read_trace(root + "/trace")
    sends, frozen, made = understand(records)
    points = sum(r[0] in "OwtrulseA" for r in records)
    # Two disks of every cut, and one or more in which chance decides; as many of them as are wanted.
    more = 1 + args.states // 1500
    share = min(1.0, args.states / ((2.0 + more) * points))
    tried = {"creation": 0, "store": 0, "program": 0}
    disk, w, seen = Disk(), Witness(), set()
    name = f"seed {args.seed}"
    for cut, (kind, pid, _, place, file_name, data) in enumerate(records, 1):
        disk.play(kind, pid, place, file_name, data)
        if kind not in "OwtrulseA":
            continue
        for way, choose in ways(more):
            # A cut right behind an answer is the one that counts.
            if random.random() > (share if kind != "A" else max(share, 0.5)):
                continue
            files = disk.left(choose)
            key = (hash(tuple(sorted(files.items()))), sum(s.told is not None and s.told < cut for s in sends), made and cut > made)
            if key in seen:
                continue
            seen.add(key)
            path = root + "/disk"
            put_disk(path, files)
            if made is None or cut <= made:
                if random.random() < 0.7: # a provision costs as much as ten looks
                    continue
                tried["creation"] += 1
                wrong = judge_creation(path)
            else:
                if random.random() < 0.05:
                    tried["program"] += 1
                    copy = root + "/copy"
                    shutil.rmtree(copy, ignore_errors=True)
                    shutil.copytree(path, copy)
                    wrong = judge_program(copy, sends, cut)
                    if wrong is not None:
                        report.fail(f"the program on a disk after a cut at record {cut}, {way}, {name}", wrong)
                tried["store"] += 1
                try:
                    wrong = judge_store(w, path, sends, frozen, cut)
                except RuntimeError as e:
                    wrong, w = str(e), Witness()
            if wrong is not None:
                report.fail(f"a disk after a cut at record {cut} ({kind} {file_name}), {way}, {name}", wrong)
                if args.keep and report.failed == 1:
                    put_disk(args.keep, files)
    w.end()
    told = sum(s.told is not None for s in sends)
    report.result(disk.overlaps > 0, "a commit was written while the one before it was being synced", "none was")
    report.result(told >= 20 and len(frozen) == 1, "the recorded run has answers, a freeze and a ticket given back",
                  f"{told} answers, {len(frozen)} freezes")
    if report.failed == 0:
        report.ok(f"of {points} cut points {tried['store']} disks hold what was answered")
        report.ok(f"{tried['program']} of them with the daemon itself, asked again")
        report.ok(f"{tried['creation']} disks from before the store was made are provisioned anew")


if __name__ == "__main__":
    main()
