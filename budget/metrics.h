/*
 * metrics.h - what the daemon counts, and as Prometheus reads it: counters and gauges in, text out.
 *
 * Source: Prometheus text exposition format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats, read 2026-11).  Names have
 * their unit in them, times are seconds, counters end in _total, a histogram's buckets are cumulative and the last one is +Inf.
 */
#ifndef BUDGET_METRICS_H
#define BUDGET_METRICS_H

#include "budget/gate.h"
#include "core/buf.h"

#define METRICS_REASONS       48 /* the gate's and the daemon's are about 25; what comes after is counted as "other" */
#define METRICS_BUCKETS       16
#define METRICS_REQUEST_BYTES 4096

struct metrics_histogram {
	uint64_t bucket[METRICS_BUCKETS]; /* not cumulative; what is above the last bound only counts */
	uint64_t count;
	uint64_t sum; /* microseconds, or requests */
};

/* All zero is the start. */
struct metrics {
	struct {
		enum gate_verdict verdict;
		char reason[32];
		uint64_t n;
	} decisions[METRICS_REASONS];
	size_t n_decisions;
	struct metrics_histogram decision, sync, batch;
	uint64_t store_errors, released, reloads, reloads_failed;
};
void metrics_decision(struct metrics *m, enum gate_verdict verdict, const char *reason, int64_t us);
/* A commit of n questions. */
void metrics_sync(struct metrics *m, size_t n, int64_t us);

/* What is so at the moment of asking. */
struct metrics_now {
	size_t connections, max_connections;
	bool store_up; /* the three below are known */
	bool clock_sure;
	int64_t clock_ahead_ms; /* effective less wall time */
	int64_t frozen_domains, frozen_tenants;
};
void metrics_write(const struct metrics *m, const struct metrics_now *now, struct buf *out);

/* A scraper's request so far, of at most METRICS_REQUEST_BYTES: its HTTP status, or 0 while it is not whole. */
int metrics_request(const char *text, size_t len);

#endif
