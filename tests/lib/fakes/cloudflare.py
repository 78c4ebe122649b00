"""Cloudflare's API v4, as far as zones and DNS records go.

Sources: developers.cloudflare.com/api (read 2026-11-25): zones, dns_records, batch; error codes as its own documents and widely used
clients name them.  Options: page_max (records a page), lag (requests for which a new zone is not found), ops_max (operations a batch),
revoked (the token is refused).
"""
import copy
import ipaddress
import secrets

from fake import Reply

TYPES = {"A", "AAAA", "CNAME", "MX", "TXT", "NS", "SRV", "CAA", "TLSA", "PTR", "HTTPS", "SVCB"}


class Fault(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.reply = Reply(status, {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None})


def ok(result, info=None):
    body = {"success": True, "errors": [], "messages": [], "result": result, "something_new": {"x": 1}}
    if info is not None:
        body["result_info"] = info
    return Reply(200, body)


def decoded(content):
    """A TXT that begins and ends with a quote is strings of a zone file, anything else is as it stands."""
    if not (len(content) > 1 and content[0] == '"' and content[-1] == '"'):
        return content
    out, inside, i = [], False, 0
    while i < len(content):
        c = content[i]
        if c == "\\" and inside and content[i + 1:i + 4].isdigit():
            out.append(chr(int(content[i + 1:i + 4])))
            i += 3
        elif c == "\\" and inside:
            i += 1
            out.append(content[i])
        elif c == '"':
            inside = not inside
        elif inside:
            out.append(c)
        i += 1
    return "".join(out)


class Provider:
    limits = [(1200, 300)]
    routes = [
        ("GET", r"/client/v4/user/tokens/verify", "token"),
        ("GET", r"/client/v4/zones", "find"),
        ("POST", r"/client/v4/zones", "create"),
        ("GET", r"/client/v4/zones/([^/]+)", "show"),
        ("DELETE", r"/client/v4/zones/([^/]+)", "remove"),
        ("GET", r"/client/v4/zones/([^/]+)/dns_records", "records"),
        ("POST", r"/client/v4/zones/([^/]+)/dns_records", "add"),
        ("POST", r"/client/v4/zones/([^/]+)/dns_records/batch", "batch"),
    ]

    def __init__(self, url):
        self.url = url
        self.options = {"page_max": 100, "lag": 0, "ops_max": 200, "revoked": False}
        self.key = secrets.token_hex(20)
        self.account = secrets.token_hex(16)
        self.zones = {}

    def lines(self):
        return {"API_URL": self.url + "/client/v4", "API_KEY": self.key, "ACCOUNT": self.account}

    def state(self):
        return {z["name"]: [[r["type"], r["name"], r["content"], r["ttl"], r.get("proxied", False)] for r in z["records"].values()]
                for z in self.zones.values()}

    def for_mock(self, q):
        headers = {"Authorization": "Bearer x"}
        if q.body:
            headers["Content-Type"] = q.headers.get("content-type", "")
        return q.target[len("/client/v4"):], headers

    @staticmethod
    def excused(body):
        """The description wants a host name of every MX; that of a null MX (RFC 7505) is ".", and the service takes it."""
        return body.replace(b'"content":"."', b'"content":"null.invalid"')

    def throttle(self, wait):
        return Reply(429, {"success": False, "errors": [{"code": 971, "message": "Please wait and consider throttling"}], "messages": [],
                           "result": None}, {"Retry-After": str(int(wait) + 1)})

    def authenticate(self, q):
        if self.options["revoked"] or q.headers.get("authorization") != "Bearer " + self.key:
            return Fault(403, 9109, "Invalid access token").reply
        return None

    def unknown(self, q):
        return Fault(404, 7000, "No route for that URI").reply

    def zone_of(self, ident):
        z = self.zones.get(ident)
        if z is None or z["hidden"] > 0:
            if z is not None:
                z["hidden"] -= 1
            raise Fault(404, 7003, "Could not route to /zones/%s, perhaps your object identifier is invalid?" % ident)
        return z

    def guarded(self, function):
        try:
            return function()
        except Fault as f:
            return f.reply

    @staticmethod
    def outside(z):
        return {k: z[k] for k in ("id", "name", "status", "name_servers", "type", "account")}

    def token(self, q):
        return ok({"id": "t", "status": "active"})

    def find(self, q):
        found = [self.outside(z) for z in self.zones.values() if "name" not in q.query or z["name"] == q.query["name"]]
        if "account.id" in q.query:
            found = [z for z in found if z["account"]["id"] == q.query["account.id"]]
        return ok(found, {"page": 1, "per_page": 20, "count": len(found), "total_count": len(found)})

    def create(self, q):
        body = q.json()
        name = body.get("name", "").lower()
        if any(z["name"] == name for z in self.zones.values()):
            return Fault(400, 1061, "%s already exists" % name).reply
        if "." not in name or body.get("account", {}).get("id") != self.account:
            return Fault(400, 1004, "Validation failed").reply
        ident = secrets.token_hex(16)
        servers = ["%s.ns.cloudflare.com" % n for n in (("ada", "bob") if len(self.zones) % 2 else ("cora", "dan"))]
        self.zones[ident] = {"id": ident, "name": name, "status": "pending", "name_servers": servers, "type": body.get("type", "full"),
                             "account": {"id": self.account}, "records": {}, "hidden": self.options["lag"]}
        return ok(self.outside(self.zones[ident]))

    def show(self, q):
        return self.guarded(lambda: ok(self.outside(self.zone_of(q.args[0]))))

    def remove(self, q):
        def work():
            z = self.zone_of(q.args[0])
            del self.zones[z["id"]]
            return ok({"id": z["id"]})
        return self.guarded(work)

    def records(self, q):
        def work():
            z = self.zone_of(q.args[0])
            size = min(int(q.query.get("per_page", 100)), self.options["page_max"])
            page = int(q.query.get("page", 1))
            every = list(z["records"].values())
            part = every[(page - 1) * size:page * size]
            return ok(part, {"page": page, "per_page": size, "count": len(part), "total_count": len(every),
                             "total_pages": (len(every) + size - 1) // size})
        return self.guarded(work)

    def checked(self, z, r):
        """The record as it would be stored; raises what the API answers."""
        r = dict(r)
        for key in ("type", "name", "ttl"):
            if key not in r:
                raise Fault(400, 1004, "DNS Validation Error: %s" % key)
        if r["type"] not in TYPES:
            raise Fault(400, 1004, "DNS Validation Error: type")
        r["name"] = z["name"] if r["name"] == "@" else r["name"].lower().rstrip(".")
        if r["name"] != z["name"] and not r["name"].endswith("." + z["name"]):
            r["name"] += "." + z["name"]
        if r["ttl"] != 1 and not 60 <= r["ttl"] <= 86400:
            raise Fault(400, 9021, "TTL must be between 60 and 86400 seconds, or 1 for Automatic")
        if r["type"] == "CAA":
            d = r["data"]
            r["content"] = '%d %s "%s"' % (d["flags"], d["tag"], d["value"])
        elif r["type"] == "SRV":
            d = r["data"]
            r["content"] = "%d %d %s" % (d["weight"], d["port"], d["target"].rstrip("."))
            r["priority"] = d["priority"]
        elif r["type"] == "TLSA":
            d = r["data"]
            r["content"] = "%d %d %d %s" % (d["usage"], d["selector"], d["matching_type"], d["certificate"])
        if not r.get("content"):
            raise Fault(400, 9005, "Content for %s record is invalid" % r["type"])
        if r["type"] == "MX" and "priority" not in r:
            raise Fault(400, 9009, "MX priority is required")
        if r["type"] in ("A", "AAAA"):
            r["content"] = str(ipaddress.ip_address(r["content"]))
        if r["type"] in ("CNAME", "MX", "NS", "PTR"):
            r["content"] = r["content"].rstrip(".").lower() or "."
        if r["type"] == "TXT" and len(decoded(r["content"])) > 2048:
            raise Fault(400, 9213, "DNS record content is too long")
        return r

    def place(self, z, records, r, ident=None):
        r = self.checked(z, r)
        key = decoded(r["content"]) if r["type"] == "TXT" else r["content"]
        for other in records.values():
            if other["name"] != r["name"] or other["id"] == ident:
                continue
            there = decoded(other["content"]) if other["type"] == "TXT" else other["content"]
            if other["type"] == r["type"] and there == key and other.get("priority") == r.get("priority"):
                raise Fault(400, 81058, "An identical record already exists.")
            if "CNAME" in (other["type"], r["type"]):
                raise Fault(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
        r["id"] = ident or secrets.token_hex(16)
        r.setdefault("proxied", False)
        if r["proxied"]:
            r["ttl"] = 1
        records[r["id"]] = r
        return r

    def add(self, q):
        def work():
            z = self.zone_of(q.args[0])
            return ok(self.place(z, z["records"], q.json()))
        return self.guarded(work)

    def batch(self, q):
        """deletes, patches, puts, posts in this order; all or nothing."""
        def work():
            z = self.zone_of(q.args[0])
            body = q.json()
            if sum(len(body.get(k, [])) for k in ("deletes", "patches", "puts", "posts")) > self.options["ops_max"]:
                raise Fault(400, 1004, "too many operations in one batch")
            records = copy.deepcopy(z["records"])
            result = {"deletes": [], "patches": [], "puts": [], "posts": []}
            for d in body.get("deletes", []):
                if d["id"] not in records:
                    raise Fault(404, 81044, "Record does not exist.")
                result["deletes"].append(records.pop(d["id"]))
            for p in body.get("patches", []):
                if p["id"] not in records:
                    raise Fault(404, 81044, "Record does not exist.")
                result["patches"].append(self.place(z, records, dict(records[p["id"]], **p), p["id"]))
            for p in body.get("puts", []):
                if p["id"] not in records:
                    raise Fault(404, 81044, "Record does not exist.")
                result["puts"].append(self.place(z, records, p, p["id"]))
            for p in body.get("posts", []):
                result["posts"].append(self.place(z, records, p))
            z["records"] = records
            return ok(result)
        return self.guarded(work)
