/* SPDX-License-Identifier: MIT */
/* Canaries: each query asks for its own token, and nobody ever gets another's, while the sessions
 * that answer are killed (rule-61). HOLDFAST_ECHO=10000000 asks for that many queries. */
#include "pipeline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALLERS   8
#define CONNS     4
#define WINDOW    24 /* of each caller */
#define MOST_LOST 20000

enum shape { READ, WIDE, ROWS, STREAM, SURE, WRITE, N_SHAPES };

struct call {
	enum shape shape;
	int64_t token, streamed;
	hf_future *f;
};

/* A query that was lost, and what was said of it. */
struct lost {
	int64_t token;
	bool write, maybe;
};

static struct {
	hf_pool *pool;
	long total;
	atomic_long begun, ended, mismatches, writes, bad;
	pthread_mutex_t lock;
	/* guarded by lock */
	struct lost lost[MOST_LOST];
	int n_lost;
	char what[300]; /* the first that should not be */
} e = { .lock = PTHREAD_MUTEX_INITIALIZER };

static hf_status keep(hf_row row, void *arg)
{
	*(int64_t *)arg = hf_row_int8(row, 0, -1);
	return HF_OK;
}

static void submit(struct call *c)
{
	int64_t t = c->token;

	switch (c->shape) {
	case READ:
		c->f = hf_query(e.pool, "select $1::int8", t);
		return;
	case WIDE:
		c->f = hf_query(e.pool, "select $1::int8, repeat(right($1::text, 2), 2000)", t);
		return;
	case ROWS:
		c->f = hf_query(e.pool, "select $1::int8 + i from generate_series(0, 9) i", t);
		return;
	case STREAM:
		c->streamed = -1;
		c->f = hf_query_with(e.pool, HF_QUERY_OPTS(.on_row = keep, .arg = &c->streamed),
			"select $1::int8", t);
		return;
	case SURE:
		c->f = hf_query_with(
			e.pool, HF_QUERY_OPTS(.read_only = true), "select $1::int8 + 0", t);
		return;
	case WRITE:
		c->f = hf_query(e.pool, "insert into echoes values ($1) returning id", t);
		return;
	case N_SHAPES:
		break;
	}
}

static bool fits(const struct call *c, const hf_result *res)
{
	int64_t got = hf_row_int8(hf_result_row(res, 0), 0, -1);
	size_t rows = hf_result_rows(res);

	if (c->shape == STREAM)
		return c->streamed == c->token;
	if (c->shape == ROWS)
		return rows == 10 && got == c->token &&
		       hf_row_int8(hf_result_row(res, 9), 0, -1) == c->token + 9;
	return rows == 1 && got == c->token && hf_result_columns(res) == 1 + (c->shape == WIDE);
}

static void complain(const struct call *c, hf_status st)
{
	pthread_mutex_lock(&e.lock);
	if (atomic_fetch_add(&e.bad, 1) == 0)
		snprintf(e.what, sizeof e.what, "shape %d ends in %s %s: %s", (int)c->shape,
			hf_status_name(st), hf_error_sqlstate(hf_future_error(c->f)),
			hf_error_message(hf_future_error(c->f)));
	pthread_mutex_unlock(&e.lock);
}

/* One of the two, and what only reads says so. */
static void note_lost(const struct call *c, hf_status st)
{
	const hf_error *why = hf_future_error(c->f);
	bool retry = hf_error_is(why, HF_RETRYABLE), maybe = hf_error_is(why, HF_MAYBE_COMMITTED);

	if (st != HF_E_CONN_LOST || retry == maybe || (c->shape == SURE && !retry) ||
		(c->shape == STREAM && st == HF_OK)) {
		complain(c, st);
		return;
	}
	pthread_mutex_lock(&e.lock);
	if (e.n_lost < MOST_LOST)
		e.lost[e.n_lost++] = (struct lost){ c->token, c->shape == WRITE, maybe };
	pthread_mutex_unlock(&e.lock);
}

static void collect(struct call *c)
{
	const hf_result *res = NULL;
	hf_status st = hf_future_get_for(c->f, 20000 * t_slow(), &res);

	if (st != HF_OK)
		note_lost(c, st);
	else if (!fits(c, res))
		atomic_fetch_add(&e.mismatches, 1);
	else if (c->shape == WRITE)
		atomic_fetch_add(&e.writes, 1);
	hf_future_unref(c->f);
	atomic_fetch_add(&e.ended, 1);
}

static void *call(void *arg)
{
	static const enum shape shapes[] = { READ, WIDE, READ, WRITE, ROWS, READ, SURE, WRITE, READ,
		STREAM, READ, READ, SURE };
	struct call c[WINDOW];
	long i = 0, n;

	memset(c, 0, sizeof c);
	while ((n = atomic_fetch_add(&e.begun, 1)) < e.total) {
		struct call *mine = &c[i++ % WINDOW];

		if (mine->f)
			collect(mine);
		mine->shape = shapes[(size_t)n % T_COUNT(shapes)];
		mine->token = n * 100;
		submit(mine);
	}
	for (i = 0; i < WINDOW; i++)
		if (c[i].f)
			collect(&c[i]);
	return arg;
}

static bool has_come(void *arg)
{
	return atomic_load(&e.ended) >= *(long *)arg;
}

static void kill_some(hf_pool *killer)
{
	char sql[240];

	snprintf(sql, sizeof sql,
		"select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity "
		"where application_name = '%s' order by random() limit 2) s",
		t_name());
	t_done(hf_query_at(HF_HERE, killer, sql, NULL, 0));
}

/* Whether the table agrees with what was said. */
static void check_ledger(void)
{
	char *list[2], sql[200];
	size_t n[2];
	long long stored, maybe = 0;

	for (int k = 0; k < 2; k++) {
		list[k] = malloc((size_t)e.n_lost * 22 + 100);
		ck_assert_ptr_nonnull(list[k]);
		n[k] = (size_t)sprintf(list[k], "select count(*) from echoes where id in (-1");
	}
	for (int i = 0; i < e.n_lost; i++) {
		int k = e.lost[i].maybe;

		n[k] += (size_t)sprintf(list[k] + n[k], ",%lld", (long long)e.lost[i].token);
	}
	strcpy(list[0] + n[0], ")");
	strcpy(list[1] + n[1], ")");
	ck_assert_int_eq(t_psql_int(list[0]), 0);
	maybe = t_psql_int(list[1]);
	snprintf(sql, sizeof sql, "select count(*) from echoes");
	stored = t_psql_int(sql);
	ck_assert_int_eq(stored, atomic_load(&e.writes) + maybe);
	ck_assert_int_eq(t_psql_int("select count(distinct id) from echoes"), stored);
	printf("# %d lost, %lld of them had been written\n", e.n_lost, maybe);
	free(list[0]);
	free(list[1]);
}

/* On a terminal how far it is; ten million take minutes. */
static void show_progress(int done, int all)
{
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r\033[K");
	if (done < all)
		fprintf(stderr, "echo [%-40.*s] %3d %%", done * 40 / all,
			"########################################", done * 100 / all);
	fflush(stderr);
}

static void echo(int depth, long total, int kills)
{
	hf_pool *killer = t_pool(HF_POOL_OPTS(.name = "killer", .max_conns = 1));
	pthread_t t[CALLERS];
	int64_t began = hf_now_ns();

	free(t_psql("set client_min_messages to warning; drop table if exists echoes;"
		    "create unlogged table echoes (id int8)"));
	e.total = total;
	e.pool = t_pool(HF_POOL_OPTS(.min_conns = CONNS, .max_conns = CONNS, .max_pipeline = depth,
		.max_queue = HF_FOREVER));
	t_wait_idle(e.pool, CONNS);
	for (int i = 0; i < CALLERS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, call, NULL), 0);
	for (int i = 1; i <= kills; i++) {
		long until = total / (kills + 1) * i;

		ck_assert(t_wait_until(has_come, &until, 600000));
		kill_some(killer);
		show_progress(i, kills);
	}
	for (int i = 0; i < CALLERS; i++)
		pthread_join(t[i], NULL);
	printf("# %ld queries in %lld ms, %d kills, %llu together, %ld mismatches\n", total,
		t_ms_since(began), kills, (unsigned long long)t_stats(e.pool).pipelined,
		atomic_load(&e.mismatches));
	fflush(stdout);
	ck_assert_int_eq(atomic_load(&e.mismatches), 0);
	if (atomic_load(&e.bad))
		ck_abort_msg("%ld of them: %s", atomic_load(&e.bad), e.what);
	ck_assert_int_eq(atomic_load(&e.ended), total);
	ck_assert_int_le(e.n_lost, kills * 2 * depth);
	t_expect_together(e.pool, depth, (unsigned)(total / 4));
	t_wait_idle(e.pool, CONNS);
	t_close(e.pool);
	t_close(killer);
	check_ledger();
}

static long wanted(long otherwise)
{
	const char *n = getenv("HOLDFAST_ECHO");

	return n ? atol(n) : otherwise / t_slow();
}

/* That many, and so many kills, but for the long run. */
static void echoes(int depth, long n, int kills)
{
	n = wanted(n);
	echo(depth, n, n < 1000000 ? kills : 300);
}

START_TEST(test_echo)
{
	echoes(T_DEPTH, 200000, 60);
}
END_TEST

START_TEST(test_echo_alone)
{
	echoes(T_ALONE, 20000, 20);
}
END_TEST

START_TEST(test_echo_deep)
{
	echoes(256, 40000, 20);
}
END_TEST

/* The machine that has time for ten million has it for this test. */
#define LIMIT_S (getenv("HOLDFAST_ECHO") ? 7200 : 120)

T_MAIN("echo",
	{ "every answer is its own caller's, while sessions are killed (rule-61)", test_echo,
		LIMIT_S },
	{ "every answer is its own caller's, one by one, while sessions are killed",
		test_echo_alone, LIMIT_S },
	{ "every answer is its own caller's, 256 at a time", test_echo_deep, LIMIT_S })
