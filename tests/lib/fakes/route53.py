"""Amazon Route 53, API 2013-04-01, as far as public hosted zones and their record sets go.

Sources: Amazon Route 53 API Reference; "Create a signed AWS API request" (Signature Version 4) in the IAM User Guide; read 2026-11-25.
Every signature is computed here again, and a wrong one refused.  Options: page_max (sets a page), lag (requests for which a new zone is
not found), pending (questions after which a change is INSYNC), session (the token that temporary keys have to bring), revoked,
unlimited; and what other hands do meanwhile, done at the next request: aliases ["OWNER TYPE", ...], others ["OWNER TYPE TTL VALUE", ...],
zones [["NAME", private], ...].
"""
import copy
import datetime
import hashlib
import hmac
import re
import secrets
import string
import xml.etree.ElementTree as ET
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from fake import Reply

SPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
TYPES = {"A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB", "TLSA", "TXT"}
SKEW = 300


def xml(status, root, inside):
    body = '<?xml version="1.0"?>\n<%s xmlns="%s">%s<SomethingNew x="1"/></%s>' % (root, SPACE, inside, root)
    return Reply(status, body.encode(), kind="text/xml")


def tag(name, text):
    return "<%s>%s</%s>" % (name, escape(text), name)


class Fault(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.reply = xml(status, "ErrorResponse", "<Error><Type>Sender</Type>%s%s</Error><RequestId>r</RequestId>" % (
            tag("Code", code), tag("Message", message)))


class BadBatch(Exception):
    def __init__(self, *messages):
        super().__init__(messages[0])
        self.reply = xml(400, "InvalidChangeBatch", "<Messages>%s</Messages><RequestId>r</RequestId>" % "".join(
            tag("Message", m) for m in messages))


def ident(letter):
    return letter + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(19))


def spelled(name):
    """A name as it is kept: lower case, a final dot, octal escapes for all but a-z 0-9 - _ and the dots between labels."""
    out, i = [], 0
    name = name.rstrip(".") + "."
    while i < len(name):
        c = name[i]
        octal = re.match(r"\\([0-3][0-7]{2})", name[i:])
        if octal:
            code, i = int(octal.group(1), 8), i + 3
        elif c == "\\":
            raise Fault(400, "InvalidDomainName", "%s: bad escape" % name)
        elif c == ".":
            out.append(c)
            i += 1
            continue
        else:
            code = ord(c)
        i += 1
        c = chr(code).lower()
        out.append(c if re.fullmatch(r"[a-z0-9_-]", c) else "\\%03o" % code)
    for label in re.sub(r"\\[0-7]{3}", "x", "".join(out)).rstrip(".").split("."):
        if not 0 < len(label) <= 63:
            raise Fault(400, "InvalidDomainName", "%s: a label is empty or too long" % name)
    return "".join(out)


def order(name):
    return list(reversed(name.rstrip(".").split(".")))


class Provider:
    limits = [(5, 1)]
    routes = [
        ("GET", r"/2013-04-01/hostedzonesbyname", "find"),
        ("POST", r"/2013-04-01/hostedzone", "create"),
        ("GET", r"/2013-04-01/hostedzone/([^/]+)", "show"),
        ("DELETE", r"/2013-04-01/hostedzone/([^/]+)", "remove"),
        ("GET", r"/2013-04-01/hostedzone/([^/]+)/rrset", "sets"),
        ("POST", r"/2013-04-01/hostedzone/([^/]+)/rrset/", "change"),
        ("GET", r"/2013-04-01/change/([^/]+)", "status"),
    ]

    def __init__(self, url):
        self.url = url
        self.options = {"page_max": 300, "lag": 0, "pending": 1, "session": "", "revoked": False}
        self.key = "AKID" + secrets.token_hex(8).upper()
        self.secret = secrets.token_hex(20) + "/+"
        self.zones = {}
        self.references = set()
        self.changes = {}

    def lines(self):
        return {"API_URL": self.url + "/2013-04-01", "ACCESS_KEY": self.key, "SECRET_KEY": self.secret}

    def state(self):
        return {z["id"]: {"name": z["name"], "private": z["private"],
                          "sets": [[s["name"], s["type"], s["ttl"], s["values"]] for s in z["sets"].values()]} for z in self.zones.values()}

    def for_mock(self, q):
        headers = {"Authorization": "AWS4-HMAC-SHA256 x"}
        if q.body:
            headers["Content-Type"] = q.headers.get("content-type", "")
        return q.target, headers

    def throttle(self, wait):
        return Fault(400, "Throttling", "Rate exceeded").reply

    # ---- signature ----

    def authenticate(self, q):
        try:
            self.verify(q)
        except Fault as f:
            return f.reply
        self.others_work()
        return None

    def verify(self, q):
        found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/us-east-1/route53/aws4_request, ?SignedHeaders=([^,]+), ?"
                             r"Signature=([0-9a-f]{64})", q.headers.get("authorization", ""))
        if found is None:
            raise Fault(403, "MissingAuthenticationToken", "Missing Authentication Token")
        key, day, signed, signature = found.groups()
        if self.options["revoked"] or key != self.key:
            raise Fault(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        stamp = q.headers.get("x-amz-date", "")
        names = signed.split(";")
        canonical = "\n".join([
            q.method, quote(q.path, safe="/-_.~"), self.sorted_query(q.raw_query),
            "".join("%s:%s\n" % (n, " ".join(q.headers.get(n, "").split())) for n in names),
            signed, hashlib.sha256(q.body).hexdigest()])
        scope = "%s/us-east-1/route53/aws4_request" % day
        to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        secret = ("AWS4" + self.secret).encode()
        for part in (day, "us-east-1", "route53", "aws4_request"):
            secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
        want = hmac.new(secret, to_sign.encode(), hashlib.sha256).hexdigest()
        must = {"host", "x-amz-date"} | {n for n in q.headers if n.startswith("x-amz-")}
        # As the service does, all that was signed is told in the refusal: a client must not print it.
        if want != signature or not must <= set(names) <= set(q.headers) or names != sorted(names) or not stamp.startswith(day):
            raise Fault(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. "
                        "The Canonical String for this request should have been '%s'" % canonical)
        at = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        if abs((datetime.datetime.now(datetime.timezone.utc) - at).total_seconds()) > SKEW:
            raise Fault(403, "SignatureDoesNotMatch", "Signature expired: %s" % stamp)
        if q.headers.get("x-amz-security-token", "") != self.options["session"]:
            raise Fault(403, "ExpiredToken", "The security token included in the request is expired")

    @staticmethod
    def sorted_query(raw):
        """Names and values encoded anew, whatever the client's spelling; sorted by name."""
        pairs = [p.partition("=")[::2] for p in raw.split("&") if p]
        return "&".join("%s=%s" % p for p in sorted((quote(unquote(k), safe="-_.~"), quote(unquote(v), safe="-_.~")) for k, v in pairs))

    # ---- what others do ----

    def others_work(self):
        for name, private in self.options.pop("zones", []):
            self.make(spelled(name), "somebody-" + secrets.token_hex(4), private)
        for key, plain in (("aliases", False), ("others", True)):
            left = []
            for line in self.options.pop(key, []):
                owner, kind, *rest = line.split(" ", 3 if plain else 1)
                owner = spelled(owner)
                z = next((z for z in self.zones.values() if owner == z["name"] or owner.endswith("." + z["name"])), None)
                if z is None:
                    left.append(line)
                    continue
                s = {"name": owner, "type": kind, "ttl": None, "values": [], "alias": True}
                if plain:
                    s = {"name": owner, "type": kind, "ttl": int(rest[0]), "values": [rest[1]], "alias": False}
                z["sets"][(owner, kind)] = s
            if left:
                self.options[key] = left

    # ---- calls ----

    def unknown(self, q):
        return Fault(404, "UnknownOperationException", "No operation for that URI").reply

    def guarded(self, function):
        try:
            return function()
        except (Fault, BadBatch) as f:
            return f.reply

    def zone_of(self, name):
        z = self.zones.get(name)
        if z is None or z["hidden"] > 0:
            if z is not None:
                z["hidden"] -= 1
            raise Fault(404, "NoSuchHostedZone", "No hosted zone found with ID: %s" % name)
        return z

    def make(self, name, reference, private=False):
        z = {"id": ident("Z"), "name": name, "reference": reference, "private": private, "sets": {}, "hidden": self.options["lag"]}
        number = len(self.references) * 4
        z["servers"] = ["ns-%d.awsdns-%02d.%s" % (number + i, (number + i) % 64, top) for i, top in enumerate(("com", "net", "org", "co.uk"))]
        z["sets"][(name, "NS")] = {"name": name, "type": "NS", "ttl": 172800, "values": [s + "." for s in z["servers"]], "alias": False}
        z["sets"][(name, "SOA")] = {"name": name, "type": "SOA", "ttl": 900, "alias": False, "values": [
            z["servers"][0] + ". awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"]}
        self.zones[z["id"]] = z
        self.references.add(reference)
        return z

    def change_info(self):
        change = ident("C")
        self.changes[change] = self.options["pending"]
        return "<ChangeInfo>%s%s<SubmittedAt>2026-11-25T00:00:00Z</SubmittedAt></ChangeInfo>" % (
            tag("Id", "/change/" + change), tag("Status", "PENDING"))

    @staticmethod
    def outside(z):
        return "<HostedZone>%s%s%s<Config><PrivateZone>%s</PrivateZone></Config>%s</HostedZone>" % (
            tag("Id", "/hostedzone/" + z["id"]), tag("Name", z["name"]), tag("CallerReference", z["reference"]),
            "true" if z["private"] else "false", tag("ResourceRecordSetCount", str(len(z["sets"]))))

    @staticmethod
    def delegation(z):
        return "<DelegationSet><NameServers>%s</NameServers></DelegationSet>" % "".join(tag("NameServer", s) for s in z["servers"])

    def find(self, q):
        def work():
            every = sorted(self.zones.values(), key=lambda z: (order(z["name"]), z["id"]))
            start = (order(spelled(q.query["dnsname"])), q.query.get("hostedzoneid", "")) if "dnsname" in q.query else ([], "")
            rest = [z for z in every if (order(z["name"]), z["id"]) >= start]
            size = int(q.query.get("maxitems", 100))
            more = ""
            if len(rest) > size:
                more = tag("NextDNSName", rest[size]["name"]) + tag("NextHostedZoneId", rest[size]["id"])
            return xml(200, "ListHostedZonesByNameResponse", "<HostedZones>%s</HostedZones>%s%s%s" % (
                "".join(self.outside(z) for z in rest[:size]), tag("IsTruncated", "true" if more else "false"), more,
                tag("MaxItems", str(size))))
        return self.guarded(work)

    @staticmethod
    def body(q, root):
        try:
            top = ET.fromstring(q.body)
        except ET.ParseError as e:
            raise Fault(400, "MalformedXML", str(e))
        if top.tag != "{%s}%s" % (SPACE, root):
            raise Fault(400, "InvalidInput", "unexpected %s" % top.tag)
        for element in top.iter():
            element.tag = element.tag.split("}")[1]
        return top

    def create(self, q):
        def work():
            top = self.body(q, "CreateHostedZoneRequest")
            name, reference = spelled(top.findtext("Name")), top.findtext("CallerReference")
            if not 0 < len(reference) <= 128:
                raise Fault(400, "InvalidInput", "CallerReference")
            if reference in self.references:
                raise Fault(409, "HostedZoneAlreadyExists", "A hosted zone has already been created with the specified caller reference.")
            z = self.make(name, reference)
            return xml(201, "CreateHostedZoneResponse", self.outside(z) + self.change_info() + self.delegation(z))
        return self.guarded(work)

    def show(self, q):
        def work():
            z = self.zone_of(q.args[0])
            return xml(200, "GetHostedZoneResponse", self.outside(z) + self.delegation(z))
        return self.guarded(work)

    def remove(self, q):
        def work():
            z = self.zone_of(q.args[0])
            if len(z["sets"]) > 2:
                raise Fault(400, "HostedZoneNotEmpty", "The specified hosted zone contains non-required resource record sets")
            del self.zones[z["id"]]
            return xml(200, "DeleteHostedZoneResponse", self.change_info())
        return self.guarded(work)

    @staticmethod
    def set_outside(s):
        inside = tag("Name", s["name"]) + tag("Type", s["type"])
        if s["alias"]:
            inside += "<AliasTarget><HostedZoneId>Z2FDTNDATAQYW2</HostedZoneId><DNSName>d.cloudfront.net.</DNSName>" \
                      "<EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>"
        else:
            inside += tag("TTL", str(s["ttl"])) + "<ResourceRecords>%s</ResourceRecords>" % "".join(
                "<ResourceRecord>%s</ResourceRecord>" % tag("Value", v) for v in s["values"])
        return "<ResourceRecordSet>%s</ResourceRecordSet>" % inside

    def sets(self, q):
        def work():
            z = self.zone_of(q.args[0])
            every = sorted(z["sets"].values(), key=lambda s: (order(s["name"]), s["type"]))
            if "name" in q.query:
                start = (order(spelled(q.query["name"])), q.query.get("type", ""))
                every = [s for s in every if (order(s["name"]), s["type"]) >= start]
            size = min(int(q.query.get("maxitems", 300)), self.options["page_max"], 300)
            more = ""
            if len(every) > size:
                more = tag("NextRecordName", every[size]["name"]) + tag("NextRecordType", every[size]["type"])
            return xml(200, "ListResourceRecordSetsResponse", "<ResourceRecordSets>%s</ResourceRecordSets>%s%s%s" % (
                "".join(self.set_outside(s) for s in every[:size]), tag("IsTruncated", "true" if more else "false"), more,
                tag("MaxItems", str(size))))
        return self.guarded(work)

    @staticmethod
    def check_values(kind, values):
        for v in values:
            if len(v) > 4000 or not v:
                raise BadBatch("Invalid Resource Record: FATAL problem: value length")
            if kind == "TXT" and not re.fullmatch(r'"([^"\\]|\\.){0,1020}"( "([^"\\]|\\.){0,1020}")*', v):
                raise BadBatch("Invalid Resource Record: FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks)")
            if kind == "TXT" and any(len(re.sub(r"\\([0-7]{3}|.)", "x", s)) > 255 for s in re.findall(r'"((?:[^"\\]|\\.)*)"', v)):
                raise BadBatch("Invalid Resource Record: FATAL problem: CharacterStringTooLong")
            if re.search(r"[^\x20-\x7e]", v) or re.search(r"\\[89]|\\[4-7][0-9]{2}|\\[0-3][0-9]?[89]", v):
                raise BadBatch("Invalid Resource Record: bytes that have to be octal escapes")
            if kind in ("CNAME", "MX", "NS", "PTR", "SRV") and "/" in v:
                raise BadBatch("Invalid Resource Record: names are escaped")
        if len(set(values)) != len(values):
            raise BadBatch("Duplicate Resource Record")

    def apply(self, sets, z, change):
        action, s = change.findtext("Action"), change.find("ResourceRecordSet")
        name, kind, ttl = spelled(s.findtext("Name")), s.findtext("Type"), int(s.findtext("TTL"))
        values = [v.text or "" for v in s.iter("Value")]
        where = "[name='%s', type='%s']" % (name, kind)
        there = sets.get((name, kind))
        if kind not in TYPES or not values or not 0 <= ttl <= 2147483647:
            raise Fault(400, "InvalidInput", "bad record set " + where)
        if name != z["name"] and not name.endswith("." + z["name"]):
            raise BadBatch("RRSet with DNS name %s is not permitted in zone %s" % (name, z["name"]))
        if action == "DELETE":
            if name == z["name"] and kind in ("NS", "SOA"):
                raise BadBatch("A HostedZone must contain exactly one SOA record and at least one NS record")
            if there is None:
                raise BadBatch("Tried to delete resource record set %s but it was not found" % where)
            if there["alias"] or there["ttl"] != ttl or sorted(there["values"]) != sorted(values):
                raise BadBatch("Tried to delete resource record set %s but the values provided do not match the current values" % where)
            del sets[(name, kind)]
            return len(values), sum(len(v) for v in values)
        if action == "CREATE" and there is not None:
            raise BadBatch("Tried to create resource record set %s but it already exists" % where)
        self.check_values(kind, values)
        sets[(name, kind)] = {"name": name, "type": kind, "ttl": ttl, "values": values, "alias": False}
        times = 2 if action == "UPSERT" else 1
        return times * len(values), times * sum(len(v) for v in values)

    def change(self, q):
        """All or nothing."""
        def work():
            z = self.zone_of(q.args[0])
            sets = copy.deepcopy(z["sets"])
            records = characters = 0
            for change in self.body(q, "ChangeResourceRecordSetsRequest").iter("Change"):
                n, c = self.apply(sets, z, change)
                records, characters = records + n, characters + c
            if records == 0 or records > 1000 or characters > 32000:
                raise BadBatch("Number of records or value characters limit exceeded")
            names = {}
            for name, kind in sets:
                names.setdefault(name, set()).add(kind)
            for name, kinds in names.items():
                if "CNAME" in kinds and len(kinds) > 1:
                    raise BadBatch("RRSet of type CNAME with DNS name %s is not permitted as it conflicts with other records" % name)
            z["sets"] = sets
            return xml(200, "ChangeResourceRecordSetsResponse", self.change_info())
        return self.guarded(work)

    def status(self, q):
        def work():
            if q.args[0] not in self.changes:
                raise Fault(404, "NoSuchChange", "Could not find resource with ID: %s" % q.args[0])
            self.changes[q.args[0]] -= 1
            return xml(200, "GetChangeResponse", "<ChangeInfo>%s%s<SubmittedAt>2026-11-25T00:00:00Z</SubmittedAt></ChangeInfo>" % (
                tag("Id", "/change/" + q.args[0]), tag("Status", "PENDING" if self.changes[q.args[0]] >= 0 else "INSYNC")))
        return self.guarded(work)
