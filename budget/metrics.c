/*
 * metrics.c - see metrics.h.
 */
#include "budget/metrics.h"

#include "budget/words.h"

#include "core/version.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* An answer takes from 50 us (a test at RCPT) to what a busy disk needs; Postfix gives up at 100 s. */
static const struct bound {
	const char *text;
	int64_t us;
} seconds[] = {
	{"5e-05",   50      },
        {"0.0001",  100     },
        {"0.00025", 250     },
        {"0.0005",  500     },
        {"0.001",   1000    },
        {"0.0025",  2500    },
	{"0.005",   5000    },
        {"0.01",    10000   },
        {"0.025",   25000   },
        {"0.05",    50000   },
        {"0.1",     100000  },
        {"0.25",    250000  },
	{"0.5",     500000  },
        {"1",       1000000 },
        {"2.5",     2500000 },
        {"10",      10000000},
};
static_assert(ARRAY_LEN(seconds) == METRICS_BUCKETS, "a bound for each bucket");

static const struct bound requests[] = {
	{"1",   1  },
        {"2",   2  },
        {"4",   4  },
        {"8",   8  },
        {"16",  16 },
        {"32",  32 },
        {"64",  64 },
        {"128", 128},
        {"256", 256},
};
static_assert(ARRAY_LEN(requests) <= METRICS_BUCKETS, "a bucket for each bound");

static void
observe(struct metrics_histogram *h, const struct bound *bounds, size_t n, int64_t value)
{
	size_t i = 0;

	while (i < n && value > bounds[i].us)
		i++;
	if (i < n)
		h->bucket[i]++;
	h->count++;
	h->sum += value > 0 ? (uint64_t)value : 0;
}

void
metrics_decision(struct metrics *m, enum gate_verdict verdict, const char *reason, int64_t us)
{
	size_t i = 0;

	while (i < m->n_decisions &&
	       (m->decisions[i].verdict != verdict || strcmp(m->decisions[i].reason, reason) != 0))
		i++;
	/* One row a verdict is kept for what finds no row of its own. */
	if (i == m->n_decisions && i >= METRICS_REASONS - GATE_VERDICT__COUNT && strcmp(reason, "other") != 0) {
		metrics_decision(m, verdict, "other", us);
		return;
	}
	if (i == m->n_decisions) {
		m->n_decisions++;
		m->decisions[i].verdict = verdict;
		(void)snprintf(m->decisions[i].reason, sizeof(m->decisions[i].reason), "%s", reason);
	}
	m->decisions[i].n++;
	observe(&m->decision, seconds, ARRAY_LEN(seconds), us);
}

void
metrics_sync(struct metrics *m, size_t n, int64_t us)
{
	observe(&m->batch, requests, ARRAY_LEN(requests), (int64_t)n);
	observe(&m->sync, seconds, ARRAY_LEN(seconds), us);
}

static void
head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_addf(out, "# HELP coldrelay_%s %s\n# TYPE coldrelay_%s %s\n", name, help, name, type);
}

static void
number(struct buf *out, const char *name, const char *type, const char *help, int64_t value)
{
	head(out, name, type, help);
	buf_addf(out, "coldrelay_%s %" PRId64 "\n", name, value);
}

static void
histogram(struct buf *out, const char *name, const char *help, const struct metrics_histogram *h,
          const struct bound *bounds, size_t n, bool in_us)
{
	uint64_t sum = 0;

	head(out, name, "histogram", help);
	for (size_t i = 0; i < n; i++) {
		sum += h->bucket[i];
		buf_addf(out, "coldrelay_%s_bucket{le=\"%s\"} %" PRIu64 "\n", name, bounds[i].text, sum);
	}
	buf_addf(out, "coldrelay_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, h->count);
	if (in_us)
		buf_addf(out, "coldrelay_%s_sum %" PRIu64 ".%06" PRIu64 "\n", name, h->sum / 1000000, h->sum % 1000000);
	else
		buf_addf(out, "coldrelay_%s_sum %" PRIu64 "\n", name, h->sum);
	buf_addf(out, "coldrelay_%s_count %" PRIu64 "\n", name, h->count);
}

static void
decisions(const struct metrics *m, struct buf *out)
{
	head(out, "decisions_total", "counter", "Questions answered, by verdict and reason.");
	for (size_t i = 0; i < m->n_decisions; i++)
		buf_addf(out, "coldrelay_decisions_total{verdict=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
		         words_verdict(m->decisions[i].verdict), m->decisions[i].reason, m->decisions[i].n);
}

static void
clock_state(const struct metrics_now *now, struct buf *out)
{
	int64_t ms = now->clock_ahead_ms, size = ms < 0 ? -ms : ms;

	number(out, "clock_state", "gauge", "1 while the gate knows what time it is, 0 while it is in doubt and waits.",
	       now->clock_sure);
	if (!now->clock_sure)
		return;
	head(out, "clock_offset_seconds", "gauge", "The gate's effective time less the system's.");
	buf_addf(out, "coldrelay_clock_offset_seconds %s%" PRId64 ".%03" PRId64 "\n", ms < 0 ? "-" : "", size / 1000,
	         size % 1000);
}

void
metrics_write(const struct metrics *m, const struct metrics_now *now, struct buf *out)
{
	head(out, "build_info", "gauge", "The release that runs.");
	buf_adds(out, "coldrelay_build_info{version=\"" COLDRELAY_VERSION "\"} 1\n");
	decisions(m, out);
	histogram(out, "decision_seconds", "From a whole question to its answer.", &m->decision, seconds,
	          ARRAY_LEN(seconds), true);
	histogram(out, "commit_batch_size", "Questions that shared one commit.", &m->batch, requests,
	          ARRAY_LEN(requests), false);
	histogram(out, "sync_seconds", "The commit with its sync.", &m->sync, seconds, ARRAY_LEN(seconds), true);
	number(out, "releases_total", "counter", "Tokens given back.", (int64_t)m->released);
	number(out, "store_errors_total", "counter", "Rounds that the store failed.", (int64_t)m->store_errors);
	number(out, "reloads_total", "counter", "Configurations taken over.", (int64_t)m->reloads);
	number(out, "reload_failures_total", "counter", "Configurations that were wrong and not taken over.",
	       (int64_t)m->reloads_failed);
	number(out, "connections", "gauge", "Open connections of those who ask.", (int64_t)now->connections);
	number(out, "connections_max", "gauge", "As many are taken at once.", (int64_t)now->max_connections);
	number(out, "store_up", "gauge", "1 while the store can be read.", now->store_up);
	if (!now->store_up)
		return;
	clock_state(now, out);
	number(out, "frozen_domains", "gauge", "Outreach domains that are frozen.", now->frozen_domains);
	number(out, "frozen_tenants", "gauge", "Tenants that are frozen as a whole.", now->frozen_tenants);
}

/* RFC 9112 section 3: method SP target SP version; RFC 1945 section 5.1 for 1.0.  Header lines are not looked at. */
static int
request_line(const char *line, size_t len)
{
	static const char method[] = "GET ";
	const char *target = line + sizeof(method) - 1, *end = line + len, *blank;

	if (len < sizeof(method) - 1 || memcmp(line, method, sizeof(method) - 1) != 0)
		return memchr(line, ' ', len) != NULL ? 405 : 400;
	blank = memchr(target, ' ', (size_t)(end - target));
	if (blank == NULL || end - blank < 9 || memcmp(blank + 1, "HTTP/1.", 7) != 0)
		return 400;
	return blank - target == 8 && memcmp(target, "/metrics", 8) == 0 ? 200 : 404;
}

int
metrics_request(const char *text, size_t len)
{
	const char *end = memmem(text, len, "\r\n\r\n", 4);
	const char *line = memmem(text, len, "\r\n", 2);

	if (end == NULL)
		return len >= METRICS_REQUEST_BYTES ? 400 : 0;
	return request_line(text, (size_t)(line - text));
}
