/*
 * cmd_verify.c - `coldrelay verify`: is a domain, or are all of them, really ready?  With patience, if wanted.
 */
#include "provision/cmd_verify.h"

#include <stdlib.h>
#include <string.h>

#include "budget/contain.h"
#include "core/log.h"
#include "core/opt.h"
#include "core/term.h"
#include "provision/run.h"
#include "provision/verify.h"
#include "provision/verify_message.h"

#define POLL_FIRST_MS 1000
#define POLL_LAST_MS  60000

static int64_t opt_wait_s;
static const char *opt_resolver, *opt_helo, *opt_message;
static struct opt_list opt_selectors, opt_addresses, opt_mailboxes, opt_receivers;
static bool opt_all, opt_imap, opt_notes, opt_tree;
static const struct opt opts[] = {
  /* clang-format off */
	{"all", 'a', OPT_FLAG, &opt_all, 0, 0, NULL, "every configured domain, side by side"},
	{"wait", 'w', OPT_DURATION, &opt_wait_s, 0, 0, "DUR", "ask again, with growing gaps, until all is published or DUR is over"},
	{"resolver", 'r', OPT_TEXT, &opt_resolver, 0, 0, "HOST:PORT", "ask this resolver for everything, instead of check_server and the system's"},
	{"selector", 's', OPT_LIST, &opt_selectors, 0, 0, "SELECTOR", "look at this DKIM key too; again for several"},
	{"address", 0, OPT_LIST, &opt_addresses, 0, 0, "IP", "mail leaves from here too; again for several"},
	{"message", 'm', OPT_TEXT, &opt_message, 0, 0, "FILE", "a received test message, too: did it pass; - is standard input"},
	{"imap", 0, OPT_FLAG, &opt_imap, 0, 0, NULL, "the same with the newest one from the domain in the mailboxes that `imap` is configured for"},
	{"mailbox", 0, OPT_LIST, &opt_mailboxes, 0, 0, "ADDRESS", "with --imap: look only here, an address or a domain; again for several"},
	{"receiver", 0, OPT_LIST, &opt_receivers, 0, 0, "NAME", "believe the Authentication-Results of this receiver, not of whoever wrote the topmost; again for several"},
	{"verbose", 'v', OPT_FLAG, &opt_notes, 0, 0, NULL, "notes and the SPF tree too"},
	{"tree", 't', OPT_FLAG, &opt_tree, 0, 0, NULL, "the SPF tree too: each record with its look-ups"},
	{"helo", 0, OPT_TEXT, &opt_helo, 0, 0, "NAME", "what the sending host says in HELO, instead of the mail host's name"},
  /* clang-format on */
};

void
cmd_verify_help(FILE *to)
{
	opt_help(opts, ARRAY_LEN(opts), to);
}

struct work {
	struct run run; /* empty without a configuration */
	struct verify_subject *subjects;
	size_t n;
	struct name helo;
	struct verify_lists lists;
	struct lookup *lookup;
	struct verify_message message;
	const char *receivers[OPT_LIST_MAX + 1];
	char author[256];
};

static void
work_release(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		free((void *)(uintptr_t)w->subjects[i].addresses);
		verify_subject_release(&w->subjects[i]);
	}
	free(w->subjects);
	lookup_drop(&w->lookup);
	verify_message_release(&w->message);
	verify_lists_release(&w->lists);
	run_release(&w->run);
}

/* ---- what is known ---- */

static int
add_configured(struct work *w, struct intent_domain *d, struct err *err)
{
	w->run.tenant = d->tenant;
	return run_add(&w->run, d->name, err);
}

static int
add_all(struct work *w, struct err *err)
{
	const struct intent *i = &w->run.intent;
	int rc = CR_OK;

	for (size_t t = 0; rc == CR_OK && t < i->n_tenants; t++) {
		for (size_t n = 0; rc == CR_OK && n < i->tenants[t].n_domains; n++)
			rc = add_configured(w, &i->tenants[t].domains[n], err);
	}
	return rc;
}

/* Those of the options, and those of the mail host. */
static int
gather_addresses(struct verify_subject *s, const struct mailhost_facts *f, struct err *err)
{
	const size_t n = opt_addresses.n + (f != NULL ? f->addresses.n : 0);
	const char **all = calloc(n + 1, sizeof(*all));

	if (all == NULL)
		return err_nomem(err, "addresses");
	for (size_t i = 0; i < opt_addresses.n; i++)
		all[s->n_addresses++] = opt_addresses.items[i];
	for (size_t i = 0; f != NULL && i < f->addresses.n; i++)
		all[s->n_addresses++] = f->addresses.items[i];
	s->addresses = all;
	return CR_OK;
}

static int
fill_subject(struct work *w, struct verify_subject *s, const char *domain, const struct plan *p, struct err *err)
{
	const struct mailhost_facts *f = p != NULL ? &p->domain->host->facts : NULL;

	buf_copy_text(s->domain, sizeof(s->domain), domain);
	s->plan = p;
	s->selectors = opt_selectors.items;
	s->n_selectors = opt_selectors.n;
	s->lists = &w->lists;
	s->now_s = clock_wall_s(w->run.session->clock);
	if (p != NULL) {
		s->parked = p->parked;
		s->at_server = opt_resolver == NULL && intent_check_server(&w->run.intent, p->domain->zone) != NULL;
		s->reverse_at_server = opt_resolver == NULL && p->domain->reverse != NULL &&
		                       intent_check_server(&w->run.intent, p->domain->reverse->provider) != NULL;
	}
	if (opt_helo != NULL)
		s->helo = w->helo.text;
	else if (f != NULL && f->host[0] != '\0' && f->addresses.n > 0)
		s->helo = f->host;
	return gather_addresses(s, f, err);
}

/* What is only planned is no fault of the DNS. */
static int
fill_subjects(struct work *w, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < w->run.n; i++) {
		struct plan *p = &w->run.plans[i];

		rc = plan_intend(&w->run.env, p, err);
		if (rc == CR_ENOTFOUND && opt_all) {
			log_info("%s: not provisioned yet", p->domain->name);
			rc = CR_OK;
		} else if (rc == CR_OK) {
			rc = fill_subject(w, &w->subjects[w->n++], p->domain->name, p, err);
		}
	}
	return rc;
}

/* Options that speak of one domain's mail. */
static int
read_options(struct work *w, struct err *err)
{
	struct name name;

	for (size_t i = 0; i < opt_addresses.n; i++) {
		if (name_reverse(opt_addresses.items[i], &name, NULL) != CR_OK)
			return err_set(err, CR_EUSAGE, "--address: '%s' is no IP address", opt_addresses.items[i]);
	}
	for (size_t i = 0; i < opt_selectors.n; i++) {
		if (name_under(opt_selectors.items[i], "_domainkey", &name, NULL) != CR_OK)
			return err_set(err, CR_EUSAGE, "--selector: '%s' is none", opt_selectors.items[i]);
	}
	if (opt_helo != NULL && name_parse(opt_helo, &w->helo, NULL) != CR_OK)
		return err_set(err, CR_EUSAGE, "--helo: '%s' is no host name", opt_helo);
	return CR_OK;
}

static int
gather(struct session *s, struct work *w, const char *operand, struct err *err)
{
	struct intent_domain *d = NULL;
	struct name domain = {.text = ""};
	int rc = read_options(w, err);

	if (rc == CR_OK && operand != NULL && name_parse_host(operand, &domain, NULL) != CR_OK)
		rc = err_set(err, CR_EUSAGE, "'%s' is no domain name", operand);
	if (rc != CR_OK)
		return rc;
	w->run = (struct run){.session = s, .need = INTENT_FACTS};
	/* Anybody's domain can be looked at, without a configuration too. */
	if (s->config_path != NULL || opt_all)
		rc = intent_read(s, &w->run.intent, err);
	if (rc == CR_OK && opt_all)
		rc = add_all(w, err);
	else if (rc == CR_OK && (d = intent_domain_anywhere(&w->run.intent, domain.text)) != NULL)
		rc = add_configured(w, d, err);
	if (rc == CR_OK)
		rc = verify_lists_open(&w->run.intent, &w->lists, err);
	if (rc == CR_OK && w->run.n > 0)
		rc = run_store(&w->run, false, err);
	if (rc != CR_OK)
		return rc;
	w->subjects = calloc(w->run.n + 1, sizeof(*w->subjects));
	if (w->subjects == NULL)
		return err_nomem(err, "domains");
	if (operand != NULL && d == NULL)
		return fill_subject(w, &w->subjects[w->n++], domain.text, NULL, err);
	return fill_subjects(w, err);
}

/* ---- asking ---- */

/* Is something not there yet, or not known?  Of servers that are not in step, a warning may say so. */
static bool
may_change(const struct verify_report *r)
{
	bool late = r->count[VERIFY_UNKNOWN] > 0;

	for (size_t i = 0; !late && i < r->n; i++)
		late = r->items[i].status >= VERIFY_WARN && r->items[i].pending;
	return late;
}

/* One round over those that are not at their end. */
static int
ask(struct work *w, struct err *err)
{
	struct lookup_job *jobs = calloc(w->n + 1, sizeof(*jobs));
	size_t n = 0;
	int rc = CR_OK;

	if (jobs == NULL)
		return err_nomem(err, "domains");
	for (size_t i = 0; i < w->n; i++) {
		if (w->subjects[i].report.n > 0 && !may_change(&w->subjects[i].report))
			continue;
		verify_subject_begin(&w->subjects[i]);
		jobs[n++] = (struct lookup_job){.run = verify_subject_check, .arg = &w->subjects[i]};
	}
	rc = lookup_settle(w->lookup, jobs, n, NULL, NULL, err);
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		rc = jobs[i].rc;
		if (rc != CR_OK)
			*err = jobs[i].err;
	}
	free(jobs);
	return rc;
}

static bool
tell_progress(const struct work *w, int64_t gap_ms)
{
	size_t ok = 0, all = 0;
	bool open = false;

	for (size_t i = 0; i < w->n; i++) {
		const struct verify_report *r = &w->subjects[i].report;

		ok += r->count[VERIFY_OK];
		open = open || may_change(r);
		all += r->count[VERIFY_OK] + r->count[VERIFY_WARN] + r->count[VERIFY_FAIL] + r->count[VERIFY_UNKNOWN];
	}
	if (open && gap_ms > 0)
		log_info("%zu of %zu are well, some not published yet or unknown; asking again in %lld s", ok, all,
		         (long long)((gap_ms + 999) / 1000));
	return open;
}

/* Ask until nothing is missing or unknown any more, or the time is over.  A fault that waiting does not mend is not waited for. */
static int
poll(struct work *w, struct err *err)
{
	const struct clock *clock = w->run.session->clock;
	const int64_t until = clock_boot_ms(clock) + opt_wait_s * 1000;
	int64_t gap = POLL_FIRST_MS;

	for (;;) {
		int64_t left;
		int rc = ask(w, err);

		if (rc != CR_OK)
			return rc;
		left = until - clock_boot_ms(clock);
		if (left < 0)
			left = 0;
		if (!tell_progress(w, gap < left ? gap : left) || left == 0)
			return CR_OK;
		clock_sleep_ms(clock, gap < left ? gap : left);
		gap = gap * 2 < POLL_LAST_MS ? gap * 2 : POLL_LAST_MS;
		lookup_forget(w->lookup);
	}
}

/* ---- the outcome ---- */

/*
 * A freeze for lack of authentication ends only after this.  Asked for by a state, not by every run: a verify needs no right to write.
 * The run's own handle only reads.
 */
static int
record_pass(struct run *r, const char *domain, struct err *err)
{
	struct domain_row row;
	struct contain c;
	struct db *db = NULL;
	int rc;

	if (r->env.db == NULL)
		return CR_OK;
	rc = domain_find(r->env.db, domain, &row, err);
	if (rc == CR_ENOTFOUND || (rc == CR_OK && row.state != DOMAIN_FROZEN))
		return CR_OK;
	if (rc == CR_OK)
		rc = session_other_store(r->session, r->session->settings.store, DB_WRITE, &db, err);
	if (rc == CR_OK)
		rc = db_begin(db, err);
	if (rc == CR_OK) {
		c = plan_contain(&r->env);
		c.db = db;
		rc = db_end(db, contain_verified(&c, domain, err), err);
	}
	db_drop(&db);
	return rc == CR_OK ? CR_OK : err_wrap(err, "recording that %s passed", domain);
}

static int
show(struct work *w, int *exit_out, struct err *err)
{
	struct session *s = w->run.session;
	const bool notes = opt_notes || log_get_level() >= LOG_LEVEL_DEBUG;
	const unsigned show_flags = (!opt_all || notes ? VERIFY_SHOW_OK : 0U) | (notes ? VERIFY_SHOW_NOTES : 0U) |
	                            (notes || opt_tree ? VERIFY_SHOW_TREE : 0U);
	int rc = CR_OK;

	*exit_out = 0;
	for (size_t i = 0; rc == CR_OK && i < w->n; i++) {
		struct verify_subject *subject = &w->subjects[i];
		const int code = verify_exit(&subject->report);

		rc = s->json ? verify_print_json(s, subject, err) : verify_print(s, subject, show_flags, err);
		/* A fault outweighs what is only late. */
		if (code == 1 || *exit_out == 0)
			*exit_out = code;
		if (rc == CR_OK && code == 0 && subject->plan != NULL)
			rc = record_pass(&w->run, subject->domain, err);
	}
	return rc;
}

/* ---- a test message ---- */

/* Of a saved message without a domain beside it, whoever wrote it is meant.  Before the rest, since it may say which domain that is. */
static int
read_message(struct session *s, struct work *w, const char **operand, struct err *err)
{
	struct verify_message_fetch fetch = {.domain = *operand,
	                                     .mailboxes = opt_mailboxes.items,
	                                     .n_mailboxes = opt_mailboxes.n,
	                                     .wait_s = opt_wait_s};
	struct buf bytes = {0};
	struct name domain;
	int rc;

	if (opt_message == NULL && !opt_imap)
		return CR_OK;
	if (opt_imap) {
		if (name_parse_host(*operand, &domain, NULL) != CR_OK)
			return err_set(err, CR_EUSAGE, "'%s' is no domain name", *operand);
		fetch.domain = domain.text;
	}
	rc = opt_imap ? verify_message_fetch(s, &fetch, &bytes, err) : verify_message_read(opt_message, &bytes, err);
	if (rc == CR_OK)
		rc = verify_message_open(&bytes, &w->message, err);
	if (rc == CR_OK && *operand == NULL) {
		rc = message_author(&w->message.message, w->author, sizeof(w->author), err);
		*operand = w->author;
	}
	buf_release(&bytes);
	return rc;
}

static int
judge_message(struct work *w, struct err *err)
{
	int rc;

	if (w->message.message.bytes == NULL || w->n == 0)
		return CR_OK;
	for (size_t i = 0; i < opt_receivers.n; i++)
		w->receivers[i] = opt_receivers.items[i];
	w->message.domain = w->subjects[0].domain;
	w->message.trusted = opt_receivers.n > 0 ? w->receivers : NULL;
	w->message.now_s = clock_wall_s(w->run.session->clock);
	rc = lookup_settle_one(w->lookup, verify_message_check, &w->message, err);
	return rc == CR_OK ? verify_add_passed(&w->subjects[0].report, &w->message.passed, err) : rc;
}

static int
verify(struct session *s, const char *operand, int *exit_out, struct err *err)
{
	const struct verify_servers servers = {.resolver = opt_resolver};
	struct work w = {0};
	int rc = read_message(s, &w, &operand, err);

	if (rc == CR_OK)
		rc = gather(s, &w, operand, err);
	if (rc == CR_OK)
		rc = verify_lookup_open(s, &w.run.intent, &servers, &w.lookup, err);
	if (rc == CR_OK)
		rc = poll(&w, err);
	if (rc == CR_OK)
		rc = judge_message(&w, err);
	if (rc == CR_OK)
		rc = show(&w, exit_out, err);
	work_release(&w);
	return rc;
}

/* Which options go together. */
static int
check_options(size_t n_operands, struct err *err)
{
	const bool message = opt_message != NULL;

	if (opt_all ? n_operands == 1 || message || opt_imap : n_operands == 0 && !message)
		return err_set(err, CR_EUSAGE, "usage: coldrelay %s", CMD_VERIFY_USAGE);
	if (opt_imap && (message || n_operands == 0))
		return err_set(err, CR_EUSAGE, "--imap wants a domain, and no --message");
	return CR_OK;
}

int
cmd_verify(struct session *s, int argc, char **argv, struct err *err)
{
	const char **operands = NULL;
	size_t n = 0;
	int exit_code = 0;
	int rc = opt_parse_command(opts, ARRAY_LEN(opts), argc, argv, 0, 1, CMD_VERIFY_USAGE, &operands, &n, err);

	if (rc == CR_OK)
		rc = check_options(n, err);
	if (rc == CR_OK)
		rc = verify(s, n > 0 ? operands[0] : NULL, &exit_code, err);
	free(operands);
	return rc == CR_OK ? exit_code : rc;
}
