/*
 * reply_keys.c - the lines `key: value` of a rules file: a row of the table below each.
 */
#include "budget/reply_loader.h"

#include <string.h>

#include "core/num.h"

int
reply_room(void **data, size_t *cap, size_t n, size_t size, struct err *err)
{
	void *more;
	size_t want = *cap == 0 ? 64 : *cap * 2;

	if (n < *cap)
		return CR_OK;
	more = realloc(*data, want * size);
	if (more == NULL)
		return err_nomem(err, "reply rules");
	*data = more;
	*cap = want;
	return CR_OK;
}

char *
reply_trim(char *s)
{
	size_t len;

	s += strspn(s, " \t");
	len = strlen(s);
	while (len > 0 && strchr(" \t\r", s[len - 1]) != NULL)
		s[--len] = '\0';
	return s;
}

/* The next word of *rest, or NULL. */
char *
reply_word(char **rest)
{
	char *at = *rest + strspn(*rest, " \t");
	size_t len = strcspn(at, " \t");

	if (len == 0)
		return NULL;
	*rest = at + len + (at[len] == '\0' ? 0 : 1);
	at[len] = '\0';
	return at;
}

int
reply_find_layer(const struct reply_rules *r, const char *name)
{
	for (size_t i = 0; i < r->n_layers; i++) {
		if (strcmp(r->layers[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

/* A span grows at the end of its pool; one that does not stand there moves there first. */
static MUST_CHECK int
add_id(struct reply_rules *r, struct reply_span *span, uint16_t id, struct err *err)
{
	if (span->at + span->n != r->n_ids) {
		const struct reply_span old = *span;

		span->at = (uint32_t)r->n_ids;
		for (uint32_t i = 0; i < old.n; i++) {
			int rc = ROOM(r, ids, err);

			if (rc != CR_OK)
				return rc;
			r->ids[r->n_ids++] = r->ids[old.at + i];
		}
	}
	int rc = ROOM(r, ids, err);

	if (rc != CR_OK)
		return rc;
	r->ids[r->n_ids++] = id;
	span->n++;
	return CR_OK;
}

/* "one phrase | another * with a gap" */
static MUST_CHECK int
add_phrases(struct reply_rules *r, struct reply_span *span, char *value, struct err *err)
{
	char folded[1024];
	int rc = CR_OK;

	for (char *next = value; rc == CR_OK && next != NULL;) {
		char *one = next, *bar = strchr(next, '|');
		uint16_t id = 0;

		next = bar == NULL ? NULL : bar + 1;
		if (bar != NULL)
			*bar = '\0';
		rc = phrases_add(&r->phrases, folded, reply_text_fold(reply_trim(one), folded, sizeof(folded)), &id,
		                 err);
		if (rc == CR_OK)
			rc = add_id(r, span, id, err);
	}
	return rc;
}

static int
on_text(struct reply_loader *l, char *value, struct err *err)
{
	return add_phrases(l->r, l->block == BLOCK_LAYER ? &l->layer->text : &l->rule->text, value, err);
}

static int
on_not(struct reply_loader *l, char *value, struct err *err)
{
	return add_phrases(l->r, &l->rule->not, value, err);
}

static int
on_also(struct reply_loader *l, char *value, struct err *err)
{
	size_t i = 0;

	while (i < REPLY_ALSO && l->rule->also[i].n != 0)
		i++;
	if (i == REPLY_ALSO)
		return err_set(err, CR_ECONFIG, "more than %d lines 'also'", REPLY_ALSO);
	return add_phrases(l->r, &l->rule->also[i], value, err);
}

/* A host that stands in the text tells the layer too. */
static int
on_host(struct reply_loader *l, char *value, struct err *err)
{
	struct reply_rules *r = l->r;
	int rc = CR_OK;

	for (char *host; rc == CR_OK && (host = reply_word(&value)) != NULL;) {
		uint16_t id = 0;

		(void)reply_text_fold(host, host, strlen(host) + 3);
		rc = phrases_add(&r->phrases, host, strlen(host), &id, err);
		if (rc == CR_OK)
			rc = add_id(r, &l->layer->host_text, id, err);
		if (rc == CR_OK && l->layer->host.n != 0 && l->layer->host.at + l->layer->host.n != r->n_hosts)
			rc = err_set(err, CR_ECONFIG, "hosts of a layer stand in lines that follow one another");
		if (rc == CR_OK)
			rc = ROOM(r, hosts, err);
		if (rc != CR_OK)
			return rc;
		if (l->layer->host.n == 0)
			l->layer->host.at = (uint32_t)r->n_hosts;
		r->hosts[r->n_hosts++] = host;
		l->layer->host.n++;
	}
	return rc;
}

/* Ends of addresses, which are looked for where they are not masked. */
static int
on_address(struct reply_loader *l, char *value, struct err *err)
{
	int rc = CR_OK;

	for (char *one; rc == CR_OK && (one = reply_word(&value)) != NULL;) {
		if (one[0] != '@')
			return err_set(err, CR_ECONFIG, "an end of addresses begins with @: '%s'", one);
		rc = add_phrases(l->r, &l->layer->address, one, err);
	}
	return rc;
}

static MUST_CHECK int
add_range(struct reply_rules *r, struct reply_span *span, uint32_t low, uint32_t high, struct err *err)
{
	int rc;

	if (span->n == 0)
		span->at = (uint32_t)r->n_ranges;
	if (span->at + span->n != r->n_ranges)
		return err_set(err, CR_ECONFIG, "lines of one condition have to follow one another");
	rc = ROOM(r, ranges, err);
	if (rc != CR_OK)
		return rc;
	r->ranges[r->n_ranges++] = (struct reply_range){low, high};
	span->n++;
	return CR_OK;
}

/* "550", "55", "4" */
static int
on_reply(struct reply_loader *l, char *value, struct err *err)
{
	int rc = CR_OK;

	for (char *one; rc == CR_OK && (one = reply_word(&value)) != NULL;) {
		const size_t digits = strlen(one);
		const uint32_t step = digits == 1 ? 100 : digits == 2 ? 10 : 1;
		int64_t n = 0;

		if (digits > 3 || strchr("245", one[0]) == NULL || num_parse(one, 2, 599, &n, NULL) != CR_OK)
			return err_set(err, CR_ECONFIG, "no reply code, or beginning of one: '%s'", one);
		rc = add_range(l->r, &l->rule->reply, (uint32_t)n * step, (uint32_t)n * step + step - 1, err);
	}
	return rc;
}

/* One part of a status; "x": low to high. */
static bool
status_part(const char *s, size_t len, unsigned max, unsigned *low, unsigned *high)
{
	char digits[4] = "";
	int64_t n = 0;

	if (len == 1 && s[0] == 'x') {
		*low = 0;
		*high = max;
		return true;
	}
	if (len == 0 || len > 3)
		return false;
	memcpy(digits, s, len);
	if (num_parse(digits, 0, (int64_t)max, &n, NULL) != CR_OK)
		return false;
	*low = *high = (unsigned)n;
	return true;
}

static MUST_CHECK int
add_status(struct reply_loader *l, const char *one, unsigned class, struct err *err)
{
	unsigned low[3] = {class, 0, 0}, high[3] = {class, 999, 999}, last;
	const char *at = one + 1;

	for (size_t i = 1; i < 3 && *at == '.'; i++) {
		size_t len = strcspn(at + 1, ".");

		if (!status_part(at + 1, len, 999, &low[i], &high[i]))
			return err_set(err, CR_ECONFIG, "no status code: '%s'", one);
		at += 1 + len;
	}
	if (strncmp(at, "..", 2) == 0 && status_part(at + 2, strlen(at + 2), 999, &last, &high[2]))
		at += strlen(at);
	if (*at != '\0' || high[2] < low[2])
		return err_set(err, CR_ECONFIG, "no status code: '%s'", one);
	return add_range(l->r, l->block == BLOCK_LAYER ? &l->layer->status : &l->rule->status,
	                 reply_status(low[0], low[1], low[2]), reply_status(high[0], high[1], high[2]), err);
}

/* "5.7.1", "5.7.606..649", "5.1", "x.7.26": x stands for 4 and 5 */
static int
on_status(struct reply_loader *l, char *value, struct err *err)
{
	int rc = CR_OK;

	for (char *one; rc == CR_OK && (one = reply_word(&value)) != NULL;) {
		if (strchr("245x", one[0]) == NULL)
			return err_set(err, CR_ECONFIG, "no status code: '%s'", one);
		if (one[0] != 'x') {
			rc = add_status(l, one, (unsigned)(one[0] - '0'), err);
			continue;
		}
		rc = add_status(l, one, 4, err);
		if (rc == CR_OK)
			rc = add_status(l, one, 5, err);
	}
	return rc;
}

static MUST_CHECK int
add_layers(struct reply_loader *l, uint64_t bits[2], char *value, struct err *err)
{
	for (char *one; (one = reply_word(&value)) != NULL;) {
		int i = reply_find_layer(l->r, one);

		if (i < 0)
			return err_set(err, CR_ECONFIG, "no layer has the name '%s'", one);
		bits[i / 64] |= 1ULL << (i % 64);
	}
	return CR_OK;
}

static int
on_from(struct reply_loader *l, char *value, struct err *err)
{
	return add_layers(l, l->rule->from, value, err);
}

static int
on_only(struct reply_loader *l, char *value, struct err *err)
{
	return add_layers(l, l->rule->only, value, err);
}

static int
on_layer(struct reply_loader *l, char *value, struct err *err)
{
	int i = reply_find_layer(l->r, value);

	if (i < 0)
		return err_set(err, CR_ECONFIG, "no layer has the name '%s'", value);
	l->rule->layer = (uint8_t)i;
	return CR_OK;
}

static int
on_command(struct reply_loader *l, char *value, struct err *err)
{
	static const char *const known[] = {"rcpt", "data", "mail", "helo", "conn"};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(value, known[i]) == 0) {
			l->rule->command = value;
			return CR_OK;
		}
	}
	return err_set(err, CR_ECONFIG, "no command: '%s' (rcpt, data, mail, helo, conn)", value);
}

int
reply_find_class(const char *name, enum reply_class *out, struct err *err)
{
	for (int i = 0; i < REPLY_CLASS__COUNT; i++) {
		if (strcmp(reply_class_name((enum reply_class)i), name) == 0) {
			*out = (enum reply_class)i;
			return CR_OK;
		}
	}
	return err_set(err, CR_ECONFIG, "no class has the name '%s'", name);
}

static int
on_class(struct reply_loader *l, char *value, struct err *err)
{
	l->has_class = true;
	return reply_find_class(value, &l->rule->class, err);
}

static int
on_category(struct reply_loader *l, char *value, struct err *err)
{
	for (int i = 0; i < REPLY_CATEGORY__COUNT; i++) {
		if (strcmp(reply_category_name((enum reply_category)i), value) == 0) {
			l->rule->category = (enum reply_category)i;
			l->has_category = true;
			return CR_OK;
		}
	}
	return err_set(err, CR_ECONFIG, "no category has the name '%s'", value);
}

/* test: HOST | REPLY => ID */
static int
on_test(struct reply_loader *l, char *value, struct err *err)
{
	struct reply_test test = {.rule = l->rule->id, .host = value, .line = l->line, .builtin = l->builtin};
	char *bar = strchr(value, '|'), *want = NULL;
	int rc;

	for (char *at = value; (at = strstr(at, "=>")) != NULL; at += 2)
		want = at;
	if (bar == NULL || want == NULL || want < bar)
		return err_set(err, CR_ECONFIG, "a test reads: HOST | REPLY => ID");
	*bar = *want = '\0';
	test.host = reply_trim(value);
	test.text = reply_trim(bar + 1);
	test.want = reply_trim(want + 2);
	rc = ROOM(l->r, tests, err);
	if (rc == CR_OK)
		l->r->tests[l->r->n_tests++] = test;
	return rc;
}

#define AT(field) offsetof(struct reply_saying, field)

static const struct key {
	const char *name;
	unsigned blocks;                                                 /* bits */
	int (*on)(struct reply_loader *l, char *value, struct err *err); /* NULL: the value is the saying itself, at */
	size_t saying;
} keys[] = {
	{"host",     1U << BLOCK_LAYER,                    on_host,     0          },
	{"text",     1U << BLOCK_LAYER | 1U << BLOCK_RULE, on_text,     0          },
	{"also",     1U << BLOCK_RULE,                     on_also,     0          },
	{"not",      1U << BLOCK_RULE,                     on_not,      0          },
	{"reply",    1U << BLOCK_RULE,                     on_reply,    0          },
	{"status",   1U << BLOCK_LAYER | 1U << BLOCK_RULE, on_status,   0          },
	{"address",  1U << BLOCK_LAYER,                    on_address,  0          },
	{"from",     1U << BLOCK_RULE,                     on_from,     0          },
	{"only",     1U << BLOCK_RULE,                     on_only,     0          },
	{"command",  1U << BLOCK_RULE,                     on_command,  0          },
	{"layer",    1U << BLOCK_RULE,                     on_layer,    0          },
	{"class",    1U << BLOCK_RULE,                     on_class,    0          },
	{"category", 1U << BLOCK_RULE,                     on_category, 0          },
	{"test",     1U << BLOCK_RULE,                     on_test,     0          },
	{"means",    1U << BLOCK_CLASS | 1U << BLOCK_RULE, NULL,        AT(means)  },
	{"decides",  1U << BLOCK_CLASS | 1U << BLOCK_RULE, NULL,        AT(decides)},
	{"todo",     1U << BLOCK_CLASS | 1U << BLOCK_RULE, NULL,        AT(todo)   },
	{"never",    1U << BLOCK_CLASS | 1U << BLOCK_RULE, NULL,        AT(never)  },
};

int
reply_read_key(struct reply_loader *l, char *line, struct err *err)
{
	char *colon = strchr(line, ':');

	if (colon == NULL)
		return err_set(err, CR_ECONFIG, "not KEY: VALUE: '%.60s'", line);
	*colon = '\0';
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(reply_trim(line), keys[i].name) != 0)
			continue;
		if ((keys[i].blocks >> l->block & 1) == 0)
			return err_set(err, CR_ECONFIG, "'%s' has no place in this block", keys[i].name);
		line = reply_trim(colon + 1);
		if (*line == '\0')
			return err_set(err, CR_ECONFIG, "'%s' has no value", keys[i].name);
		if (keys[i].on != NULL)
			return keys[i].on(l, line, err);
		*(const char **)((char *)l->saying + keys[i].saying) = line;
		return CR_OK;
	}
	return err_set(err, CR_ECONFIG, "no such key: '%s'", reply_trim(line));
}
