/*
 * mta_sts.c - records and policies of MTA-STS, records of TLS-RPT.
 *
 * RFC 8461 s3.1 (record), s3.2 (policy), s4.1 (patterns); RFC 8460 s3 (record).  Both records are lists of name=value parted by
 * semicolons, the version first; unknown names are for later versions and ignored.
 */
#include "dns/mta_sts.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/num.h"
#include "dns/name.h"

#define QUOTE_MAX 80

static const char *const modes[] = {
	[MTA_STS_NONE] = "none", [MTA_STS_TESTING] = "testing", [MTA_STS_ENFORCE] = "enforce"};
static_assert(ARRAY_LEN(modes) == MTA_STS_MODE__COUNT, "a word for every mode");

const char *
mta_sts_mode_name(enum mta_sts_mode m)
{
	return modes[m];
}

static int
quote_len(struct span s)
{
	return (int)(s.len < QUOTE_MAX ? s.len : QUOTE_MAX);
}

/* s3.1: the version is compared with case, and nothing stands before it. */
static bool
begins(const char *txt, const char *version)
{
	size_t len = strlen(version);

	return strncmp(txt, version, len) == 0 &&
	       (txt[len] == '\0' || txt[len] == ';' || txt[len] == ' ' || txt[len] == '\t');
}

bool
mta_sts_is_record(const char *txt)
{
	return begins(txt, "v=STSv1");
}

bool
tls_rpt_is_record(const char *txt)
{
	return begins(txt, "v=TLSRPTv1");
}

int
mta_sts_parse(const char *txt, struct mta_sts_record *out, struct err *err)
{
	const struct tag *id;
	struct taglist list;
	int rc;

	*out = (struct mta_sts_record){.id = ""};
	if (!mta_sts_is_record(txt))
		return err_set(err, CR_EPARSE, "does not begin with v=STSv1");
	rc = taglist_parse(txt, false, &list, err);
	if (rc != CR_OK)
		return rc;
	id = taglist_find(&list, "id");
	if (id == NULL)
		return err_set(err, CR_EPARSE, "has no id");
	if (id->value.len == 0 || id->value.len > MTA_STS_ID_MAX)
		return err_set(err, CR_EPARSE, "its id has %zu characters; 1 to %d are allowed", id->value.len,
		               MTA_STS_ID_MAX);
	for (size_t i = 0; i < id->value.len; i++) {
		if (!isalnum((unsigned char)id->value.at[i]))
			return err_set(err, CR_EPARSE, "its id '%.*s' has other characters than letters and digits",
			               quote_len(id->value), id->value.at);
	}
	memcpy(out->id, id->value.at, id->value.len);
	return CR_OK;
}

int
tls_rpt_parse(const char *txt, struct tls_rpt *out, struct err *err)
{
	const struct tag *rua;
	struct taglist list;
	struct span rest, uri;
	int rc;

	out->n = 0;
	if (!tls_rpt_is_record(txt))
		return err_set(err, CR_EPARSE, "does not begin with v=TLSRPTv1");
	rc = taglist_parse(txt, false, &list, err);
	if (rc != CR_OK)
		return rc;
	rua = taglist_find(&list, "rua");
	rest = rua != NULL ? rua->value : (struct span){"", 0};
	while (span_cut(&rest, ',', &uri)) {
		bool mail = uri.len > 7 && strncasecmp(uri.at, "mailto:", 7) == 0 &&
		            memchr(uri.at, '@', uri.len) != NULL,
		     web = uri.len > 8 && strncasecmp(uri.at, "https://", 8) == 0;

		if (!mail && !web)
			return err_set(err, CR_EPARSE, "its rua '%.*s' is neither mailto: nor https:", quote_len(uri),
			               uri.at);
		if (out->n == TLS_RPT_ADDRESSES_MAX)
			return err_set(err, CR_EPARSE, "has more than %d addresses in rua", TLS_RPT_ADDRESSES_MAX);
		out->rua[out->n++] = uri;
	}
	return out->n > 0 ? CR_OK : err_set(err, CR_EPARSE, "has no rua: reports go nowhere");
}

/* Which fields a policy has had. */
struct seen {
	bool version, mode, max_age;
};

/* "mx1.example", "*.example": letters, digits, hyphens and dots. */
static bool
is_pattern(struct span s)
{
	struct name name;
	char text[256];

	if (s.len > 2 && s.at[0] == '*' && s.at[1] == '.') {
		s.at += 2;
		s.len -= 2;
	}
	if (s.len == 0 || s.len >= sizeof(text) || s.at[s.len - 1] == '.' || memchr(s.at, '\0', s.len) != NULL)
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	for (size_t i = 0; i < s.len; i++) {
		if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '.')
			return false;
	}
	return name_parse(text, &name, NULL) == CR_OK;
}

static int
read_mode(struct span value, struct mta_sts_policy *out, struct err *err)
{
	for (int i = 0; i < MTA_STS_MODE__COUNT; i++) {
		if (span_is(value, modes[i])) {
			out->mode = (enum mta_sts_mode)i;
			return CR_OK;
		}
	}
	return err_set(err, CR_EPARSE, "mode '%.*s' is neither enforce, testing nor none", quote_len(value), value.at);
}

static int
read_max_age(struct span value, struct mta_sts_policy *out, struct err *err)
{
	char digits[11];

	if (value.len == 0 || value.len >= sizeof(digits) || memchr(value.at, '\0', value.len) != NULL)
		return err_set(err, CR_EPARSE, "max_age '%.*s' is no number of seconds", quote_len(value), value.at);
	memcpy(digits, value.at, value.len);
	digits[value.len] = '\0';
	if (strspn(digits, "0123456789") != value.len ||
	    num_parse(digits, 0, MTA_STS_MAX_AGE_S, &out->max_age_s, NULL) != CR_OK)
		return err_set(err, CR_EPARSE, "max_age '%s' is no number from 0 to %d", digits, MTA_STS_MAX_AGE_S);
	return CR_OK;
}

static int
read_line(struct span line, struct seen *seen, struct mta_sts_policy *out, struct err *err)
{
	struct span name, value = line;
	bool *once;

	if (memchr(line.at, ':', line.len) == NULL || !span_cut(&value, ':', &name))
		return err_set(err, CR_EPARSE, "line '%.*s' has no colon", quote_len(line), line.at);
	value = span_trim(value);
	if (span_is(name, "mx")) {
		if (!is_pattern(value))
			return err_set(err, CR_EPARSE, "mx '%.*s' is no host name, with or without \"*.\"",
			               quote_len(value), value.at);
		if (out->n_mx == MTA_STS_PATTERNS_MAX)
			return err_set(err, CR_EPARSE, "more than %d lines of mx", MTA_STS_PATTERNS_MAX);
		out->mx[out->n_mx++] = value;
		return CR_OK;
	}
	once = span_is(name, "version")   ? &seen->version
	       : span_is(name, "mode")    ? &seen->mode
	       : span_is(name, "max_age") ? &seen->max_age
	                                  : NULL;
	/* s3.2: of a field that stands twice the first counts; unknown fields are for later. */
	if (once == NULL || *once)
		return CR_OK;
	*once = true;
	if (once == &seen->mode)
		return read_mode(value, out, err);
	if (once == &seen->max_age)
		return read_max_age(value, out, err);
	return span_is(value, "STSv1")
	               ? CR_OK
	               : err_set(err, CR_EPARSE, "version '%.*s' is not STSv1", quote_len(value), value.at);
}

int
mta_sts_policy_parse(const char *text, size_t len, struct mta_sts_policy *out, struct err *err)
{
	struct span rest = {text, len}, line;
	struct seen seen = {false, false, false};
	int rc = CR_OK;

	*out = (struct mta_sts_policy){.mode = MTA_STS_NONE};
	if (len > MTA_STS_POLICY_BYTES)
		return err_set(err, CR_EPARSE, "longer than %d bytes, where senders stop", MTA_STS_POLICY_BYTES);
	/* s3.2: lines end in LF or CRLF; the CR is trimmed with the blanks. */
	while (rc == CR_OK && span_cut(&rest, '\n', &line)) {
		if (line.len > 0)
			rc = read_line(line, &seen, out, err);
	}
	if (rc != CR_OK)
		return rc;
	if (!seen.version)
		return err_set(err, CR_EPARSE, "has no version");
	if (!seen.mode)
		return err_set(err, CR_EPARSE, "has no mode");
	if (!seen.max_age)
		return err_set(err, CR_EPARSE, "has no max_age");
	if (out->n_mx == 0 && out->mode != MTA_STS_NONE)
		return err_set(err, CR_EPARSE, "has no mx, and its mode is %s", modes[out->mode]);
	return CR_OK;
}

bool
mta_sts_allows(const struct mta_sts_policy *p, const char *host)
{
	for (size_t i = 0; i < p->n_mx; i++) {
		bool wildcard = p->mx[i].len > 2 && p->mx[i].at[0] == '*';
		struct span rest = wildcard ? (struct span){p->mx[i].at + 2, p->mx[i].len - 2} : p->mx[i];

		if (span_is_nocase(rest, wildcard ? name_parent(host) : host))
			return true;
	}
	return false;
}
