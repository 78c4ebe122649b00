"""Azure Resource Manager, as far as DNS zones and public addresses go, and the endpoint that gives tokens out.

Sources: Azure/azure-rest-api-specs, Microsoft.Network (dns 2018-05-01, publicIPAddresses 2023-09-01); read 2026-11-25.
Options: page_max (sets a page), lag (writes and reads for which a new zone is not found), polls (looks at a long operation before it ends; 0:
it ends at once), expires_in (seconds that a token says it lives), token_uses (requests after which a token is refused; 0: never),
refused (no token is given), revoked (tokens are not accepted), resolves ({name: address} that public DNS answers beyond its own zones),
preset ({address resource: its properties}, set once),
meddle (dnsSettings that another hand sets just before the next write), label_first (label and reverse name in one call fail), fail (a long operation ends in failure, of this code),
quiet (a long operation is to be seen at the resource only), check_tokens (the mock that requests are copied to knows of tokens).
"""
import ipaddress
import json
import re
import secrets

from fake import Reply

GROUP = r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft\.Network"
ZONE = GROUP + r"/dnsZones/([^/]+)"
SET = ZONE + r"/(A|AAAA|CAA|CNAME|MX|NS|PTR|SOA|SRV|TXT)/([^/]+)"
ADDRESS = GROUP + r"/publicIPAddresses/([^/]+)"
OPERATION = r"/subscriptions/([^/]+)/providers/Microsoft\.Network/locations/westeurope/(operations|operationResults)/([^/]+)"
KEYS = {"A": "ARecords", "AAAA": "AAAARecords", "CAA": "caaRecords", "CNAME": "CNAMERecord", "MX": "MXRecords", "NS": "NSRecords",
        "PTR": "PTRRecords", "SRV": "SRVRecords", "TXT": "TXTRecords"}
LABEL = r"[a-z][a-z0-9-]{1,61}[a-z0-9]"


class Fault(Exception):
    def __init__(self, status, code, message, bare=False):
        super().__init__(message)
        body = {"code": code, "message": message, "details": []}
        self.reply = Reply(status, body if bare else {"error": body})


def etag():
    return 'W/"%s"' % secrets.token_hex(8)


def spelt(name):
    return name.rstrip(".").lower()


class Provider:
    limits = [(1000, 300)]
    routes = [
        ("POST", r"/([^/]+)/oauth2/v2\.0/token", "token"),
        ("GET", ZONE, "zone"),
        ("PUT", ZONE, "create"),
        ("DELETE", ZONE, "remove"),
        ("GET", ZONE + "/recordsets", "sets"),
        ("GET", SET, "show"),
        ("PUT", SET, "put"),
        ("DELETE", SET, "delete"),
        ("GET", ADDRESS, "address"),
        ("PUT", ADDRESS, "put_address"),
        ("GET", OPERATION, "watch"),
    ]

    def __init__(self, url):
        self.url = url
        self.options = {"page_max": 100, "lag": 0, "polls": 0, "expires_in": 3600, "token_uses": 0, "refused": False, "revoked": False,
                        "resolves": {}, "label_first": False, "fail": None, "check_tokens": False, "quiet": False}
        self.secret = secrets.token_hex(20)
        self.tenant = "11111111-2222-3333-4444-555555555555"
        self.client = "66666666-7777-8888-9999-000000000000"
        self.subscription = "00000000-1111-2222-3333-444444444444"
        self.tokens = {}
        self.zones = {}
        self.operations = {}
        self.addresses = {}
        for name, ip in (("mailip", "198.51.100.10"), ("mailip2", "198.51.100.11")):
            self.addresses[name] = {
                "name": name, "id": "/subscriptions/%s/resourceGroups/rg1/providers/Microsoft.Network/publicIPAddresses/%s" % (self.subscription, name),
                "etag": etag(), "location": "westeurope", "type": "Microsoft.Network/publicIPAddresses", "tags": {"team": "mail"}, "zones": ["1"],
                "sku": {"name": "Standard", "tier": "Regional"},
                "properties": {"provisioningState": "Succeeded", "publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4",
                               "ipAddress": ip, "idleTimeoutInMinutes": 4, "ipTags": [],
                               "somethingNew": {"flag": True, "off": False, "none": None, "list": [1, "two", {}]}}}

    def lines(self):
        return {"API_URL": self.url, "API_KEY": self.secret, "TENANT": self.tenant, "CLIENT": self.client, "SUBSCRIPTION": self.subscription,
                "GROUP": "rg1"}

    def state(self):
        return {"zones": {n: {"%s %s" % k: s["properties"] for k, s in z["sets"].items()} for n, z in self.zones.items()},
                "addresses": {n: a["properties"].get("dnsSettings", {}) for n, a in self.addresses.items()},
                "tokens": len(self.tokens)}

    def for_mock(self, q):
        """Zones, and addresses with tokens, are described apart."""
        if q.path.endswith("/oauth2/v2.0/token"):
            return (q.target if self.options["check_tokens"] else None), {"Content-Type": q.headers.get("content-type", "")}
        headers = {"Authorization": "Bearer x"}
        for name in ("content-type", "if-match", "if-none-match"):
            if name in q.headers:
                headers[name] = q.headers[name]
        return q.target, headers

    def throttle(self, wait):
        return Reply(429, {"error": {"code": "SubscriptionRequestsThrottled", "message": "Number of requests exceeded the limit"}},
                     {"Retry-After": str(int(wait) + 1)})

    def authenticate(self, q):
        for name, properties in self.options.pop("preset", {}).items():
            self.addresses[name]["properties"].update(properties)
        if q.path.endswith("/oauth2/v2.0/token"):
            return None
        token = q.headers.get("authorization", "").removeprefix("Bearer ")
        uses = self.tokens.get(token)
        if self.options["revoked"] or uses is None or (self.options["token_uses"] and uses >= self.options["token_uses"]):
            return Fault(401, "ExpiredAuthenticationToken", "The access token has expired or is not yet valid.").reply
        self.tokens[token] = uses + 1
        if q.path.startswith("/subscriptions/") and q.path.split("/")[2] != self.subscription:
            return Fault(404, "SubscriptionNotFound", "The subscription could not be found.").reply
        if "/resourceGroups/" in q.path and q.path.split("/")[4] != "rg1":
            return Fault(404, "ResourceGroupNotFound", "Resource group could not be found.").reply
        if not q.query.get("api-version"):
            return Fault(400, "MissingApiVersionParameter", "The api-version query parameter is required.").reply
        return None

    def unknown(self, q):
        return Fault(404, "InvalidResourceType", "The resource type could not be found.").reply

    def token(self, q):
        form = q.form()
        if self.options["refused"] or form.get("client_secret") != self.secret or form.get("client_id") != self.client or q.args[0] != self.tenant:
            return Reply(401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided.",
                               "error_codes": [7000215]})
        if form.get("scope") != self.url + "/.default" or form.get("grant_type") != "client_credentials":
            return Reply(400, {"error": "invalid_scope", "error_codes": [70011]})
        token = secrets.token_hex(24)
        self.tokens[token] = 0
        return Reply(200, {"token_type": "Bearer", "expires_in": self.options["expires_in"], "ext_expires_in": 3600, "access_token": token})

    @staticmethod
    def guarded(function):
        try:
            return function()
        except Fault as f:
            return f.reply

    def begin(self, q, status, body):
        """An answer whose end is to be watched, or the end itself."""
        if self.options["quiet"] or (self.options["polls"] == 0 and not self.options["fail"]):
            return Reply(status, body)
        ident = secrets.token_hex(8)
        self.operations[ident] = {"polls": self.options["polls"], "fail": self.options["fail"]}
        place = "%s/subscriptions/%s/providers/Microsoft.Network/locations/westeurope/%%s/%s?api-version=%s&t=1" % (
            self.url, self.subscription, ident, q.query["api-version"])
        return Reply(202 if q.method == "DELETE" else status, body,
                     {"Azure-AsyncOperation": place % "operations", "Location": place % "operationResults", "Retry-After": "1"})

    def watch(self, q):
        operation = self.operations.get(q.args[2])
        if operation is None:
            return Fault(404, "NotFound", "No such operation.").reply
        operation["polls"] -= 1
        ended = operation["polls"] <= 0
        if q.args[1] == "operationResults":
            return Reply(204 if ended else 202, None, {"Retry-After": "1"})
        if ended and operation["fail"]:
            return Reply(200, {"status": "Failed", "error": {"code": operation["fail"], "message": "It failed."}})
        return Reply(200, {"status": "Succeeded" if ended else "InProgress"}, {} if ended else {"Retry-After": "1"})

    # ---- zones ----

    def zone_of(self, q):
        z = self.zones.get(spelt(q.args[2]))
        if z is None or z["hidden"] > 0:
            if z is not None:
                z["hidden"] -= 1
            raise Fault(404, "ParentResourceNotFound" if len(q.args) > 3 else "ResourceNotFound", "The resource '%s' was not found." % q.args[2])
        return z

    def outside(self, z):
        return {"id": "/subscriptions/%s/resourceGroups/rg1/providers/Microsoft.Network/dnszones/%s" % (self.subscription, z["name"]),
                "name": z["name"], "type": "Microsoft.Network/dnszones", "etag": z["etag"], "location": "global", "tags": {},
                "properties": {"maxNumberOfRecordSets": 10000, "numberOfRecordSets": len(z["sets"]), "zoneType": "Public",
                               "nameServers": z["servers"]}}

    def zone(self, q):
        return self.guarded(lambda: Reply(200, self.outside(self.zone_of(q))))

    def create(self, q):
        def work():
            name = spelt(q.args[2])
            there = self.zones.get(name)
            if q.headers.get("if-none-match") == "*" and there is not None:
                raise Fault(412, "PreconditionFailed", "The condition '*' in the If-None-Match header was not satisfied.")
            if q.json().get("location") != "global":
                raise Fault(400, "LocationRequired", "The location property is required for this definition.")
            if "." not in name or "/" in name:
                raise Fault(400, "BadRequest", "The domain name is invalid.")
            if there is not None:
                return Reply(200, self.outside(there))
            servers = ["ns%d-0%d.azure-dns.%s." % (i + 1, len(self.zones) % 9 + 1, tld) for i, tld in enumerate(("com", "net", "org", "info"))]
            z = {"name": name, "etag": etag(), "servers": servers, "sets": {}, "hidden": self.options["lag"]}
            self.zones[name] = z
            z["sets"]["NS", "@"] = self.made(z, "NS", "@", {"TTL": 172800, "NSRecords": [{"nsdname": s} for s in servers]})
            z["sets"]["SOA", "@"] = self.made(z, "SOA", "@", {"TTL": 3600, "SOARecord": {
                "host": servers[0], "email": "azuredns-hostmaster.microsoft.com", "serialNumber": 1, "refreshTime": 3600, "retryTime": 300,
                "expireTime": 2419200, "minimumTTL": 300}})
            return Reply(201, self.outside(z))
        return self.guarded(work)

    def remove(self, q):
        z = self.zones.pop(spelt(q.args[2]), None)
        return Reply(204) if z is None else self.begin(q, 200, None)

    @staticmethod
    def made(z, kind, name, properties):
        return {"name": name, "type": "Microsoft.Network/dnszones/" + kind, "etag": etag(),
                "properties": dict(properties, fqdn="%s%s." % ("" if name == "@" else name + ".", z["name"]), provisioningState="Succeeded")}

    def sets(self, q):
        def work():
            z = self.zone_of(q)
            size = min(int(q.query.get("$top", 100)), self.options["page_max"])
            skip = int(q.query.get("$skipToken", 0))
            every = sorted(z["sets"].values(), key=lambda s: (s["name"], s["type"]))
            body = {"value": every[skip:skip + size]}
            if skip + size < len(every):
                body["nextLink"] = "%s%s?$top=%d&api-version=%s&$skipToken=%d" % (self.url, q.path, size, q.query["api-version"], skip + size)
            return Reply(200, body)
        return self.guarded(work)

    def show(self, q):
        def work():
            z = self.zone_of(q)
            s = z["sets"].get((q.args[3], q.args[4].lower()))
            if s is None:
                raise Fault(404, "NotFound", "The resource record '%s' does not exist." % q.args[4], bare=True)
            return Reply(200, s)
        return self.guarded(work)

    @staticmethod
    def check_guard(q, there):
        match, none = q.headers.get("if-match"), q.headers.get("if-none-match")
        if (none == "*" and there is not None) or (match not in (None, "*") and (there is None or there["etag"] != match)) or \
           (match == "*" and there is None):
            raise Fault(412, "PreconditionFailed", "The condition in the header was not satisfied.", bare=True)

    @staticmethod
    def check_values(kind, properties):
        def wrong(message):
            raise Fault(400, "BadRequest", message, bare=True)
        if not 1 <= properties.get("TTL", 0) <= 2147483647:
            wrong("The TTL is not valid.")
        values = properties.get(KEYS[kind])
        if not values:
            wrong("The record set has no values of its type.")
        for v in values if isinstance(values, list) else [values]:
            if kind == "A":
                ipaddress.IPv4Address(v["ipv4Address"])
            elif kind == "AAAA":
                ipaddress.IPv6Address(v["ipv6Address"])
            elif kind == "TXT" and (not v["value"] or any(not 0 < len(s) <= 255 for s in v["value"]) or sum(map(len, v["value"])) > 4096):
                wrong("The value of the TXT record is not valid.")
            elif kind == "MX":
                assert isinstance(v["preference"], int) and v["exchange"]
            elif kind == "CAA":
                assert isinstance(v["flags"], int) and v["tag"] and "value" in v
            elif kind == "SRV":
                assert all(isinstance(v[k], int) for k in ("priority", "weight", "port")) and v["target"]
        texts = [json.dumps(v, sort_keys=True) for v in values] if isinstance(values, list) else []
        if len(set(texts)) != len(texts):
            wrong("The record set holds a value twice.")

    def put(self, q):
        def work():
            z = self.zone_of(q)
            kind, name = q.args[3], q.args[4].lower()
            there = z["sets"].get((kind, name))
            self.check_guard(q, there)
            properties = q.json()["properties"]
            try:
                self.check_values(kind, properties)
            except (AssertionError, KeyError, ValueError) as e:
                raise Fault(400, "BadRequest", "The record set is not valid: %s" % e, bare=True) from e
            if kind == "SOA" or (kind == "CNAME" and name == "@"):
                raise Fault(400, "BadRequest", "Not at the top of a zone.", bare=True)
            if any(n == name and "CNAME" in (k, kind) and k != kind for k, n in z["sets"]):
                raise Fault(409, "Conflict", "The record could not be created because a CNAME record with the same name exists.", bare=True)
            z["sets"][kind, name] = self.made(z, kind, name, properties)
            return Reply(201 if there is None else 200, z["sets"][kind, name])
        return self.guarded(work)

    def delete(self, q):
        def work():
            z = self.zone_of(q)
            key = q.args[3], q.args[4].lower()
            there = z["sets"].get(key)
            if there is None:
                return Reply(204)
            self.check_guard(q, there)
            if key in (("NS", "@"), ("SOA", "@")):
                raise Fault(400, "BadRequest", "It stays as long as the zone.", bare=True)
            del z["sets"][key]
            return Reply(200)
        return self.guarded(work)

    # ---- public addresses ----

    def address(self, q):
        def work():
            a = self.addresses.get(q.args[2])
            if a is None:
                raise Fault(404, "ResourceNotFound", "The resource was not found.")
            if a["properties"]["provisioningState"] == "Updating":
                a["updating"] = a.get("updating", 0) - 1
                if a["updating"] <= 0:
                    a["properties"]["provisioningState"] = "Succeeded"
            return Reply(200, {k: v for k, v in a.items() if k != "updating"})
        return self.guarded(work)

    def is_ours(self, name):
        """Does public DNS lead name to a static address of this subscription, or is it the name of one?"""
        name, ours = spelt(name), [a["properties"] for a in self.addresses.values()]
        if name in [p.get("dnsSettings", {}).get("fqdn") for p in ours]:
            return True
        ips = [p["ipAddress"] for p in ours if p["publicIPAllocationMethod"] == "Static"]
        if self.options["resolves"].get(name) in ips:
            return True
        for zone in self.zones.values():
            if not name.endswith("." + zone["name"]):
                continue
            s = zone["sets"].get(("A", name[:-len(zone["name"]) - 1]))
            if s is not None and any(v["ipv4Address"] in ips for v in s["properties"]["ARecords"]):
                return True
        return False

    def put_address(self, q):
        def work():
            a = self.addresses.get(q.args[2])
            if a is None:
                raise Fault(404, "ResourceNotFound", "The resource was not found.")
            if a["properties"]["provisioningState"] == "Updating":
                raise Fault(409, "AnotherOperationInProgress", "Another operation on this or a dependent resource is in progress.")
            meddled = self.options.pop("meddle", None)
            if meddled is not None:
                a["properties"]["dnsSettings"], a["etag"] = meddled, etag()
            self.check_guard(q, a)
            body = q.json()
            for key in ("location", "sku", "tags", "zones"):
                if body.get(key) != a[key]:
                    raise Fault(400, "PropertyChangeNotAllowed", "%s is not that of the resource." % key)
            wanted, now = dict(body["properties"].get("dnsSettings") or {}), a["properties"].get("dnsSettings", {})
            # The write is of the whole: what it leaves out is lost, so nothing may be left out.
            for key, value in a["properties"].items():
                if key not in ("dnsSettings", "provisioningState") and body["properties"].get(key) != value:
                    raise Fault(400, "PropertyChangeNotAllowed", "%s is not that of the resource." % key)
            label, reverse = wanted.get("domainNameLabel"), wanted.get("reverseFqdn")
            if label is not None and re.fullmatch(LABEL, label) is None:
                raise Fault(400, "DomainNameLabelInvalid", "The domain name label is invalid.")
            if label is not None and any(b is not a and b["properties"].get("dnsSettings", {}).get("domainNameLabel") == label
                                         for b in self.addresses.values()):
                raise Fault(400, "DnsRecordInUse", "DNS record %s.westeurope.cloudapp.azure.com is already used by another public IP." % label)
            if reverse and self.options["label_first"] and not now.get("domainNameLabel"):
                raise Fault(400, "ReverseFqdnNeedsLabel", "The domain name label has to be set first.")
            if label is not None:
                wanted["fqdn"] = label + ".westeurope.cloudapp.azure.com"
            if reverse and reverse != now.get("reverseFqdn") and not self.is_ours(reverse):
                raise Fault(400, "ReverseFqdnDoesNotBelongToSubscription", "ReverseFqdn %s does not belong to subscription." % reverse)
            a["properties"].pop("dnsSettings", None)
            if wanted:
                a["properties"]["dnsSettings"] = wanted
            a["etag"] = etag()
            if self.options["polls"]:
                a["properties"]["provisioningState"] = "Updating"
                a["updating"] = self.options["polls"]
            return self.begin(q, 200, {k: v for k, v in a.items() if k != "updating"})
        return self.guarded(work)
