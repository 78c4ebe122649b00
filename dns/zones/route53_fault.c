/*
 * route53_fault.c - what an answer of Route 53 means that is no success.
 *
 * Source: "Common errors", and the errors of each call, in the Amazon Route 53 API Reference; read 2026-11-25.
 * Invariant: no text of a refused signature is shown: the API quotes what was signed in it, the session token among it.
 */
#include "dns/zones/route53.h"

#include <stdio.h>
#include <string.h>

#include "core/xml.h"

#define FAULT_TEXT_MAX 200

/* What the API's codes mean for the caller; those not listed are told by the status. */
static const struct {
	const char *name;
	enum r53_code code;
	int rc;
} codes[] = {
	{"NoSuchHostedZone",            R53_NO_ZONE,     CR_ENOTFOUND},
	{"NoSuchChange",                R53_OTHER,       CR_ENOTFOUND},
	{"HostedZoneAlreadyExists",     R53_ZONE_EXISTS, CR_ECONFLICT},
	{"ConflictingDomainExists",     R53_OTHER,       CR_ECONFLICT},
	{"InvalidChangeBatch",          R53_BAD_BATCH,   CR_EREFUSED },
	{"HostedZoneNotEmpty",          R53_NOT_EMPTY,   CR_ECONFLICT},
	{"Throttling",                  R53_THROTTLED,   CR_ERETRY   },
	{"ThrottlingException",         R53_THROTTLED,   CR_ERETRY   },
	{"PriorRequestNotComplete",     R53_BUSY,        CR_ERETRY   },
	{"IncompleteSignature",         R53_OTHER,       CR_EAUTH    },
	{"InvalidClientTokenId",        R53_OTHER,       CR_EAUTH    },
	{"MissingAuthenticationToken",  R53_OTHER,       CR_EAUTH    },
	{"UnrecognizedClientException", R53_OTHER,       CR_EAUTH    },
	{"RequestExpired",              R53_OTHER,       CR_EAUTH    },
	{"ExpiredToken",                R53_OTHER,       CR_EAUTH    },
};

/* What to do about credentials that are not accepted. */
static const struct {
	const char *name, *hint;
} hints[] = {
	{"SignatureDoesNotMatch", "the secret is not that of the key, or this machine's clock is wrong"                                   },
	{"InvalidClientTokenId",  "the access key id is not known"									},
	{"ExpiredToken",          "the session token has expired: get new temporary keys"                                                 },
	{"RequestExpired",        "this machine's clock is wrong"									 },
	{"AccessDenied",          "the key may not do this: it needs route53:ListHostedZonesByName, GetChange, "
                         "ListResourceRecordSets, ChangeResourceRecordSets, CreateHostedZone and DeleteHostedZone"},
};

/* The code, and the message or the first of several: <ErrorResponse><Error><Code/><Message/>, or <InvalidChangeBatch><Messages><Message/>. */
static void
read_error(const struct http_reply *reply, char *code, size_t code_size, char *message, size_t size)
{
	struct xml *xml = NULL;
	struct xml_at root, error, at;
	const char *text = NULL;

	code[0] = message[0] = '\0';
	if (xml_parse(buf_str(&reply->body), reply->body.len, &xml, NULL) != CR_OK)
		return;
	root = xml_root(xml);
	if (xml_is(&root, "InvalidChangeBatch")) {
		(void)snprintf(code, code_size, "InvalidChangeBatch");
		error = xml_get(&root, "Messages");
	} else {
		error = xml_get(&root, "Error");
		at = xml_get(&error, "Code");
		if (xml_want_text(&at, &text, NULL) == CR_OK)
			(void)snprintf(code, code_size, "%.60s", text);
	}
	at = xml_get(&error, "Message");
	if (xml_want_text(&at, &text, NULL) == CR_OK)
		(void)snprintf(message, size, "%.*s", FAULT_TEXT_MAX, text);
	xml_drop(&xml);
}

enum r53_code
r53_code_read(const struct http_reply *reply)
{
	char code[64], message[FAULT_TEXT_MAX + 1];

	read_error(reply, code, sizeof(code), message, sizeof(message));
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (strcmp(codes[i].name, code) == 0)
			return codes[i].code;
	return R53_OTHER;
}

static int
fault_auth(const char *what, int status, const char *code, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(hints); i++)
		if (strcmp(hints[i].name, code) == 0)
			return err_set(err, CR_EAUTH, "%s: the key is not accepted (%d, %s): %s", what, status, code,
			               hints[i].hint);
	return err_set(err, CR_EAUTH, "%s: the key is not accepted (%d, %s)", what, status,
	               code[0] != '\0' ? code : "no code");
}

int
r53_fault_parse(const struct http_reply *reply, const char *what, enum r53_code *code_out, struct err *err)
{
	char code[64], message[FAULT_TEXT_MAX + 1];
	int rc = CR_EREFUSED;

	*code_out = R53_OTHER;
	read_error(reply, code, sizeof(code), message, sizeof(message));
	if (reply->status == 401 || reply->status == 403)
		rc = CR_EAUTH;
	else if (reply->status >= 500)
		rc = CR_EUNKNOWN;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (strcmp(codes[i].name, code) == 0) {
			*code_out = codes[i].code;
			rc = codes[i].rc;
		}
	if (reply->status / 100 == 2)
		return err_set(err, CR_EUNKNOWN, "%s: the answer (%d) is not the API's", what, reply->status);
	if (rc == CR_EAUTH)
		return fault_auth(what, reply->status, code, err);
	return err_set(err, rc, "%s: answered %d, %s: %s", what, reply->status, code[0] != '\0' ? code : "no code",
	               message[0] != '\0' ? message : "nothing more");
}
