/*
 * lexicon_text.c - records to lexicon's arguments and from its lists.
 *
 * Sources: lexicon 3.11.7 of Debian 12 (read 2026-11-25).  Its ninety providers do not agree: a TXT comes with or without quotes, a host with
 * or without its dot, an MX with its preference in front, in "priority" or in options.mx.priority, a name whole or relative, a TTL as number or
 * text.  All of these are read.
 */
#include "dns/zones/lexicon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/num.h"
#include "dns/txt.h"

#define FAULT_TEXT_MAX 200

void
lexicon_value_release(struct lexicon_value *v)
{
	free(v->content);
	*v = (struct lexicon_value){0};
}

int
lexicon_value_make(const struct lexicon_manner *m, const struct record *r, struct lexicon_value *out, struct err *err)
{
	struct lexicon_value v = {0};
	struct buf text = {0};
	const char *content;
	int rc;

	if (r->type == RECORD_TXT)
		buf_add(&text, record_text(r), r->data_len);
	else
		record_format_rdata(r, &text);
	content = buf_str(&text);
	if (r->type == RECORD_MX && !m->mx_in_content) {
		const size_t digits = strcspn(content, " ");

		(void)snprintf(v.priority, sizeof(v.priority), "%.*s", (int)digits, content);
		content += digits + (content[digits] == ' ');
	}
	rc = buf_check(&text, "record", err);
	if (rc == CR_OK && (v.content = strdup(content)) == NULL)
		rc = err_nomem(err, "record");
	buf_release(&text);
	if (rc == CR_OK)
		*out = v;
	return rc;
}

/* A number, or the text of one; absent: unchanged. */
static void
read_number(const struct json_at *at, int64_t max, int64_t *out)
{
	const char *text = NULL;
	int64_t n;

	if (json_is_string(at)) {
		if (json_want_string(at, &text, NULL) == CR_OK && num_parse(text, 0, max, &n, NULL) == CR_OK)
			*out = n;
	} else if (at->node != NULL && json_want_int(at, 0, max, &n, NULL) == CR_OK) {
		*out = n;
	}
}

static int64_t
read_priority(const struct json_at *entry)
{
	struct json_at priority = json_get(entry, "priority"), options = json_get(entry, "options"),
		       mx = json_get(&options, "mx"), inner = json_get(&mx, "priority");
	int64_t n = -1;

	read_number(&priority, UINT16_MAX, &n);
	read_number(&inner, UINT16_MAX, &n);
	return n;
}

static bool
leads_to_host(uint16_t type)
{
	return type == RECORD_MX || type == RECORD_CNAME || type == RECORD_NS || type == RECORD_PTR ||
	       type == RECORD_SRV;
}

/* RDATA text of one entry. */
static void
write_rdata(const struct json_at *entry, uint16_t type, const char *content, struct buf *out)
{
	const int64_t priority = type == RECORD_MX ? read_priority(entry) : -1;

	if (priority >= 0 && strchr(content, ' ') == NULL)
		buf_addf(out, "%d ", (int)priority);
	buf_adds(out, content);
	if (leads_to_host(type) && out->len > 0 && out->data[out->len - 1] != '.')
		buf_addc(out, '.');
}

static int
make_record(const char *owner, uint16_t type, uint32_t ttl_s, const struct json_at *entry, const char *content,
            struct record *out, struct err *err)
{
	const size_t len = strlen(content);
	struct buf rdata = {.max_bytes = RECORD_DATA_MAX};
	int rc = CR_OK;

	if (type != RECORD_TXT) {
		write_rdata(entry, type, content, &rdata);
		rc = record_parse(owner, type, ttl_s, buf_str(&rdata), "", out, err);
	} else {
		/* Strings of a zone file, of which some providers' clients cut the outer quotes. */
		if (len > 1 && content[0] == '"' && content[len - 1] == '"')
			rc = txt_parse(content, &rdata, err);
		else if (strstr(content, "\" \"") != NULL) {
			struct buf quoted = {0};

			buf_addf(&quoted, "\"%s\"", content);
			rc = txt_parse(buf_str(&quoted), &rdata, err);
			buf_release(&quoted);
		} else {
			buf_add(&rdata, content, len);
		}
		if (rc == CR_OK)
			rc = record_txt(owner, ttl_s, buf_str(&rdata), rdata.len, out, err);
	}
	buf_release(&rdata);
	return rc;
}

static int
read_entry(const struct json_at *entry, const char *zone, uint16_t type, struct records *out, struct err *err)
{
	struct json_at name_at = json_get(entry, "name"), content_at = json_get(entry, "content"),
		       ttl_at = json_get(entry, "ttl"), type_at = json_get(entry, "type");
	const char *name = NULL, *content = NULL, *type_name = NULL;
	struct record r = {0};
	struct name owner;
	uint16_t told;
	int64_t ttl_s = 0;
	int rc = json_want_string(&name_at, &name, err);

	if (rc == CR_OK)
		rc = json_want_string(&content_at, &content, err);
	if (rc == CR_OK)
		rc = json_want_string(&type_at, &type_name, err);
	if (rc != CR_OK)
		return rc;
	/* Some list more than they were asked for. */
	if (record_type_parse(type_name, &told, NULL) != CR_OK || told != type)
		return CR_OK;
	read_number(&ttl_at, RECORD_TTL_MAX, &ttl_s);
	if (name_parse(name, &owner, NULL) != CR_OK)
		return CR_OK;
	if (!name_is_under(owner.text, zone) && name_under(name, zone, &owner, NULL) != CR_OK)
		return CR_OK;
	if (make_record(owner.text, type, (uint32_t)ttl_s, entry, content, &r, NULL) != CR_OK)
		return CR_OK;
	return records_take(out, &r, err);
}

int
lexicon_list_parse(const char *text, size_t len, const char *zone, uint16_t type, struct records *out, struct err *err)
{
	/* What Python has to warn of stands in front. */
	const char *from = len > 0 && text[0] == '[' ? text : memmem(text, len, "\n[", 2);
	struct json *json = NULL;
	struct json_at root;
	int rc;

	if (from == NULL)
		return err_set(err, CR_EPARSE, "lexicon, zone %s: no list was printed", zone);
	rc = json_parse(from, len - (size_t)(from - text), &json, err);
	if (rc != CR_OK)
		return rc;
	root = json_root(json);
	rc = json_want_array(&root, err);
	for (size_t i = 0; rc == CR_OK && i < json_count(&root); i++) {
		struct json_at entry = json_item(&root, i);

		rc = read_entry(&entry, zone, type, out, err);
	}
	json_drop(&json);
	return rc;
}

/* A failure is a trace of Python; its last line says what it was. */
static void
last_line(const char *output, char *out, size_t size)
{
	size_t len = strlen(output), from;

	while (len > 0 && (output[len - 1] == '\n' || output[len - 1] == ' '))
		len--;
	for (from = len; from > 0 && output[from - 1] != '\n'; from--)
		;
	(void)snprintf(out, size, "%.*s", (int)(len - from), output + from);
}

int
lexicon_fault_parse(const char *output, const char *zone, bool *absent_out, struct err *err)
{
	static const char *const absent[] = {"404 Client Error", "No domain found", "omain not found",
	                                     "one not found",    "o such zone",     "does not exist"};
	static const char *const barred[] = {"401 Client Error",   "403 Client Error", "uthentication", "nauthorized",
	                                     "not defined (auth_", "nvalid token",     "nvalid API"};
	static const char *const broken[] = {"ProviderNotAvailableError", "invalid choice", "unrecognized arguments"};
	char line[FAULT_TEXT_MAX];

	last_line(output, line, sizeof(line));
	*absent_out = false;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		if (strstr(output, broken[i]) != NULL)
			return err_set(err, CR_ECONFIG, "lexicon, zone %s: %s", zone, line);
	for (size_t i = 0; i < ARRAY_LEN(barred); i++)
		if (strstr(line, barred[i]) != NULL)
			return err_set(err, CR_EAUTH, "lexicon, zone %s: not let in: %s", zone, line);
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		if (strstr(line, absent[i]) != NULL) {
			*absent_out = true;
			return CR_OK;
		}
	return err_set(err, CR_ERETRY, "lexicon, zone %s: %s", zone,
	               line[0] != '\0' ? line : "failed, and said nothing");
}
