/*
 * reply_load.c - a rules file, line by line: what coldrelay.rules(5) describes.
 *
 * Blocks begin at the margin (class, layer, rule); their lines are read in reply_keys.c.  Reading goes on behind a fault, so that one run
 * names them all.
 */
#include "budget/reply_loader.h"

#include <assert.h>
#include <string.h>

#define FAULTS_MAX 20

static const enum reply_category category_of[] = {
	[REPLY_TENANT_POLICY] = REPLY_CAT_POLICY_BLOCK,
	[REPLY_MAILBOX_BLOCK] = REPLY_CAT_POLICY_BLOCK,
	[REPLY_IP_BLOCK] = REPLY_CAT_IP_BLOCK,
	[REPLY_REPUTATION] = REPLY_CAT_REPUTATION,
	[REPLY_CONTENT] = REPLY_CAT_CONTENT,
	[REPLY_AUTH] = REPLY_CAT_AUTH,
	[REPLY_RATE] = REPLY_CAT_RATE_LIMIT,
	[REPLY_OWN_ACCOUNT] = REPLY_CAT_REPUTATION,
	[REPLY_RECIPIENT_RESTRICTED] = REPLY_CAT_POLICY_BLOCK,
	[REPLY_BAD_RECIPIENT] = REPLY_CAT_BAD_RECIPIENT,
	[REPLY_CONFIG] = REPLY_CAT_OTHER,
	[REPLY_COMPLAINT] = REPLY_CAT_FEEDBACK,
	[REPLY_NOTHING] = REPLY_CAT_NONE,
};
static_assert(ARRAY_LEN(category_of) == REPLY_CLASS__COUNT, "a category for each class");

static void
add_fault(struct reply_loader *l, int line, const char *text)
{
	if (l->n_faults++ < FAULTS_MAX)
		buf_addf(&l->faults, "%s%s:%d: %s", l->faults.len == 0 ? "" : "; ", l->name, line, text);
}

/* A rule is whole when the next block begins. */
static void
close_block(struct reply_loader *l)
{
	struct reply_rule *rule = l->rule;

	if (l->block != BLOCK_RULE)
		return;
	if (!l->has_category)
		rule->category = category_of[rule->class];
	/* what is missing may be what was refused */
	if (l->n_faults != l->faults_before)
		return;
	if (!l->has_class)
		add_fault(l, rule->line, "the rule has no line 'class'");
	if (rule->text.n == 0 && rule->status.n == 0 && rule->reply.n == 0)
		add_fault(l, rule->line, "the rule has neither 'text' nor 'status' nor 'reply'");
}

static int
begin_class(struct reply_loader *l, char *name, struct err *err)
{
	enum reply_class class = REPLY_NOTHING;
	int rc = reply_find_class(name, &class, err);

	if (rc != CR_OK)
		return rc;
	l->block = BLOCK_CLASS;
	l->saying = &l->r->sayings[class];
	return CR_OK;
}

static bool
is_id(const char *s)
{
	return *s != '\0' && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_")] == '\0' && strlen(s) <= 48;
}

static int
begin_layer(struct reply_loader *l, char *name, struct err *err)
{
	int i = reply_find_layer(l->r, name);

	if (!is_id(name))
		return err_set(err, CR_ECONFIG, "a name is made of a-z, 0-9, - and _: '%s'", name);
	if (i < 0) {
		if (l->r->n_layers == REPLY_LAYERS_MAX)
			return err_set(err, CR_ECONFIG, "more than %d layers", REPLY_LAYERS_MAX);
		i = (int)l->r->n_layers++;
		l->r->layers[i] = (struct reply_layer){.name = name};
	}
	l->block = BLOCK_LAYER;
	l->layer = &l->r->layers[i];
	return CR_OK;
}

static int
begin_rule(struct reply_loader *l, char *name, struct err *err)
{
	struct reply_rules *r = l->r;
	int rc;

	if (!is_id(name))
		return err_set(err, CR_ECONFIG, "an id is made of a-z, 0-9, - and _: '%s'", name);
	for (size_t i = l->first_rule; i < r->n_rules; i++) {
		if (strcmp(r->rules[i].id, name) == 0)
			return err_set(err, CR_ECONFIG, "the id '%s' is in line %d too", name, r->rules[i].line);
	}
	if (r->n_rules == REPLY_RULES_MAX)
		return err_set(err, CR_ECONFIG, "more than %d rules", REPLY_RULES_MAX);
	rc = ROOM(r, rules, err);
	if (rc != CR_OK)
		return rc;
	l->rule = &r->rules[r->n_rules++];
	*l->rule = (struct reply_rule){
		.id = name, .class = REPLY_NOTHING, .layer = REPLY_NO_LAYER, .line = l->line, .builtin = l->builtin};
	l->saying = &l->rule->saying;
	l->has_class = l->has_category = false;
	l->faults_before = l->n_faults;
	l->block = BLOCK_RULE;
	return CR_OK;
}

static int
read_begin(struct reply_loader *l, char *line, struct err *err)
{
	static const struct {
		const char *name;
		int (*begin)(struct reply_loader *l, char *name, struct err *err);
	} blocks[] = {
		{"class", begin_class},
                {"layer", begin_layer},
                {"rule",  begin_rule }
        };
	const char *kind = reply_word(&line);
	char *name = reply_trim(line);

	close_block(l);
	l->block = BLOCK_NONE;
	for (size_t i = 0; kind != NULL && i < ARRAY_LEN(blocks); i++) {
		if (strcmp(kind, blocks[i].name) == 0)
			return blocks[i].begin(l, name, err);
	}
	return err_set(err, CR_ECONFIG, "a block begins with class, layer or rule, not with '%s'", kind);
}

static MUST_CHECK int
read_line(struct reply_loader *l, char *line, struct err *err)
{
	const bool at_margin = *line != ' ' && *line != '\t';
	struct err fault = {0};
	char *text = reply_trim(line);
	int rc;

	if (*text == '\0' || *text == '#')
		return CR_OK;
	/* a block whose first line is at fault is passed over */
	if (!at_margin && l->block == BLOCK_NONE && l->n_faults != 0)
		return CR_OK;
	if (!at_margin && l->block == BLOCK_NONE)
		rc = err_set(&fault, CR_ECONFIG, "no block has begun: '%.60s'", text);
	else
		rc = at_margin ? read_begin(l, text, &fault) : reply_read_key(l, text, &fault);
	if (rc == CR_OK)
		return CR_OK;
	if (rc != CR_ECONFIG) {
		if (err != NULL)
			*err = fault;
		return rc;
	}
	add_fault(l, l->line, fault.text);
	return CR_OK;
}

/* The rules from first on go before the others, of which those with the same id are left out. */
static MUST_CHECK int
put_in_front(struct reply_rules *r, size_t first, struct err *err)
{
	struct reply_rule *all = malloc((r->n_rules + 1) * sizeof(*all));
	size_t n = 0;

	if (all == NULL)
		return err_nomem(err, "reply rules");
	for (size_t i = first; i < r->n_rules; i++)
		all[n++] = r->rules[i];
	for (size_t i = 0; i < first; i++) {
		bool replaced = false;

		for (size_t k = first; k < r->n_rules && !replaced; k++)
			replaced = strcmp(r->rules[i].id, r->rules[k].id) == 0;
		if (!replaced)
			all[n++] = r->rules[i];
	}
	free(r->rules);
	r->cap_rules = r->n_rules + 1;
	r->rules = all;
	r->n_rules = n;
	return CR_OK;
}

int
reply_load(struct reply_rules *r, struct buf *file_take, const char *name, struct err *err)
{
	struct reply_loader l = {.r = r, .name = name, .builtin = r->n_files == 0, .first_rule = r->n_rules};
	struct buf *file = &r->file[r->n_files++];
	int rc = CR_OK;

	*file = *file_take;
	*file_take = (struct buf){0};
	if (file->len != 0 && memchr(file->data, '\0', file->len) != NULL)
		return err_set(err, CR_ECONFIG, "%s: holds a NUL byte", name);
	for (char *line = file->data; rc == CR_OK && line != NULL;) {
		char *end = strchr(line, '\n');

		l.line++;
		if (end != NULL)
			*end = '\0';
		rc = read_line(&l, line, err);
		line = end == NULL ? NULL : end + 1;
	}
	close_block(&l);
	if (rc == CR_OK && l.n_faults > FAULTS_MAX)
		buf_addf(&l.faults, "; and %zu more", l.n_faults - FAULTS_MAX);
	if (rc == CR_OK && l.n_faults != 0)
		rc = err_set(err, CR_ECONFIG, "%s", buf_str(&l.faults));
	if (rc == CR_OK)
		rc = put_in_front(r, l.first_rule, err);
	buf_release(&l.faults);
	return rc;
}
