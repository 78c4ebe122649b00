/*
 * reply.c - see reply.h.
 *
 * The phrases of all rules are looked for at once; then the rules are asked in their order, and the first whose conditions hold answers.
 * The order is that of the file, which is that of the facts: what is no block before what is one, since some refusals of a dead address
 * read like a block ("Access denied").
 */
#include "budget/reply.h"

#include "budget/reply_inside.h"
#include "core/file.h"

#include <string.h>

void
reply_rules_drop(struct reply_rules **rules)
{
	struct reply_rules *r = *rules;

	*rules = NULL;
	if (r == NULL)
		return;
	phrases_release(&r->phrases);
	free(r->rules);
	free(r->ranges);
	free(r->ids);
	free(r->hosts);
	free(r->tests);
	for (size_t i = 0; i < ARRAY_LEN(r->file); i++)
		buf_release(&r->file[i]);
	free(r);
}

static MUST_CHECK int
run_tests(const struct reply_rules *r, const char *path, struct err *err)
{
	struct reply_verdict got;

	for (size_t i = 0; i < r->n_tests; i++) {
		const struct reply_test *t = &r->tests[i];

		if (!t->builtin && !reply_test_holds(r, t, &got))
			return err_set(err, CR_ECONFIG, "%s:%d: the test wants '%s', and '%s' answers", path, t->line,
			               t->want, got.rule);
	}
	return CR_OK;
}

/* That the file cannot be read is a fault of the configuration that names it. */
static MUST_CHECK int
load_operators(struct reply_rules *r, const char *path, struct err *err)
{
	struct buf file = {0};
	struct err why = {0};
	int rc = file_read(path, REPLY_FILE_MAX, &file, &why);

	if (rc == CR_OK)
		rc = reply_load(r, &file, path, err);
	else
		rc = err_set(err, rc == CR_ENOMEM ? CR_ENOMEM : CR_ECONFIG, "rules file: %s", why.text);
	buf_release(&file);
	return rc;
}

int
reply_rules_open(const char *path, struct reply_rules **out, struct err *err)
{
	struct reply_rules *r = calloc(1, sizeof(*r));
	struct buf builtin = {0};
	int rc;

	if (r == NULL)
		return err_nomem(err, "reply rules");
	buf_add(&builtin, reply_builtin_text, (size_t)(reply_builtin_end - reply_builtin_text));
	rc = buf_check(&builtin, "reply rules", err);
	if (rc == CR_OK)
		rc = reply_load(r, &builtin, "replies.rules", err);
	if (rc == CR_OK && path != NULL)
		rc = load_operators(r, path, err);
	if (rc == CR_OK)
		rc = phrases_close(&r->phrases, err);
	if (rc == CR_OK && path != NULL)
		rc = run_tests(r, path, err);
	if (rc == CR_OK)
		*out = TAKE(r);
	buf_release(&builtin);
	reply_rules_drop(&r);
	return rc;
}

static bool
any_phrase(const struct reply_rules *r, struct reply_span span, const struct phrases_found *found)
{
	for (uint32_t i = 0; i < span.n; i++) {
		if (phrases_has(found, r->ids[span.at + i]))
			return true;
	}
	return false;
}

static bool
in_ranges(const struct reply_rules *r, struct reply_span span, uint32_t n)
{
	for (uint32_t i = 0; i < span.n; i++) {
		if (n >= r->ranges[span.at + i].low && n <= r->ranges[span.at + i].high)
			return true;
	}
	return false;
}

static bool
has_layer(const uint64_t bits[2], uint8_t layer)
{
	return layer != REPLY_NO_LAYER && (bits[layer / 64] >> (layer % 64) & 1) != 0;
}

static bool
layer_fits(const struct reply_rule *rule, uint8_t layer)
{
	if ((rule->only[0] | rule->only[1]) != 0)
		return has_layer(rule->only, layer);
	return (rule->from[0] | rule->from[1]) == 0 || layer == REPLY_NO_LAYER || has_layer(rule->from, layer);
}

/* A code that is not known is a failure of no certain kind: "5" fits, "550" does not. */
static bool
reply_fits(const struct reply_rules *r, struct reply_span span, const struct reply_text *t)
{
	const uint32_t kind = t->status != 0 ? t->status / reply_status(1, 0, 0) : t->temporary ? 4 : 5;

	if (t->reply != 0)
		return in_ranges(r, span, (uint32_t)t->reply);
	for (uint32_t i = 0; i < span.n; i++) {
		const struct reply_range *range = &r->ranges[span.at + i];

		if (range->low == kind * 100 && range->high == kind * 100 + 99)
			return true;
	}
	return false;
}

/* A status that is not known fits none. */
static bool
rule_fits(const struct reply_rules *r, const struct reply_rule *rule, const struct reply_text *t, uint8_t layer,
          const struct phrases_found *found)
{
	if (rule->text.n != 0 && !any_phrase(r, rule->text, found))
		return false;
	if (rule->status.n != 0 && !in_ranges(r, rule->status, t->status))
		return false;
	if (rule->reply.n != 0 && !reply_fits(r, rule->reply, t))
		return false;
	if (!layer_fits(rule, layer) || (rule->command != NULL && strcmp(rule->command, t->command) != 0))
		return false;
	for (size_t i = 0; i < REPLY_ALSO && rule->also[i].n != 0; i++) {
		if (!any_phrase(r, rule->also[i], found))
			return false;
	}
	return !any_phrase(r, rule->not, found);
}

/* ".mimecast.com" is a suffix of a host of Mimecast, and of mimecast.com itself. */
static bool
host_ends(const char *host, size_t len, const char *suffix)
{
	const size_t n = strlen(suffix);

	if (len >= n && memcmp(host + len - n, suffix, n) == 0)
		return true;
	return suffix[0] == '.' && len == n - 1 && memcmp(host, suffix + 1, len) == 0;
}

static uint8_t
layer_of_host(const struct reply_rules *r, const char *host)
{
	char folded[REPLY_HOST_MAX];
	size_t len = reply_text_fold(host, folded, sizeof(folded));

	while (len > 0 && folded[len - 1] == '.')
		len--;
	for (size_t i = 0; len != 0 && i < r->n_layers; i++) {
		const struct reply_span span = r->layers[i].host;

		for (uint32_t k = 0; k < span.n; k++) {
			if (host_ends(folded, len, r->hosts[span.at + k]))
				return (uint8_t)i;
		}
	}
	return REPLY_NO_LAYER;
}

static uint8_t
layer_of_phrases(const struct reply_rules *r, size_t span_at, const struct phrases_found *found)
{
	for (size_t i = 0; i < r->n_layers; i++) {
		const struct reply_span *span = (const void *)((const char *)&r->layers[i] + span_at);

		if (any_phrase(r, *span, found))
			return (uint8_t)i;
	}
	return REPLY_NO_LAYER;
}

static uint8_t
layer_of_status(const struct reply_rules *r, uint32_t status)
{
	for (size_t i = 0; i < r->n_layers; i++) {
		if (in_ranges(r, r->layers[i].status, status))
			return (uint8_t)i;
	}
	return REPLY_NO_LAYER;
}

/* A server quotes its own recipients' addresses, and those of senders where it speaks of the sender. */
static uint8_t
layer_of_address(const struct reply_rules *r, const struct reply_text *t)
{
	struct phrases_found found = {0};

	if (t->bare_len == t->inner_len || strstr(t->inner, "sender") != NULL)
		return REPLY_NO_LAYER;
	phrases_find(&r->phrases, t->inner, t->inner_len, &found);
	return layer_of_phrases(r, offsetof(struct reply_layer, address), &found);
}

static const char *
or_empty(const char *s)
{
	return s == NULL ? "" : s;
}

static bool
is_refinement(const char *finer, const char *of)
{
	const size_t len = strlen(of);

	return strncmp(finer, of, len) == 0 && finer[len] == '_';
}

/* The host is certain, wording less so; a rule may only say more precisely what the host tells ("m365", "m365_tenant"). */
static const char *
layer_name(const struct reply_rules *r, const struct reply_rule *rule, uint8_t of_host, uint8_t of_text)
{
	const char *rules = rule == NULL || rule->layer == REPLY_NO_LAYER ? NULL : r->layers[rule->layer].name;

	if (of_host != REPLY_NO_LAYER) {
		const char *name = r->layers[of_host].name;

		return rules != NULL && is_refinement(rules, name) ? rules : name;
	}
	if (rules != NULL)
		return rules;
	return of_text == REPLY_NO_LAYER ? "" : r->layers[of_text].name;
}

/* What a report tells apart from the text, where the text does not. */
static void
add_report_fields(const struct reply_question *q, struct reply_text *t)
{
	char folded[64] = "";
	const char *end;

	if (t->status == 0) {
		(void)reply_text_fold(or_empty(q->status), folded, sizeof(folded));
		t->status = reply_text_status(folded, &end);
	}
	if (t->reply == 0 && strlen(or_empty(q->reply)) == 3 && strspn(q->reply, "0123456789") == 3)
		t->reply = (q->reply[0] - '0') * 100 + (q->reply[1] - '0') * 10 + (q->reply[2] - '0');
	t->temporary = q->temporary;
	if (t->command[0] == '\0') {
		(void)reply_text_fold(or_empty(q->command), folded, sizeof(folded));
		folded[4] = '\0';
		buf_copy_text(t->command, sizeof(t->command), folded);
	}
}

static void
say(const struct reply_rules *r, const struct reply_rule *rule, struct reply_verdict *out)
{
	const struct reply_saying *class = &r->sayings[out->class];
	const struct reply_saying *own = rule == NULL ? class : &rule->saying;

	out->means = or_empty(own->means != NULL ? own->means : class->means);
	out->decides = or_empty(own->decides != NULL ? own->decides : class->decides);
	out->todo = or_empty(own->todo != NULL ? own->todo : class->todo);
	out->never = or_empty(own->never != NULL ? own->never : class->never);
}

static const struct reply_rule *
find_rule(const struct reply_rules *r, const struct reply_text *t, uint8_t layer, const struct phrases_found *found)
{
	for (size_t i = 0; i < r->n_rules; i++) {
		if (rule_fits(r, &r->rules[i], t, layer, found))
			return &r->rules[i];
	}
	return NULL;
}

static void
write_codes(const struct reply_text *t, struct reply_verdict *out)
{
	out->status[0] = out->reply[0] = '\0';
	if (t->status != 0)
		(void)snprintf(out->status, sizeof(out->status), "%u.%u.%u", t->status / 1000000 % 10,
		               t->status / 1000 % 1000, t->status % 1000);
	if (t->reply != 0) {
		out->reply[0] = (char)('0' + t->reply / 100 % 10);
		out->reply[1] = (char)('0' + t->reply / 10 % 10);
		out->reply[2] = (char)('0' + t->reply % 10);
		out->reply[3] = '\0';
	}
}

/* Who refused, from the most certain source to the least. */
struct origin {
	uint8_t sure;  /* a host: of the report, of the words around the reply, in the reply */
	uint8_t outer; /* who wrapped the reply of another */
	uint8_t words; /* wording, a status, a recipient's address that only one has */
};

static struct origin
find_origin(const struct reply_rules *r, const struct reply_question *q, const struct reply_text *t,
            const struct phrases_found *found)
{
	const size_t hosts = offsetof(struct reply_layer, host_text), words = offsetof(struct reply_layer, text);
	struct origin o = {REPLY_NO_LAYER, REPLY_NO_LAYER, layer_of_phrases(r, words, found)};
	struct phrases_found around = {0};

	if (t->inner_at != 0) {
		phrases_find(&r->phrases, t->whole, t->inner_at, &around);
		o.outer = layer_of_phrases(r, hosts, &around);
		if (o.outer == REPLY_NO_LAYER)
			o.outer = layer_of_phrases(r, words, &around);
	}
	o.sure = layer_of_host(r, or_empty(q->host));
	if (o.sure == REPLY_NO_LAYER)
		o.sure = layer_of_host(r, t->host);
	if (o.sure == REPLY_NO_LAYER && !t->wrapped)
		o.sure = layer_of_phrases(r, hosts, found);
	/* Nobody else is named: whoever wrote the report refused. */
	if (o.sure == REPLY_NO_LAYER && !t->wrapped && or_empty(q->host)[0] == '\0')
		o.sure = layer_of_host(r, or_empty(q->reporter));
	if (o.sure == REPLY_NO_LAYER && o.words == REPLY_NO_LAYER)
		o.words = layer_of_status(r, t->status);
	if (o.sure == REPLY_NO_LAYER && o.words == REPLY_NO_LAYER)
		o.words = layer_of_address(r, t);
	return o;
}

void
reply_classify(const struct reply_rules *r, const struct reply_question *q, struct reply_verdict *out)
{
	struct reply_text t;
	struct phrases_found found = {0};
	const struct reply_rule *rule;
	struct origin o;

	reply_text_read(or_empty(q->text), &t);
	add_report_fields(q, &t);
	phrases_find(&r->phrases, t.bare, t.bare_len, &found);
	o = find_origin(r, q, &t, &found);
	rule = find_rule(r, &t, o.sure != REPLY_NO_LAYER ? o.sure : o.words, &found);
	out->rule = rule == NULL ? "fallback-unknown" : rule->id;
	out->class = rule == NULL ? REPLY_CONFIG : rule->class;
	out->category = rule == NULL ? REPLY_CAT_OTHER : rule->category;
	out->layer = layer_name(r, rule, o.sure != REPLY_NO_LAYER ? o.sure : o.outer, o.words);
	out->permanent = !q->temporary && (t.reply != 0 ? t.reply >= 500 : t.status >= reply_status(5, 0, 0));
	write_codes(&t, out);
	buf_copy_text(out->inner, sizeof(out->inner), t.inner);
	say(r, rule, out);
}

bool
reply_test_holds(const struct reply_rules *r, const struct reply_test *test, struct reply_verdict *got_out)
{
	reply_classify(r, &(struct reply_question){.text = test->text, .host = test->host}, got_out);
	return strcmp(got_out->rule, test->want) == 0;
}

int
reply_rules_walk(const struct reply_rules *r, int (*show)(void *arg, const char *rule, const struct reply_verdict *v),
                 void *arg)
{
	for (size_t i = 0; i < r->n_rules; i++) {
		const struct reply_rule *rule = &r->rules[i];
		struct reply_verdict v = {.rule = rule->id, .class = rule->class, .category = rule->category};
		int rc;

		v.layer = layer_name(r, rule, REPLY_NO_LAYER, REPLY_NO_LAYER);
		say(r, rule, &v);
		rc = show(arg, rule->id, &v);
		if (rc != 0)
			return rc;
	}
	return 0;
}
