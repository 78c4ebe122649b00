/*
 * azure.c - the PTR of public addresses at Azure: reverseFqdn of a public IP resource.
 *
 * Sources: https://learn.microsoft.com/azure/dns/dns-reverse-dns-for-azure-services, the publicIPAddresses description 2023-09-01 of
 * Azure/azure-rest-api-specs; read 2026-11-25.
 * Invariants: the resource is read, changed in dnsSettings only, and written back whole for the etag that was read.  A label comes first, by a
 * call of its own: with domainNameLabelScope set the two in one call fail.  What another hand set is never overwritten.
 */
#include "provision/addresses/addresses.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/secret.h"
#include "dns/ip.h"
#include "dns/zones/arm.h"
#include "provision/addresses/azure.h"

#define API_VERSION "2023-09-01"
#define TURNS       6    /* looks at a resource that changes under our hands */
#define FORWARD_MS  5000 /* before the forward name is tried again, then twice as long */
#define UPDATING_MS 2000 /* between looks at a resource that is being changed */

struct az_owner {
	struct arm_settings arm;
	char *public_ip;
	struct cfg_list public_ips;
	int64_t wait_s;
};

/* A row a line. */
/* clang-format off */
#define AT(member) offsetof(struct az_owner, member)
static const struct cfg_row settings_rows[] = {
	ARM_ROWS(struct az_owner),
	{"public_ip", CFG_TEXT, AT(public_ip), 0, 0, NULL, 0, NULL, "Name of the public IP resource, where there is one."},
	{"public_ips", CFG_LIST, AT(public_ips), 0, 0, NULL, 0, NULL, "Of several: ADDRESS=NAME each."},
	{"wait", CFG_DURATION, AT(wait_s), 0, 3600, "2m", 0, NULL, "How long to wait until Azure sees that the name leads to the address."},
};
#undef AT
/* clang-format on */

struct owner {
	const struct clock *clock;
	const struct az_owner *settings;
	struct arm *arm;
};

static const char *
after_equals(const char *item)
{
	const char *sign = strchr(item, '=');

	return sign != NULL && sign[1] != '\0' ? sign + 1 : NULL;
}

static int
az_check(const void *settings, struct err *err)
{
	const struct az_owner *s = settings;

	if (s->public_ip == NULL && s->public_ips.n == 0)
		return err_set(err, CR_ECONFIG, "public_ip: name the public IP resource, or several in public_ips");
	for (size_t i = 0; i < s->public_ips.n; i++) {
		const char *item = s->public_ips.items[i];
		char address[64];
		struct ip ip;

		(void)snprintf(address, sizeof(address), "%.*s", (int)strcspn(item, "="), item);
		if (after_equals(item) == NULL || !ip_parse(address, &ip))
			return err_set(err, CR_ECONFIG, "public_ips: must be ADDRESS=NAME, not '%s'", item);
	}
	return CR_OK;
}

/* The resource that has ip, as configured; NULL: none. */
static const char *
name_of(const struct az_owner *s, const char *ip)
{
	for (size_t i = 0; i < s->public_ips.n; i++) {
		const char *item = s->public_ips.items[i];

		if (strlen(ip) == strcspn(item, "=") && strncmp(item, ip, strlen(ip)) == 0)
			return after_equals(item);
	}
	return s->public_ip;
}

/* ---- exchanges ---- */

static int
start(const struct owner *o, const char *method, const char *name, struct http_request *q, struct err *err)
{
	struct buf path = {0};
	int rc;

	buf_adds(&path, "/providers/Microsoft.Network/publicIPAddresses/");
	http_encode(&path, name);
	rc = buf_check(&path, "url", err);
	if (rc == CR_OK)
		rc = arm_request(o->arm, method, buf_str(&path), API_VERSION, NULL, q, err);
	buf_release(&path);
	return rc;
}

/* The resource, once nothing is being done to it any more. */
static int
get(const struct owner *o, const char *name, struct azip *out, struct err *err)
{
	const int64_t end_ms = clock_boot_ms(o->clock) + ARM_AWAIT_MS;
	char code[ARM_CODE_MAX];
	int rc = CR_OK;

	for (;;) {
		struct http_request q = {0};
		struct http_reply reply = {0};

		azip_release(out);
		rc = start(o, "GET", name, &q, err);
		if (rc == CR_OK)
			rc = arm_exchange(o->arm, &q, true, name, &reply, code, err);
		if (rc == CR_OK)
			rc = azip_parse(buf_str(&reply.body), reply.body.len, out, err);
		http_reply_release(&reply);
		if (rc != CR_OK || !out->updating)
			break;
		if (clock_boot_ms(o->clock) + UPDATING_MS > end_ms) {
			rc = err_set(err, CR_ERETRY, "public IP %s: is being changed all the time", name);
			break;
		}
		clock_sleep_ms(o->clock, UPDATING_MS);
	}
	return rc == CR_OK ? CR_OK : err_wrap(err, "public IP");
}

/* Write it back with these settings, and see the end of it. */
static int
put(const struct owner *o, const char *name, const struct azip *now, const struct azip_dns *want, char *code,
    struct err *err)
{
	struct http_request q = {0};
	struct http_reply reply = {0};
	int rc;

	code[0] = '\0';
	rc = start(o, "PUT", name, &q, err);
	if (rc != CR_OK)
		return rc;
	http_request_add_header(&q, "If-Match", now->etag);
	q.content_type = "application/json";
	rc = azip_write(now, want, &q.body, err);
	if (rc == CR_OK)
		rc = arm_exchange(o->arm, &q, true, name, &reply, code, err);
	else
		http_request_release(&q);
	if (rc == CR_OK)
		rc = arm_await(o->arm, &reply, name, err);
	http_reply_release(&reply);
	return rc;
}

/* ---- what is asked ---- */

/* The label that we would make: the same in every run, and nobody else's. */
static void
make_label(const struct azip *now, char out[64])
{
	uint8_t digest[32];

	secret_digest(now->id, strlen(now->id), digest);
	(void)snprintf(out, 64, "coldrelay-%02x%02x%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3],
	               digest[4], digest[5]);
}

/* Why this resource can have no PTR, or is another one. */
static int
check_resource(const struct azip *now, const char *name, const char *ip, struct err *err)
{
	if (strcmp(now->address, ip) != 0)
		return err_set(err, CR_ENOTFOUND, "public IP %s has the address %s, not %s", name,
		               now->address[0] != '\0' ? now->address : "none", ip);
	if (now->is_v6)
		return err_set(err, CR_EREFUSED, "public IP %s: Azure sets no PTR for IPv6", name);
	if (!now->is_static)
		return err_set(err, CR_EREFUSED, "public IP %s is dynamic, so its address will change: make it static",
		               name);
	if (now->is_basic)
		return err_set(err, CR_EREFUSED,
		               "public IP %s is of the SKU Basic, which was retired: make it Standard", name);
	return CR_OK;
}

static int
az_observe(void *ctx, const char *ip, struct address_state *out, struct err *err)
{
	const struct owner *o = ctx;
	const char *name = name_of(o->settings, ip);
	struct address_state s = {0};
	struct azip now = {0};
	char label[64];
	int rc;

	if (name == NULL)
		return err_set(err, CR_ENOTFOUND, "%s is not among the public IPs of the configuration", ip);
	rc = get(o, name, &now, err);
	if (rc == CR_OK)
		rc = check_resource(&now, name, ip, err);
	if (rc == CR_OK && now.dns.reverse[0] != '\0') {
		s.set = true;
		rc = name_parse(now.dns.reverse, &s.host, err);
	}
	if (rc == CR_OK) {
		make_label(&now, label);
		s.label_there = strcmp(now.dns.label, label) == 0;
		if (s.label_there || now.dns.label[0] == '\0')
			memcpy(s.label, label, sizeof(s.label));
		*out = s;
	}
	azip_release(&now);
	return rc;
}

static bool
is_host(const char *reverse, const char *host)
{
	struct name name;

	return reverse[0] != '\0' && name_parse(reverse, &name, NULL) == CR_OK && name_equal(name.text, host);
}

/* Is what stands now what the plan was made from, or what we were about to make? */
static bool
is_as_seen(const struct azip *now, const struct address_state *base)
{
	return now->dns.reverse[0] == '\0' || (base->set && is_host(now->dns.reverse, base->host.text));
}

/*
 * One change, from what is there: the label, or the PTR.  *more_out: look again, for what is left.  A forward name that Azure does not see yet
 * is CR_ERETRY.
 */
static int
step(const struct owner *o, const char *name, const struct address_state *base, const char *host, bool *labelled_out,
     bool *more_out, struct err *err)
{
	struct azip now = {0};
	struct azip_dns want;
	char code[ARM_CODE_MAX];
	bool labels;
	int rc = get(o, name, &now, err);

	*more_out = false;
	if (rc != CR_OK || is_host(now.dns.reverse, host))
		goto out;
	if (!is_as_seen(&now, base)) {
		rc = err_set(err, CR_ECONFLICT, "public IP %s: another hand set its PTR to %s meanwhile", name,
		             now.dns.reverse);
		goto out;
	}
	want = now.dns;
	labels = want.label[0] == '\0' && base->label[0] != '\0';
	if (labels)
		(void)snprintf(want.label, sizeof(want.label), "%s", base->label);
	else
		(void)snprintf(want.reverse, sizeof(want.reverse), "%.255s.", host);
	rc = put(o, name, &now, &want, code, err);
	*labelled_out = *labelled_out || (labels && rc == CR_OK);
	if (rc == CR_ERETRY && strcasecmp(code, "ReverseFqdnDoesNotBelongToSubscription") == 0)
		rc = err_set(err, CR_ERETRY, "Azure does not see yet that %s leads to %s", host, now.address);
	/* Done, refused by the etag, or of unknown fate: the next look says what is left. */
	*more_out = rc == CR_OK || rc == CR_ECONFLICT || rc == CR_EUNKNOWN;
out:
	azip_release(&now);
	return rc;
}

static int
az_set(void *ctx, const char *ip, const struct address_state *base, const char *host, struct err *err)
{
	const struct owner *o = ctx;
	const char *name = name_of(o->settings, ip);
	const int64_t end_ms = clock_boot_ms(o->clock) + o->settings->wait_s * 1000;
	struct err why = {0};
	int64_t wait_ms = FORWARD_MS;
	bool labelled = false, more = true;
	int turns = 0, rc = CR_OK;

	if (name == NULL)
		return err_set(err, CR_ENOTFOUND, "%s is not among the public IPs of the configuration", ip);
	for (;;) {
		rc = step(o, name, base, host, &labelled, &more, &why);
		if (rc == CR_OK && !more)
			return CR_OK;
		if (more && ++turns < TURNS)
			continue;
		if (rc == CR_OK)
			rc = err_set(&why, CR_EUNKNOWN, "public IP %s: what is set does not stay", name);
		if (rc != CR_ERETRY || clock_boot_ms(o->clock) + wait_ms > end_ms)
			break;
		clock_sleep_ms(o->clock, wait_ms);
		wait_ms *= 2;
	}
	/* The label stands, so this is no failure of which nothing is left. */
	if (labelled && err_nothing_done(rc))
		return err_set(err, CR_EUNKNOWN, "its label %s was made; its PTR was not: %.300s", base->label,
		               why.text);
	if (err != NULL)
		*err = why;
	return rc;
}

static int
az_clear(void *ctx, const char *ip, const char *host, bool label, struct err *err)
{
	const struct owner *o = ctx;
	const char *name = name_of(o->settings, ip);
	char ours[64], code[ARM_CODE_MAX];
	int rc = CR_OK;

	for (int i = 0; name != NULL && i < TURNS; i++) {
		struct azip now = {0};
		struct azip_dns want;
		bool changed = false;

		rc = get(o, name, &now, err);
		want = now.dns;
		if (rc == CR_OK && is_host(now.dns.reverse, host)) {
			want.reverse[0] = '\0';
			changed = true;
		}
		if (rc == CR_OK)
			make_label(&now, ours);
		/* Under somebody else's PTR the label stays. */
		if (rc == CR_OK && label && want.reverse[0] == '\0' && strcmp(want.label, ours) == 0) {
			want.label[0] = want.fqdn[0] = '\0';
			changed = true;
		}
		if (rc == CR_OK && changed)
			rc = put(o, name, &now, &want, code, err);
		azip_release(&now);
		if (rc != CR_ECONFLICT && rc != CR_EUNKNOWN)
			break;
	}
	/* An address that was given up takes its PTR along. */
	return rc == CR_ENOTFOUND ? CR_OK : rc;
}

static void
az_drop(void *ctx)
{
	struct owner *o = ctx;

	if (o == NULL)
		return;
	arm_drop(&o->arm);
	free(o);
}

static int
az_open(const struct address_env *env, const void *settings, void **ctx_out, struct err *err)
{
	const struct az_owner *s = settings;
	struct owner *o = calloc(1, sizeof(*o));
	int rc;

	if (o == NULL)
		return err_nomem(err, "azure");
	o->clock = env->clock;
	o->settings = s;
	rc = arm_open(env->http, env->clock, &s->arm, &o->arm, err);
	if (rc == CR_OK)
		*ctx_out = TAKE(o);
	az_drop(o);
	return rc;
}

const struct address_driver address_driver_azure = {
	.name = "azure",
	.summary = "public IP addresses at Azure",
	.rows = settings_rows,
	.n_rows = ARRAY_LEN(settings_rows),
	.settings_size = sizeof(struct az_owner),
	.check = az_check,
	.note = "Azure closes outgoing port 25 by the kind of subscription: open under an Enterprise Agreement or "
		"MCA-E; closed under pay-as-you-go, "
		"CSP, partner and sponsored ones until Microsoft opens it on request; never open under trial, student, "
		"Visual Studio and Azure Pass "
		"ones.  Port 587 to a relay is open in all",
	.tested = "stateful fake, checked mock",
	.read_on = "2026-11-25",
	.open = az_open,
	.drop = az_drop,
	.observe = az_observe,
	.set = az_set,
	.clear = az_clear,
};
