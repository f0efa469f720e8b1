/* SPDX-License-Identifier: MIT */
/* The list of what hf_pool_stats has. What is added there is added here: a test compares. */
#include "engine/snapshot.h"

#include <string.h>

#define MEMBER(m) offsetof(hf_pool_stats, m), sizeof((hf_pool_stats *)0)->m

#define NUMBER(kind, m, family, help)                                                              \
	{                                                                                          \
		{ #m, help, kind }, MEMBER(m), family, NULL, NULL, 1                               \
	}
#define GAUGE(m, family, help)   NUMBER(HF_METRIC_GAUGE, m, family, help)
#define COUNTER(m, family, help) NUMBER(HF_METRIC_COUNTER, m, family, help)
#define GAUGE_MS(m, family, help)                                                                  \
	{                                                                                          \
		{ #m, help, HF_METRIC_GAUGE }, MEMBER(m), family, NULL, NULL, 1000                 \
	}
#define KIND(m, label, help)                                                                       \
	{                                                                                          \
		{ #m, help, HF_METRIC_COUNTER }, MEMBER(m), "jobs_completed_total",                \
			"kind=\"" label "\"", "jobs that have ended, by kind", 1                   \
	}
#define HISTOGRAM(m, family, help)                                                                 \
	{                                                                                          \
		{ #m, help, HF_METRIC_HISTOGRAM }, MEMBER(m), family, NULL, NULL, 1000000000       \
	}

static const hf__metric_row rows[] = {
	GAUGE(conns, "connections", "connections that are up"),
	GAUGE(idle, "connections_idle", "connections that wait for work"),
	GAUGE(busy, "connections_busy", "connections that have a job"),
	GAUGE(connecting, "connections_pending", "workers that connect, or pause after a failure"),
	GAUGE(pinned, "connections_pinned", "busy connections that a transaction object holds"),
	GAUGE(queued, "jobs_queued", "jobs that wait for a connection"),
	GAUGE(queued_peak, "jobs_queued_peak", "the most jobs that ever waited"),
	GAUGE(min_conns, "connections_lower_limit", "connections that are kept open"),
	GAUGE(max_conns, "connections_upper_limit", "connections at most"),
	GAUGE(parked, "transactions_parked", "transactions that are parked"),
	GAUGE(max_parked, "transactions_parked_limit", "parked transactions at most"),
	GAUGE_MS(oldest_txn_ms, "oldest_transaction_seconds",
		"age of the oldest open transaction object"),
	GAUGE(listening, "channels_listening", "channels that are listened to"),
	GAUGE(active, "connections_active", "connections whose server runs a statement"),
	GAUGE(idle_in_txn, "connections_idle_in_transaction",
		"connections in an open transaction without a statement under way"),
	GAUGE_MS(
		oldest_wait_ms, "oldest_wait_seconds", "how long the oldest queued job has waited"),
	GAUGE_MS(age_ms, "age_seconds", "time since the pool was opened"),

	COUNTER(submitted, "jobs_submitted_total", "jobs accepted"),
	COUNTER(completed, NULL, "jobs that have ended"),
	COUNTER(failed, "jobs_failed_total", "jobs that have failed"),
	COUNTER(canceled, "jobs_canceled_total", "jobs that were cancelled"),
	COUNTER(rejected, "jobs_rejected_total", "jobs refused at once"),
	COUNTER(connects, "connects_total", "connections made"),
	COUNTER(connect_failures, "connect_failures_total", "attempts to connect that failed"),
	COUNTER(reconnects, "reconnects_total", "connections made in place of another"),
	COUNTER(discards, "discards_total", "connections closed as broken, in doubt or too old"),
	COUNTER(resets, "resets_total", "sessions cleaned between jobs"),
	COUNTER(pings, "pings_total", "connections probed before use"),
	COUNTER(queue_ns, NULL, "nanoseconds that jobs have waited"),
	COUNTER(run_ns, NULL, "nanoseconds that jobs have run"),
	COUNTER(wakeups, "wakeups_total", "workers woken for work"),
	COUNTER(futile_wakeups, "futile_wakeups_total", "workers woken for work that was gone"),
	COUNTER(parks, "parks_total", "transactions parked"),
	COUNTER(resumes, "resumes_total", "parked transactions resumed"),
	COUNTER(expired, "transactions_expired_total", "transactions rolled back by a clock"),
	COUNTER(retries, "retries_total", "further attempts of hf_transact"),
	COUNTER(outcomes_resolved, "outcomes_resolved_total",
		"lost answers to COMMIT that were found out"),
	COUNTER(outcomes_unknown, "outcomes_unknown_total",
		"lost answers to COMMIT that stay unknown"),
	COUNTER(pipelined, "queries_pipelined_total", "queries that travelled with others"),
	COUNTER(fast_lane, "queries_fast_lane_total", "reads that shared a Sync"),
	COUNTER(borrowed, "jobs_borrowed_total", "jobs that a waiting thread ran itself"),
	COUNTER(notices, "notices_total", "notices that came"),
	COUNTER(notices_dropped, "notices_dropped_total", "notices dropped by a full queue"),
	COUNTER(listen_losses, "listen_losses_total", "losses of the connection for listening"),
	KIND(queries, "query", "plain queries that have ended"),
	KIND(scripts, "script", "scripts that have ended"),
	KIND(interactions, "interaction", "interactions that have ended"),
	KIND(transactions, "transaction", "transaction objects that have ended"),
	COUNTER(wait_timeouts, "job_wait_timeouts_total",
		"jobs that failed since no connection came free in time"),
	COUNTER(run_timeouts, "job_run_timeouts_total", "jobs that failed as they ran too long"),
	COUNTER(conn_losses, "job_connection_losses_total",
		"jobs that failed with their connection"),
	COUNTER(statements, "statements_total", "statements that have ended"),
	COUNTER(statement_failures, "statement_failures_total", "statements that have failed"),
	COUNTER(commits, "commits_total", "explicit transactions committed"),
	COUNTER(rollbacks, "rollbacks_total", "explicit transactions rolled back"),

	HISTOGRAM(wait, "job_wait_seconds", "time that jobs waited for a connection"),
	HISTOGRAM(query, "query_seconds", "time that plain queries and scripts ran"),
	HISTOGRAM(hold, "hold_seconds",
		"time that interactions and transaction objects had a connection"),
};

const hf__metric_row *hf__metric_row_at(size_t i)
{
	return i < sizeof rows / sizeof *rows ? &rows[i] : NULL;
}

const hf_metric *hf_metric_at(size_t i)
{
	const hf__metric_row *r = hf__metric_row_at(i);

	return r ? &r->shown : NULL;
}

/* Where it is in `s`, which may be an older caller's, and shorter. */
static const void *member(const hf_pool_stats *s, const hf__metric_row *r)
{
	if (!s || !r || s->struct_size < r->at + r->size)
		return NULL;
	return (const char *)s + r->at;
}

const hf_histogram *hf_metric_histogram(const hf_pool_stats *s, size_t i)
{
	const hf__metric_row *r = hf__metric_row_at(i);

	return r && r->shown.kind == HF_METRIC_HISTOGRAM ? member(s, r) : NULL;
}

uint64_t hf_metric_value(const hf_pool_stats *s, size_t i)
{
	const hf__metric_row *r = hf__metric_row_at(i);
	const void *at = member(s, r);
	uint64_t wide;
	uint32_t narrow;

	if (!at)
		return 0;
	if (r->shown.kind == HF_METRIC_HISTOGRAM)
		return ((const hf_histogram *)at)->count;
	if (r->size == sizeof wide) {
		memcpy(&wide, at, sizeof wide);
		return wide;
	}
	memcpy(&narrow, at, sizeof narrow);
	return narrow;
}
