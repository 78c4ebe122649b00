/*
 * http.c - requests, Retry-After, and the one retry rule for all providers.
 *
 * Sources: RFC 9110 s5.6.7 (HTTP-date), s9.2.2 (a request that is not idempotent is not repeated unasked),
 * s10.2.3 (Retry-After), s15.6 (what 502, 503, 504 say); RFC 6585 s4 (429); RFC 3986 s2.3 (unreserved).
 *
 * 429 and 503 say that the request was not handled.  502 and 504 say that a gateway lost it on the way, perhaps after it was
 * handled, so for a write they count like a connection that was cut.
 */
#include "core/http.h"

#include "core/log.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#define DEADLINE_MS      60000
#define ATTEMPTS_MAX     6
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAX_MS   60000
/* A read that hangs is better asked anew; a write waits for its answer as long as it may. */
#define READ_ATTEMPT_MAX_MS 20000
/* RFC 9110 s10.2.3 sets no limit.  A year is as good as never. */
#define RETRY_AFTER_MAX_S 31536000

void
http_request_release(struct http_request *q)
{
	free(q->url);
	/* Bodies carry passwords of new mailboxes and private keys. */
	secret_wipe_buf(&q->body);
	*q = (struct http_request){0};
}

int
http_request_set_url(struct http_request *q, const char *base, const char *path, struct err *err)
{
	struct buf b = {0};
	size_t len = strlen(base);
	char *url = NULL;
	int rc;

	while (len > 0 && base[len - 1] == '/')
		len--;
	buf_add(&b, base, len);
	buf_adds(&b, path);
	rc = buf_take(&b, "url", &url, err);
	if (rc == CR_OK) {
		free(q->url);
		q->url = TAKE(url);
	}
	buf_release(&b);
	return rc;
}

static struct http_header *
next_header(struct http_request *q)
{
	assert(q->n_headers < HTTP_HEADERS_MAX);
	return &q->headers[q->n_headers++];
}

void
http_request_add_header(struct http_request *q, const char *name, const char *value)
{
	*next_header(q) = (struct http_header){.name = name, .value = value};
}

void
http_request_add_secret(struct http_request *q, const char *name, const char *prefix, const struct secret *s)
{
	*next_header(q) = (struct http_header){.name = name, .secret = s, .secret_prefix = prefix};
}

void
http_request_name(const struct http_request *q, char *out, size_t size)
{
	const char *url = q->url != NULL ? q->url : "";
	size_t len = strcspn(url, "?#");

	(void)snprintf(out, size, "%s %.*s", q->method, (int)(len < size ? len : size), url);
}

void
http_encode(struct buf *b, const char *s)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

	for (; *s != '\0'; s++) {
		if (strchr(unreserved, *s) != NULL)
			buf_addc(b, *s);
		else
			buf_addf(b, "%%%02X", (unsigned)(unsigned char)*s);
	}
}

void
http_reply_release(struct http_reply *r)
{
	size_t max = r->body.max_bytes;

	secret_wipe_buf(&r->body);
	*r = (struct http_reply){.body.max_bytes = max};
}

void
http_drop(struct http **h)
{
	if (*h != NULL)
		(*h)->ops->drop(*h);
	*h = NULL;
}

/* min to max digits at *s, moving it; false when there are fewer. */
static bool
take_number(const char **s, int min, int max, int *out)
{
	int value = 0, n = 0;

	while (n < max && isdigit((unsigned char)**s)) {
		value = value * 10 + (**s - '0');
		(*s)++;
		n++;
	}
	*out = value;
	return n >= min;
}

static bool
take_text(const char **s, const char *text)
{
	size_t len = strlen(text);

	if (strncasecmp(*s, text, len) != 0)
		return false;
	*s += len;
	return true;
}

static bool
take_month(const char **s, int *month_out)
{
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

	for (size_t i = 0; i < ARRAY_LEN(months); i++) {
		if (take_text(s, months[i])) {
			*month_out = (int)i;
			return true;
		}
	}
	return false;
}

static bool
take_clock(const char **s, struct tm *tm)
{
	return take_number(s, 2, 2, &tm->tm_hour) && take_text(s, ":") && take_number(s, 2, 2, &tm->tm_min) &&
	       take_text(s, ":") && take_number(s, 2, 2, &tm->tm_sec) && tm->tm_hour < 24 && tm->tm_min < 60 &&
	       tm->tm_sec <= 60;
}

/* RFC 9110 s5.6.7, all three forms; tm_year comes back as the full year, or as the two digits of the RFC 850 form. */
static bool
take_date(const char *s, struct tm *tm, bool *two_digits_out)
{
	*two_digits_out = false;
	while (isalpha((unsigned char)*s))
		s++;
	if (take_text(&s, ", ")) {
		const char *sep;

		if (!take_number(&s, 2, 2, &tm->tm_mday))
			return false;
		*two_digits_out = *s == '-';
		sep = *two_digits_out ? "-" : " ";
		return take_text(&s, sep) && take_month(&s, &tm->tm_mon) && take_text(&s, sep) &&
		       take_number(&s, *two_digits_out ? 2 : 4, *two_digits_out ? 2 : 4, &tm->tm_year) &&
		       take_text(&s, " ") && take_clock(&s, tm) && take_text(&s, " GMT") && *s == '\0';
	}
	/* asctime: "Sun Nov  6 08:49:37 1994" */
	if (!take_text(&s, " ") || !take_month(&s, &tm->tm_mon) || !take_text(&s, " "))
		return false;
	(void)take_text(&s, " ");
	return take_number(&s, 1, 2, &tm->tm_mday) && take_text(&s, " ") && take_clock(&s, tm) && take_text(&s, " ") &&
	       take_number(&s, 4, 4, &tm->tm_year) && *s == '\0';
}

static bool
parse_date(const char *s, int64_t now_s, int64_t *unix_s_out)
{
	struct tm tm = {0}, now = {0};
	time_t t = (time_t)now_s;
	bool two_digits;

	if (!take_date(s, &tm, &two_digits) || tm.tm_mday < 1 || tm.tm_mday > 31)
		return false;
	if (two_digits && gmtime_r(&t, &now) != NULL) {
		int this_year = now.tm_year + 1900;

		/* More than 50 years ahead means the past, RFC 9110 s5.6.7. */
		tm.tm_year += this_year - this_year % 100;
		if (tm.tm_year > this_year + 50)
			tm.tm_year -= 100;
	}
	tm.tm_year -= 1900;
	*unix_s_out = (int64_t)timegm(&tm);
	return true;
}

int64_t
http_retry_after(const char *value, int64_t now_s)
{
	int64_t wait_s = 0, at_s = 0;
	const char *s = value + strspn(value, " \t");

	if (isdigit((unsigned char)*s)) {
		for (; isdigit((unsigned char)*s); s++)
			if (wait_s < RETRY_AFTER_MAX_S)
				wait_s = wait_s * 10 + (*s - '0');
		if (s[strspn(s, " \t")] != '\0')
			return -1;
	} else {
		if (!parse_date(s, now_s, &at_s))
			return -1;
		wait_s = at_s > now_s ? at_s - now_s : 0;
	}
	return wait_s < RETRY_AFTER_MAX_S ? wait_s : RETRY_AFTER_MAX_S;
}

static bool
is_read(const struct http_request *q)
{
	return strcmp(q->method, "GET") == 0 || strcmp(q->method, "HEAD") == 0;
}

/* What to do after an attempt. */
enum next {
	NEXT_DONE,  /* hand the reply over */
	NEXT_AGAIN, /* nothing was done, or doing it twice does no harm */
	NEXT_LOOK,  /* it may have been done */
	NEXT_STOP   /* repeating cannot help */
};

struct exchange {
	const struct clock *clock;
	const struct http_policy *policy;
	const struct http_request *q;
	int64_t end_ms; /* by the boot clock */
	int64_t backoff_ms;
	int attempts, attempts_max;
	bool maybe_done; /* an attempt ended in a way that leaves open whether it was done */
};

static bool
is_throttled(const struct http_policy *policy, const struct http_reply *reply)
{
	return reply->status == 429 || (policy->throttled != NULL && policy->throttled(reply));
}

static enum next
judge(const struct exchange *x, enum http_outcome outcome, const struct http_reply *reply, bool *maybe_done_out)
{
	bool repeatable = is_read(x->q) || x->policy->idempotent_write;

	*maybe_done_out = false;
	switch (outcome) {
	case HTTP_OUTCOME_REPLY:
		if (reply->status == 503 || is_throttled(x->policy, reply))
			return NEXT_AGAIN;
		if (x->policy->transient != NULL && x->policy->transient(reply))
			return NEXT_AGAIN;
		if (reply->status != 502 && reply->status != 504)
			return NEXT_DONE;
		break;
	case HTTP_OUTCOME_NOT_SENT:
		return NEXT_AGAIN;
	case HTTP_OUTCOME_MAYBE_SENT:
		break;
	case HTTP_OUTCOME_FATAL:
		return NEXT_STOP;
	}
	*maybe_done_out = !is_read(x->q);
	return repeatable ? NEXT_AGAIN : NEXT_LOOK;
}

/* Between half of ms and all of it, so that workers refused together do not come back together. */
static int64_t
with_jitter(int64_t ms, const struct clock *clock)
{
	uint32_t r;

	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != (ssize_t)sizeof(r))
		r = (uint32_t)clock_boot_ms(clock);
	return ms / 2 + (int64_t)(r % (uint32_t)(ms - ms / 2 + 1));
}

/* How long to wait before the next attempt. */
static int64_t
next_wait(struct exchange *x, const struct http_reply *reply)
{
	int64_t after_s = -1;
	int64_t wait_ms;

	if (reply->retry_after[0] != '\0')
		after_s = http_retry_after(reply->retry_after, clock_wall_s(x->clock));
	/* "0" and a date gone by are no invitation to hammer. */
	if (after_s > 0)
		return after_s * 1000;
	wait_ms = with_jitter(x->backoff_ms, x->clock);
	x->backoff_ms = x->backoff_ms >= BACKOFF_MAX_MS / 2 ? BACKOFF_MAX_MS : x->backoff_ms * 2;
	return wait_ms;
}

/* The one line about an attempt that failed: the status, or what the transport said. */
static void
describe(const struct exchange *x, enum http_outcome outcome, const struct http_reply *reply, struct err *why)
{
	char name[256];

	if (outcome != HTTP_OUTCOME_REPLY)
		return;
	http_request_name(x->q, name, sizeof(name));
	(void)err_set(why, CR_ERETRY, "%s: answered %d", name, reply->status);
}

static int
give_up(const struct exchange *x, const struct err *why, int64_t wait_ms, struct err *err)
{
	int code = x->maybe_done ? CR_EUNKNOWN : CR_ERETRY;
	int rc = err_set(err, code, "%s (%d attempt%s)", why->text, x->attempts, x->attempts == 1 ? "" : "s");

	if (err != NULL)
		err->retry_after_s = (int)((wait_ms + 999) / 1000);
	return rc;
}

static void
exchange_begin(struct exchange *x, const struct http *h, const struct clock *clock, const struct http_policy *policy,
               const struct http_request *q)
{
	int64_t deadline_ms = policy->deadline_ms > 0 ? policy->deadline_ms : h->deadline_ms;

	if (deadline_ms <= 0)
		deadline_ms = DEADLINE_MS;
	*x = (struct exchange){
		.clock = clock,
		.policy = policy,
		.q = q,
		.end_ms = clock_boot_ms(clock) + deadline_ms,
		.backoff_ms = policy->backoff_ms > 0 ? policy->backoff_ms : BACKOFF_FIRST_MS,
		.attempts_max = policy->attempts_max > 0 ? policy->attempts_max : ATTEMPTS_MAX,
	};
	if (x->backoff_ms > BACKOFF_MAX_MS)
		x->backoff_ms = BACKOFF_MAX_MS;
}

/* One attempt with what is left of the time. */
static enum http_outcome
attempt(struct exchange *x, struct http *h, struct http_reply *reply, struct err *why)
{
	int64_t left_ms = x->end_ms - clock_boot_ms(x->clock);

	/* Waiting in line is no failing: the deadline is for what the provider does. */
	if (x->policy->pacer != NULL)
		x->end_ms += pacer_wait(x->policy->pacer, x->clock);
	if (is_read(x->q) && left_ms > READ_ATTEMPT_MAX_MS)
		left_ms = READ_ATTEMPT_MAX_MS;
	if (left_ms < 1)
		left_ms = 1;
	http_reply_release(reply);
	*why = (struct err){0};
	x->attempts++;
	return h->ops->perform(h, x->q, left_ms, reply, why);
}

int
http_exchange(struct http *h, const struct clock *clock, const struct http_policy *policy, const struct http_request *q,
              struct http_reply *reply, struct err *err)
{
	struct exchange x;
	struct err why;
	int64_t wait_ms;
	bool maybe_done;
	int rc = buf_check(&q->body, "request body", err);

	if (rc != CR_OK)
		return rc;
	assert(q->url != NULL && q->method != NULL);
	exchange_begin(&x, h, clock, policy, q);
	for (;;) {
		enum http_outcome outcome = attempt(&x, h, reply, &why);
		enum next next = judge(&x, outcome, reply, &maybe_done);

		x.maybe_done = x.maybe_done || maybe_done;
		describe(&x, outcome, reply, &why);
		switch (next) {
		case NEXT_DONE:
			return CR_OK;
		case NEXT_LOOK:
			return give_up(&x, &why, 0, err);
		case NEXT_STOP:
			if (x.maybe_done)
				return give_up(&x, &why, 0, err);
			return err_set(err, why.code != CR_OK ? why.code : CR_EIO, "%s", why.text);
		case NEXT_AGAIN:
			break;
		}
		wait_ms = next_wait(&x, reply);
		if (policy->pacer != NULL && outcome == HTTP_OUTCOME_REPLY && is_throttled(policy, reply))
			pacer_pause(policy->pacer, clock, wait_ms);
		/* Asked to wait beyond the deadline: the caller's caller can, and need not be kept until then. */
		if (x.attempts >= x.attempts_max || clock_boot_ms(clock) + wait_ms >= x.end_ms)
			return give_up(&x, &why, wait_ms, err);
		log_debug("%s; again in %lld ms", why.text, (long long)wait_ms);
		clock_sleep_ms(clock, wait_ms);
	}
}
