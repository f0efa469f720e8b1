/* SPDX-License-Identifier: MIT */
/* What tests of the library against a server share. */
#include "fixture.h"

#include "pool/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LIMIT_MS 10000

const char *t_name(void)
{
	static char name[24];

	snprintf(name, sizeof name, "t%ld", (long)getpid());
	return name;
}

hf_pool *t_pool_on(const char *dsn, const hf_pool_opts *opts)
{
	hf_pool_opts o = opts ? *opts : *HF_POOL_OPTS(.name = NULL);
	hf_error *why = NULL;
	hf_pool *p;

	if (!o.name)
		o.name = t_name();
	if (hf_pool_open(dsn, &o, &p, &why) != HF_OK)
		ck_abort_msg("the pool does not open: %s", hf_error_message(why));
	return p;
}

hf_pool *t_pool(const hf_pool_opts *opts)
{
	return t_pool_on(t_dsn(), opts);
}

void t_close(hf_pool *p)
{
	hf_status st = hf_pool_close(p, 0);

	if (st != HF_OK)
		ck_abort_msg("the pool does not close: %s", hf_status_name(st));
	hf_pool_unref(p);
}

static void expect(const char *file, int line, hf_future *f, hf_status st)
{
	hf_status got;

	if (!f)
		ck_abort_msg("%s:%d: the future is NULL", file, line);
	got = hf_future_get_for(f, LIMIT_MS * t_slow(), NULL);
	if (got != st)
		ck_abort_msg("%s:%d: %s instead of %s: %s", file, line, hf_status_name(got),
			hf_status_name(st), hf_error_message(hf_future_error(f)));
}

const hf_result *t_ok_at(const char *file, int line, hf_future *f)
{
	const hf_result *res = NULL;

	expect(file, line, f, HF_OK);
	ck_assert_int_eq(hf_future_get(f, &res), HF_OK);
	return res;
}

const hf_error *t_fails_at(const char *file, int line, hf_future *f, hf_status st)
{
	expect(file, line, f, st);
	return hf_future_error(f);
}

void t_done_at(const char *file, int line, hf_future *f)
{
	expect(file, line, f, HF_OK);
	hf_future_unref(f);
}

void t_failed_at(const char *file, int line, hf_future *f, hf_status st)
{
	expect(file, line, f, st);
	hf_future_unref(f);
}

long long t_int_at(const char *file, int line, hf_future *f)
{
	const hf_result *res = t_ok_at(file, line, f);
	long long n;

	if (hf_result_rows(res) != 1 || hf_row_is_null(hf_result_row(res, 0), 0))
		ck_abort_msg("%s:%d: %zu rows, or NULL", file, line, hf_result_rows(res));
	n = (long long)hf_row_int8(hf_result_row(res, 0), 0, INT64_MIN);
	if (n == INT64_MIN)
		ck_abort_msg("%s:%d: no integer", file, line);
	hf_future_unref(f);
	return n;
}

void t_test_values(int rows)
{
	char sql[320];

	snprintf(sql, sizeof sql,
		"set client_min_messages to warning;"
		"drop table if exists test_values cascade;"
		"create table test_values (id serial primary key, val1 int, val2 int);"
		"insert into test_values (val1, val2)"
		" select (random() * 1000000)::int, (random() * 1000000)::int"
		" from generate_series(1, %d);"
		"analyze test_values",
		rows);
	free(t_psql(sql));
}

bool t_wait_until(bool (*cond)(void *arg), void *arg, int ms)
{
	int64_t until = hf_now_ns() + (int64_t)ms * t_slow() * 1000000;

	while (!cond(arg)) {
		if (hf_now_ns() >= until)
			return cond(arg);
		t_sleep_ms(2);
	}
	return true;
}

hf_pool_stats t_stats(hf_pool *p)
{
	hf_pool_stats s = { .struct_size = sizeof s };

	hf_pool_get_stats(p, &s);
	return s;
}

struct wanted {
	hf_pool *pool;
	unsigned n;
};

/* A worker is idle a moment before it sleeps, and only one that sleeps is borrowed. */
static bool all_asleep(hf_pool *p)
{
	hf__worker *w;
	bool all = true;

	hf__lock(&p->lock);
	APR_RING_FOREACH (w, &p->idle, hf__worker, idle)
		all &= w->asleep;
	hf__unlock(&p->lock);
	return all;
}

static bool is_idle(void *arg)
{
	const struct wanted *w = arg;
	hf_pool_stats s = t_stats(w->pool);

	return s.conns == w->n && s.idle == w->n && s.busy == 0 && s.queued == 0 &&
	       all_asleep(w->pool);
}

static bool is_busy(void *arg)
{
	const struct wanted *w = arg;

	return t_stats(w->pool).busy == w->n;
}

static void await_state(hf_pool *p, bool (*cond)(void *), unsigned n, const char *what)
{
	struct wanted w = { p, n };
	char *text;

	if (t_wait_until(cond, &w, LIMIT_MS))
		return;
	text = hf_pool_describe(p);
	ck_abort_msg("not %u %s: %s", n, what, text);
}

void t_wait_idle(hf_pool *p, unsigned conns)
{
	await_state(p, is_idle, conns, "connections, all idle");
}

void t_wait_busy(hf_pool *p, unsigned busy)
{
	await_state(p, is_busy, busy, "busy connections");
}

int t_backends(void)
{
	char sql[128];

	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where application_name = '%s'", t_name());
	return (int)t_psql_int(sql);
}

static bool has_backends(void *arg)
{
	const int *n = arg;

	return t_backends() == *n;
}

void t_wait_backends(int n)
{
	if (!t_wait_until(has_backends, &n, LIMIT_MS))
		ck_abort_msg("%d sessions at the server instead of %d", t_backends(), n);
}

long long t_ms_since(int64_t ns)
{
	return (long long)((hf_now_ns() - ns) / 1000000);
}
