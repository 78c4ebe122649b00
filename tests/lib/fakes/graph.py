"""Microsoft Graph v1.0, as far as domains, users and licences go; the token endpoint; Exchange's cmdlet proxy for DKIM and outbound policies.

Sources: Microsoft Graph v1.0 and office-docs-powershell (read 2026-11-25).  Options: lag (requests for which a new object is not found),
dns (HOST:PORT that is asked whether a record is published; without it every record is seen after `unseen` looks), unseen (looks at the zone
that see nothing), elsewhere (domains of another directory), bought (licences), ready (looks until a mailbox is made), accepted (cmdlets
until Exchange knows a domain), force (looks until a forced deletion ends), hold (deleted users go on holding their domain), token_s
(life of a token), revoked (no token), exchange (false: the proxy refuses), denied (permissions that were not given), new_names (hosts
under mx.microsoft and dkim.mail.microsoft), location (false: users are made without their usageLocation).
"""
import secrets
import subprocess
import time
import uuid

from fake import Reply

SKU = "4b9405b0-7788-4568-add1-99614e613b69"
TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"


class Fault(Exception):
    def __init__(self, status, code, message, headers=None):
        super().__init__(message)
        inner = {"date": "2026-11-25T10:00:00", "request-id": str(uuid.uuid4())}
        self.reply = Reply(status, {"error": {"code": code, "message": message, "innerError": inner}}, headers)


def ok(body, status=200):
    if isinstance(body, dict):
        body = dict(body, **{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#x", "somethingNew": {"x": 1}})
    return Reply(status, body)


def many(items):
    return ok({"value": items})


class Provider:
    limits = [(3500, 10)]
    routes = [
        ("POST", r"/([^/]+)/oauth2/v2\.0/token", "token"),
        ("POST", r"/v1\.0/domains", "domain_add"),
        ("GET", r"/v1\.0/domains/([^/]+)", "domain_show"),
        ("PATCH", r"/v1\.0/domains/([^/]+)", "domain_change"),
        ("DELETE", r"/v1\.0/domains/([^/]+)", "domain_remove"),
        ("GET", r"/v1\.0/domains/([^/]+)/verificationDnsRecords", "proofs"),
        ("POST", r"/v1\.0/domains/([^/]+)/verify", "verify"),
        ("GET", r"/v1\.0/domains/([^/]+)/serviceConfigurationRecords", "services"),
        ("GET", r"/v1\.0/domains/([^/]+)/domainNameReferences", "references"),
        ("POST", r"/v1\.0/domains/([^/]+)/forceDelete", "force"),
        ("GET", r"/v1\.0/subscribedSkus", "skus"),
        ("POST", r"/v1\.0/users", "user_add"),
        ("GET", r"/v1\.0/users/([^/]+)", "user_show"),
        ("PATCH", r"/v1\.0/users/([^/]+)", "user_change"),
        ("DELETE", r"/v1\.0/users/([^/]+)", "user_remove"),
        ("POST", r"/v1\.0/users/([^/]+)/assignLicense", "licence"),
        ("GET", r"/v1\.0/users/([^/]+)/licenseDetails", "details"),
        ("POST", r"/v1\.0/users/([^/]+)/revokeSignInSessions", "revoke"),
        ("POST", r"/adminapi/beta/([^/]+)/InvokeCommand", "invoke"),
    ]

    def __init__(self, url):
        self.url = url
        self.options = {"lag": 0, "dns": None, "unseen": 0, "elsewhere": [], "bought": 25, "ready": 0, "accepted": 0, "force": 0, "hold": False,
                        "token_s": 3599, "revoked": False, "exchange": True, "denied": [], "new_names": False, "location": True}
        self.secret = secrets.token_hex(20)
        self.tokens = {}
        self.domains = {}
        self.users = {}
        self.policies = {}
        self.rules = {}

    def lines(self):
        return {"GRAPH_URL": self.url + "/v1.0", "LOGIN_URL": self.url, "EXCHANGE_URL": self.url, "SECRET": self.secret, "TENANT": TENANT,
                "CLIENT": "11112222-bbbb-3333-cccc-4444dddd5555"}

    def state(self):
        users = {u: {k: v for k, v in d.items() if k != "password"} for u, d in self.users.items()}
        return {"domains": self.domains, "users": users, "policies": self.policies, "rules": self.rules, "used": self.used()}

    def for_mock(self, q):
        headers = {} if q.path.endswith("/token") else {"Authorization": "Bearer x"}
        if q.body:
            headers["Content-Type"] = q.headers.get("content-type", "")
        return q.target[len("/v1.0"):] if q.target.startswith("/v1.0") else q.target, headers

    @staticmethod
    def described(q):
        """No description of the cmdlet proxy was ever published."""
        return not q.path.startswith("/adminapi/")

    def throttle(self, wait):
        return Fault(429, "TooManyRequests", "Too many requests.", {"Retry-After": str(int(wait) + 1)}).reply

    def authenticate(self, q):
        if q.path.endswith("/token"):
            return None
        scope, until = self.tokens.get(q.headers.get("authorization", "")[len("Bearer "):], (None, 0))
        wanted = "https://outlook.office365.com/.default" if q.path.startswith("/adminapi/") else "https://graph.microsoft.com/.default"
        if self.options["revoked"] or scope != wanted or time.monotonic() >= until:
            return Fault(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.").reply
        if wanted.startswith("https://outlook") and not self.options["exchange"]:
            return Reply(403, {"error": {"code": "Forbidden", "message": "The role assigned to the application does not allow this."}})
        needs = "Domain.ReadWrite.All" if "/domains" in q.path else "Organization.Read.All" if "/subscribedSkus" in q.path \
            else "LicenseAssignment.ReadWrite.All" if q.path.endswith("/assignLicense") else "User.ReadWrite.All"
        if needs in self.options["denied"]:
            return Fault(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.").reply
        return None

    def unknown(self, q):
        return Fault(400, "BadRequest", "Resource not found for the segment '%s'." % q.path).reply

    def __getattribute__(self, name):
        """Every route's function may raise a Fault."""
        found = object.__getattribute__(self, name)
        if name not in {route[2] for route in Provider.routes}:
            return found

        def guarded(q):
            try:
                return found(q)
            except Fault as f:
                return f.reply
        return guarded

    def token(self, q):
        form = q.form()
        if self.options["revoked"] or form.get("client_secret") != self.secret or form.get("grant_type") != "client_credentials":
            return Reply(401, {"error": "invalid_client", "error_codes": [7000215],
                               "error_description": "AADSTS7000215: Invalid client secret provided: %s" % form.get("client_secret")})
        token = secrets.token_hex(24)
        self.tokens[token] = (form["scope"], time.monotonic() + self.options["token_s"])
        return Reply(200, {"token_type": "Bearer", "expires_in": max(1, int(self.options["token_s"])), "access_token": token})

    # ---- what the world's DNS says ----

    def published(self, name, kind, value, count):
        """Is the record there? count: the object that remembers how often was looked."""
        count["looks"] = count.get("looks", 0) + 1
        if count["looks"] <= self.options["unseen"]:
            return False
        if not self.options["dns"]:
            return True
        host, port = self.options["dns"].split(":")
        said = subprocess.run(["dig", "+short", "+time=2", "+tries=1", "@" + host, "-p", port, name, kind], capture_output=True, text=True,
                              check=False).stdout
        return any(line.strip().strip('"').rstrip(".").lower() == value.lower() for line in said.splitlines())

    # ---- domains ----

    def domain(self, name):
        d = self.domains.get(name)
        if d is None:
            raise Fault(404, "Request_ResourceNotFound", "Resource '%s' does not exist or one of its queried reference-property objects are not present." % name)
        if d["hidden"] > 0:
            d["hidden"] -= 1
            raise Fault(404, "Request_ResourceNotFound", "Resource '%s' does not exist." % name)
        return d

    @staticmethod
    def domain_outside(d):
        return {k: d[k] for k in ("id", "isVerified", "supportedServices", "state", "isInitial", "authenticationType")}

    def domain_add(self, q):
        name = q.json()["id"]
        if set(q.json()) != {"id"}:
            raise Fault(400, "Request_BadRequest", "Only id may be given.")
        if name in self.options["elsewhere"]:
            raise Fault(400, "Request_BadRequest", "The domain %s is already verified in another tenant." % name)
        if name in self.domains:
            raise Fault(400, "Request_MultipleObjectsWithSameKeyValue", "A domain with that name exists already.")
        self.domains[name] = {"id": name, "isVerified": False, "supportedServices": [], "state": None, "isInitial": False, "authenticationType": "Managed",
                              "hidden": self.options["lag"], "proof": "MS=ms%08d" % secrets.randbelow(10 ** 8), "force": 0, "asked": 0, "dkim": None}
        return ok(self.domain_outside(self.domains[name]), 201)

    def domain_show(self, q):
        d = self.domain(q.args[0])
        if d["state"] and d["state"]["operation"] == "ForceDelete":
            d["force"] -= 1
            if d["force"] < 0:
                del self.domains[d["id"]]
                raise Fault(404, "Request_ResourceNotFound", "Resource '%s' does not exist." % q.args[0])
        return ok(self.domain_outside(d))

    def domain_change(self, q):
        d = self.domain(q.args[0])
        if not d["isVerified"]:
            raise Fault(400, "Request_BadRequest", "The domain is not verified.")
        if set(q.json()) != {"supportedServices"} or not set(q.json()["supportedServices"]) <= {"Email", "OfficeCommunicationsOnline", "Yammer"}:
            raise Fault(400, "Request_BadRequest", "One or more properties contains invalid values.")
        d["supportedServices"] = q.json()["supportedServices"]
        return Reply(204)

    def holders(self, name, deleted):
        return [u for u, d in self.users.items() if u.endswith("@" + name) and d["deleted"] == deleted]

    def domain_remove(self, q):
        d = self.domain(q.args[0])
        if self.holders(d["id"], False) or (self.options["hold"] and self.holders(d["id"], True)):
            raise Fault(400, "Request_BadRequest", "Domain has dependent objects. You need to remove the dependent objects.")
        del self.domains[d["id"]]
        return Reply(204)

    def proofs(self, q):
        d = self.domain(q.args[0])
        return many([
            {"@odata.type": "#microsoft.graph.domainDnsMxRecord", "isOptional": False, "label": d["id"], "recordType": "Mx", "ttl": 3600,
             "supportedService": "Email", "mailExchange": d["proof"][3:] + ".msv1.invalid", "preference": 32767},
            {"@odata.type": "#microsoft.graph.domainDnsTxtRecord", "isOptional": False, "label": d["id"], "recordType": "Txt", "ttl": 3600,
             "supportedService": "Email", "text": d["proof"]}])

    def verify(self, q):
        d = self.domain(q.args[0])
        if d["isVerified"]:
            raise Fault(400, "Request_BadRequest", "Domain is already verified.")
        if not self.published(d["id"], "TXT", d["proof"], d):
            raise Fault(400, "Request_BadRequest", "Domain verification failed with the following error: 'CNAME, TXT or MX record not found.'")
        d["isVerified"] = True
        return ok(dict(self.domain_outside(d), availabilityStatus="AvailableImmediately"))

    def services(self, q):
        d = self.domain(q.args[0])
        dashed = d["id"].replace(".", "-")
        mx = dashed + (".k-v1.mx.microsoft" if self.options["new_names"] else ".mail.protection.outlook.com")
        return many([
            {"@odata.type": "#microsoft.graph.domainDnsTxtRecord", "label": d["id"], "recordType": "Txt", "ttl": 3600, "supportedService": "Email",
             "text": "v=spf1 include:spf.protection.outlook.com -all", "isOptional": False},
            {"@odata.type": "#microsoft.graph.domainDnsMxRecord", "label": d["id"], "recordType": "Mx", "ttl": 3600, "supportedService": "Email",
             "mailExchange": mx, "preference": 0, "isOptional": False},
            {"@odata.type": "#microsoft.graph.domainDnsCnameRecord", "label": "autodiscover." + d["id"], "recordType": "CName", "ttl": 3600,
             "supportedService": "Email", "canonicalName": "autodiscover.outlook.com", "isOptional": False}])

    def references(self, q):
        d = self.domain(q.args[0])
        return many([{"@odata.type": "#microsoft.graph.user", "id": self.users[u]["id"], "userPrincipalName": u} for u in self.holders(d["id"], False)])

    def force(self, q):
        d = self.domain(q.args[0])
        d["state"] = {"operation": "ForceDelete", "status": "InProgress", "lastActionDateTime": None}
        d["force"] = self.options["force"]
        return Reply(204)

    # ---- users ----

    def used(self):
        return sum(1 for u in self.users.values() if u["licences"] and not u["deleted"])

    def skus(self, _):
        return many([
            {"skuId": "84a661c4-e949-4bd2-a560-ed7766fcaf2b", "skuPartNumber": "AAD_PREMIUM_P2", "capabilityStatus": "Enabled", "consumedUnits": 1,
             "prepaidUnits": {"enabled": 5, "suspended": 0, "warning": 0}},
            {"skuId": SKU, "skuPartNumber": "EXCHANGESTANDARD", "capabilityStatus": "Enabled", "consumedUnits": self.used(),
             "prepaidUnits": {"enabled": self.options["bought"], "suspended": 0, "warning": 0}}])

    def user(self, name):
        u = self.users.get(name)
        if u is None or u["deleted"]:
            raise Fault(404, "Request_ResourceNotFound", "Resource '%s' does not exist." % name)
        if u["hidden"] > 0:
            u["hidden"] -= 1
            raise Fault(404, "Request_ResourceNotFound", "Resource '%s' does not exist." % name)
        return u

    def user_add(self, q):
        body = q.json()
        name = body["userPrincipalName"]
        if not {"accountEnabled", "displayName", "mailNickname", "userPrincipalName", "passwordProfile"} <= set(body):
            raise Fault(400, "Request_BadRequest", "A value is required for a property.")
        domain = self.domains.get(name.rpartition("@")[2])
        if domain is None or not domain["isVerified"]:
            raise Fault(400, "Request_BadRequest", "The domain portion of the userPrincipalName property is invalid.")
        if name in self.users and not self.users[name]["deleted"]:
            raise Fault(409, "Request_MultipleObjectsWithSameKeyValue", "Another object with the same value for property userPrincipalName already exists.")
        self.users[name] = {"id": str(uuid.uuid4()), "enabled": body["accountEnabled"], "name": body["displayName"], "deleted": False, "licences": [], "looks": 0,
                            "location": body.get("usageLocation") if self.options["location"] else None, "hidden": self.options["lag"], "revoked": 0,
                            "password": body["passwordProfile"]["password"]}
        return ok({"id": self.users[name]["id"], "userPrincipalName": name}, 201)

    def user_show(self, q):
        u = self.user(q.args[0])
        ready = u["licences"] and u["looks"] > self.options["ready"]
        return ok({"id": u["id"], "userPrincipalName": q.args[0], "mail": q.args[0] if ready else None, "usageLocation": u["location"],
                   "assignedLicenses": [{"skuId": s, "disabledPlans": []} for s in u["licences"]]})

    def user_change(self, q):
        u = self.user(q.args[0])
        body = q.json()
        u["enabled"] = body.get("accountEnabled", u["enabled"])
        u["location"] = body.get("usageLocation", u["location"])
        return Reply(204)

    def user_remove(self, q):
        self.user(q.args[0])["deleted"] = True
        return Reply(204)

    def licence(self, q):
        u = self.user(q.args[0])
        body = q.json()
        if set(body) != {"addLicenses", "removeLicenses"} or body["addLicenses"][0]["skuId"] != SKU:
            raise Fault(400, "Request_BadRequest", "License request is not valid.")
        if not u["location"]:
            raise Fault(400, "Request_BadRequest", "License assignment cannot be done for user with invalid usage location.")
        if SKU not in u["licences"] and self.used() >= self.options["bought"]:
            raise Fault(400, "Request_BadRequest", "Subscription with SKU %s does not have any available licenses." % SKU)
        u["licences"] = [SKU]
        return ok({"id": u["id"]})

    def details(self, q):
        u = self.user(q.args[0])
        u["looks"] += 1
        status = "Success" if u["looks"] > self.options["ready"] else "PendingProvisioning"
        return many([{"skuId": s, "skuPartNumber": "EXCHANGESTANDARD", "servicePlans": [
            {"servicePlanName": "EXCHANGE_S_FOUNDATION", "provisioningStatus": "PendingProvisioning"},
            {"servicePlanName": "EXCHANGE_S_STANDARD", "provisioningStatus": status}]} for s in u["licences"]])

    def revoke(self, q):
        self.user(q.args[0])["revoked"] += 1
        return ok({"value": True})

    # ---- Exchange ----

    def invoke(self, q):
        given = q.json()["CmdletInput"]
        name, p = given["CmdletName"], given["Parameters"]
        if q.headers.get("x-cmdletname") != name or not q.headers.get("x-anchormailbox", "").startswith("UPN:SystemMailbox{"):
            raise Fault(400, "BadRequest", "The request is not routed.")
        function = getattr(self, "cmdlet_" + name.replace("-", "_"), None)
        if function is None:
            raise Fault(404, "NotFound", "The cmdlet is not known.")
        return Reply(200, {"@adminapi.warnings": [], "value": function(p)})

    def missing(self, what):
        return Fault(404, "NotFound", "Error executing cmdlet|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|"
                     "The operation couldn't be performed because object '%s' couldn't be found." % what)

    def known(self, name):
        d = self.domains.get(name)
        if d is None or "Email" not in d["supportedServices"]:
            raise self.missing(name)
        return d

    def cmdlet_Get_DkimSigningConfig(self, p):
        d = self.known(p["Identity"])
        if d["dkim"] is None:
            raise self.missing(p["Identity"])
        return [d["dkim"]]

    def cmdlet_New_DkimSigningConfig(self, p):
        d = self.known(p["DomainName"])
        d["asked"] += 1
        if d["asked"] <= self.options["accepted"]:
            raise self.missing(p["DomainName"])
        if d["dkim"] is not None:
            raise Fault(400, "BadRequest", "Error executing cmdlet|ADObjectAlreadyExistsException|The DKIM signing config exists already.")
        tail = "contoso.n-v1.dkim.mail.microsoft" if self.options["new_names"] else "contoso.onmicrosoft.com"
        dashed = d["id"].replace(".", "-")
        d["dkim"] = {"Identity": d["id"], "Domain": d["id"], "Enabled": p["Enabled"], "Status": "CnameMissing",
                     "Selector1KeySize": p.get("KeySize", 1024), "Selector1CNAME": "selector1-%s._domainkey.%s" % (dashed, tail),
                     "Selector2CNAME": "selector2-%s._domainkey.%s" % (dashed, tail)}
        return [d["dkim"]]

    def cmdlet_Set_DkimSigningConfig(self, p):
        d = self.known(p["Identity"])
        if d["dkim"] is None:
            raise self.missing(p["Identity"])
        for i in "12":
            if not self.published("selector%s._domainkey.%s" % (i, d["id"]), "CNAME", d["dkim"]["Selector%sCNAME" % i], d["dkim"]):
                raise Fault(400, "BadRequest", "Error executing cmdlet|CnameMissing|CNAME record does not exist for this config. Please publish the "
                            "following two CNAME records first. It may take a few minutes to 4 days to be detected.")
        d["dkim"].update(Enabled=p["Enabled"], Status="Valid")
        return []

    def cmdlet_Get_HostedOutboundSpamFilterPolicy(self, p):
        if p["Identity"] not in self.policies:
            raise self.missing(p["Identity"])
        return [self.policies[p["Identity"]]]

    def cmdlet_New_HostedOutboundSpamFilterPolicy(self, p):
        self.policies[p["Name"]] = {"Name": p["Name"], "RecipientLimitPerDay": p["RecipientLimitPerDay"]}
        return [self.policies[p["Name"]]]

    def cmdlet_Set_HostedOutboundSpamFilterPolicy(self, p):
        if p["Identity"] not in self.policies:
            raise self.missing(p["Identity"])
        self.policies[p["Identity"]]["RecipientLimitPerDay"] = p["RecipientLimitPerDay"]
        return []

    def cmdlet_Remove_HostedOutboundSpamFilterPolicy(self, p):
        if self.policies.pop(p["Identity"], None) is None:
            raise self.missing(p["Identity"])
        return []

    def cmdlet_Get_HostedOutboundSpamFilterRule(self, p):
        if p["Identity"] not in self.rules:
            raise self.missing(p["Identity"])
        return [self.rules[p["Identity"]]]

    def cmdlet_New_HostedOutboundSpamFilterRule(self, p):
        if p["HostedOutboundSpamFilterPolicy"] not in self.policies:
            raise self.missing(p["HostedOutboundSpamFilterPolicy"])
        self.rules[p["Name"]] = dict(p)
        return [self.rules[p["Name"]]]

    def cmdlet_Remove_HostedOutboundSpamFilterRule(self, p):
        if self.rules.pop(p["Identity"], None) is None:
            raise self.missing(p["Identity"])
        return []
