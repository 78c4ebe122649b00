"""A store of its own with the built program around it: what the proofs in this folder share."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("COLDRELAY", ROOT + "/build/debug/coldrelay")
BUILD = os.path.dirname(PROGRAM)
SENDING, OTHER = "getnorthwind.example", "trynorthwindnow.example"
LOCALS = ("anna", "ben", "carl", "dora", "emil", "fred", "gina", "hugo")
CROWD = tuple(f"crowd{n}" for n in range(20))  # of the first domain
PATIENCE_S = 20
LIMIT = {"outbound": 2, "warmup": 2}


def scratch():
    """A directory in memory, where there is one."""
    return tempfile.mkdtemp(prefix="coldrelay-proof.", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


def mailbox(local, domain=SENDING):
    return f"{local}@{domain}"


class Stage:
    """The directory holds store.db, key and coldrelay.cfg; zones and mail are below it."""

    def __init__(self, path, crowd=()):
        self.path, self.crowd = path, crowd
        self.socket = path + "/gate"
        self.daemon = None

    def configure(self):
        for d in ("zones", "mail"):
            os.makedirs(f"{self.path}/{d}", exist_ok=True)
        domains = ", ".join('{ name = "%s"; mailboxes = (%s); }' % (d, ", ".join(f'{{ local = "{x}"; }}' for x in boxes))
                            for d, boxes in ((SENDING, LOCALS + self.crowd), (OTHER, LOCALS)))
        with open(self.path + "/coldrelay.cfg", "w", encoding="ascii") as f:
            f.write(f'''store = "store.db";
key_file = "key";
listen = "unix:{self.socket}";
limits = {{ org_per_hour = 0; org_per_day = 0; mailbox_gap = 0; }};
zones = ({{ name = "files"; driver = "zonefile"; directory = "zones"; name_servers = ["ns1.relay.example"]; }});
mail_hosts = ({{ name = "own"; driver = "local"; root = "mail"; host = "mail.relay.example"; addresses = ["192.0.2.10"]; }});
tenants = ({{ primary = "northwind.example"; zone = "files"; mail_host = "own"; warm_up = 0; domains = ({domains}); }});
''')

    def command(self, *args):
        return [PROGRAM, "-c", self.path + "/coldrelay.cfg", "--json", *args]

    def run(self, *args, env=None, timeout=60):
        """Exit code, standard output, standard error."""
        p = subprocess.run(self.command(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           env={**os.environ, **(env or {})}, timeout=timeout, check=False)
        return p.returncode, p.stdout.decode(), p.stderr.decode()

    def must(self, *args, env=None):
        code, out, err = self.run(*args, env=env)
        if code != 0:
            sys.exit(f"not ok the stage is set: exit {code} of {' '.join(args)}: {out[-300:]} {err[-300:]}")
        return out

    def serve(self, env=None, wait=True):
        self.daemon = subprocess.Popen(self.command("serve"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
        return not wait or self.listens()

    def listens(self):
        """True once it answers; False when it ended, or took too long."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self.daemon.poll() is None:
            try:
                Policy(self.socket).close()
                return True
            except OSError:
                time.sleep(0.005)
        return False

    def leave(self):
        """The exit code of a daemon that ends by itself; None: it does not."""
        try:
            self.daemon.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            return None
        code, self.daemon = self.daemon.returncode, None
        return code

    def end(self, kill=False):
        """Ends the daemon; its exit code, and what it said."""
        if self.daemon is None:
            return None, ""
        if self.daemon.poll() is None:
            (self.daemon.kill if kill else self.daemon.terminate)()
        try:
            said = self.daemon.communicate(timeout=PATIENCE_S)[1].decode()
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            said = self.daemon.communicate()[1].decode() + " (it did not end)"
        code = self.daemon.returncode
        self.daemon = None
        return code, said


class Policy:
    """One connection of Postfix."""
    CLIENT = "192.0.2.1"

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        try:
            self.sock.connect(path)
        except OSError:
            self.sock.close()
            raise
        self.have = b""

    def put(self, instance, sender, recipient, state="END-OF-MESSAGE"):
        self.sock.sendall((f"request=smtpd_access_policy\nprotocol_state={state}\nprotocol_name=ESMTP\n"
                           f"client_address={self.CLIENT}\ninstance={instance}\nsender={sender}\nrecipient={recipient}\n"
                           "recipient_count=1\nsize=100\n\n").encode())

    def get(self):
        """The action; "" when the connection was closed instead."""
        while b"\n\n" not in self.have:
            try:
                more = self.sock.recv(4096)
            except ConnectionError:
                more = b""
            if not more:
                return ""
            self.have += more
        answer, self.have = self.have.split(b"\n\n", 1)
        return answer.decode().removeprefix("action=")

    def ask(self, *question):
        try:
            self.put(*question)
        except OSError:
            return ""
        return self.get()

    def close(self):
        self.sock.close()


class Witness:
    """tests/proof/witness.c at the other end of two pipes."""

    def __init__(self, env=None):
        self.p = subprocess.Popen([BUILD + "/tests/proof/witness"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  env={**os.environ, **(env or {})})

    def tell(self, *fields):
        try:
            self.p.stdin.write("\t".join(fields) + "\n")
            self.p.stdin.flush()
            line = self.p.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"the witness died at: {' '.join(fields)} (exit {self.p.wait()})")
        return line.rstrip("\n")

    def end(self):
        self.p.stdin.close()
        self.p.wait()
        self.p.stdout.close()


class Report:
    """ok, not ok and skip lines; the exit code."""

    def __init__(self):
        self.failed = 0

    def ok(self, name):
        print(f"ok {name}", flush=True)

    def fail(self, name, why):
        self.failed += 1
        if self.failed <= 20:
            print(f"not ok {name}: {why}", flush=True)

    def result(self, good, name, why=""):
        if good:
            self.ok(name)
        else:
            self.fail(name, why)


def copy_store(source, target):
    """What is the gate's: no zones, no mail, no socket."""
    shutil.rmtree(target, ignore_errors=True)
    os.mkdir(target)
    for name in os.listdir(source):
        if os.path.isfile(f"{source}/{name}") and not name.startswith("gate"):
            shutil.copy2(f"{source}/{name}", f"{target}/{name}")
