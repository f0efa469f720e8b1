/* SPDX-License-Identifier: MIT */
/* Commands of a transaction that are submitted without waiting for each other travel together, and
 * nobody can tell but by the sends. A function of the transaction keeps its worker while they queue
 * up, so that it finds all of them. */
#include "cost.h"
#include "pipeline.h"
#include "proxy.h"

#include <holdfast/txn.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N      10
#define MANY   100
#define WARM   5 /* a text is prepared at its third use, and known from then on */
#define KEY    4711
#define INSERT "insert into marks values ($1)"
#define LOCK   "select pg_advisory_xact_lock($1)"
#define WIDE   "select repeat('x', $1)"

struct journey {
	hf_txn *t;
	sem_t open, entered;
	hf_future *gate, *f[N], *end;
};

static void await(sem_t *s)
{
	while (sem_wait(s) != 0 && errno == EINTR)
		;
}

static hf_status stand(hf_conn *c, void *arg, hf_reply *reply)
{
	struct journey *j = arg;

	(void)c;
	(void)reply;
	sem_post(&j->entered);
	await(&j->open);
	return HF_OK;
}

/* Its BEGIN is done, and what is submitted from now on waits. */
static void gather(struct journey *j, hf_pool *p)
{
	memset(j, 0, sizeof *j);
	ck_assert_int_eq(sem_init(&j->open, 0, 0), 0);
	ck_assert_int_eq(sem_init(&j->entered, 0, 0), 0);
	j->t = hf_txn_begin(p, NULL);
	t_done(hf_txn_query(j->t, "select 1"));
	j->gate = hf_txn_run(j->t, HF_JOB(.fn = stand, .arg = j));
	await(&j->entered);
}

static void depart(struct journey *j)
{
	sem_post(&j->open);
	t_done(j->gate);
}

static void arrive(struct journey *j)
{
	hf_txn_unref(j->t);
	sem_destroy(&j->open);
	sem_destroy(&j->entered);
}

static void make_table(void)
{
	free(t_psql("set client_min_messages to warning; drop table if exists marks;"
		    "create table marks (n int unique); insert into marks values (-1)"));
}

static long long marks(void)
{
	return t_psql_int("select count(*) from marks where n >= 0");
}

/* The connection has come to know the texts, and nothing is left of that. */
static void warm_up(hf_pool *p)
{
	hf_txn *t = hf_txn_begin(p, NULL);

	for (int i = 0; i < WARM; i++) {
		t_done(hf_txn_query(t, INSERT, 1000 + i));
		t_done(hf_txn_query(t, LOCK, 1000 + i));
		t_done(hf_txn_query(t, WIDE, 1 + i));
	}
	t_done(hf_txn_rollback(t));
	hf_txn_unref(t);
}

static hf_pool *pool_with(const hf_pool_opts *opts)
{
	hf_pool *p = t_pool(opts);

	make_table();
	warm_up(p);
	return p;
}

static hf_pool *pool_of_one(void)
{
	return pool_with(HF_POOL_OPTS(.max_conns = 1, .strict = true));
}

static bool is_ready(void *f)
{
	return hf_future_ready(f);
}

/* --- order --------------------------------------------------------------------------------------
 */

#define NEXT "update counter set n = case when n = $1 then n + 1 end returning n"

/* Answers how many sends it took. */
static long count_up(hf_pool *p)
{
	struct journey j;
	hf_future *f[MANY];
	long before;

	free(t_psql("update counter set n = 0"));
	gather(&j, p);
	for (int i = 0; i < MANY; i++)
		f[i] = hf_txn_query(j.t, NEXT, i);
	j.end = hf_txn_commit(j.t);
	before = t_sends();
	depart(&j);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(t_int(f[i]), i + 1);
	t_done(j.end);
	before = t_sends() - before;
	arrive(&j);
	ck_assert_int_eq(t_psql_int("select n from counter"), MANY);
	return before;
}

static long best_of(int depth, int rounds)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_pipeline = depth));
	long best = 0;

	for (int i = 0; i < rounds; i++) {
		long sends = count_up(p);

		best = i == 0 || sends < best ? sends : best;
	}
	t_close(p);
	return best;
}

START_TEST(test_order)
{
	long together, alone;

	free(t_psql("set client_min_messages to warning; drop table if exists counter;"
		    "create table counter as select 0 as n"));
	together = best_of(32, 5);
	alone = best_of(1, 2);
	printf("# %d commands: %ld sends, one by one %ld\n", MANY, together, alone);
	ck_assert_int_ge(alone, MANY);
	ck_assert_int_le(together, 12);
}
END_TEST

/* --- a bad one ----------------------------------------------------------------------------------
 */

static void submit_inserts(struct journey *j, int bad)
{
	for (int i = 0; i < N; i++)
		j->f[i] = hf_txn_query(j->t, INSERT, i == bad ? -1 : i);
}

/* Those before it went well, and it and those behind it tell the same. */
static void expect_bad(struct journey *j, int bad)
{
	const char *why = NULL;

	for (int i = 0; i < N; i++) {
		if (i < bad) {
			t_ok(j->f[i]);
			continue;
		}
		t_fails(j->f[i], HF_E_SQL);
		ck_assert_str_eq(hf_error_sqlstate(hf_future_error(j->f[i])), "23505");
		if (!why)
			why = hf_error_message(hf_future_error(j->f[i]));
		ck_assert_str_eq(hf_error_message(hf_future_error(j->f[i])), why);
	}
	for (int i = 0; i < N; i++)
		hf_future_unref(j->f[i]);
}

START_TEST(test_bad_command)
{
	hf_pool *p = pool_of_one();
	struct journey j;

	for (int bad = 0; bad < N; bad++) {
		gather(&j, p);
		submit_inserts(&j, bad);
		depart(&j);
		expect_bad(&j, bad);
		ck_assert_int_eq(hf_txn_get_state(j.t), HF_TXN_FAILED);
		t_failed(hf_txn_commit(j.t), HF_E_TXN_ENDED);
		arrive(&j);
		ck_assert_int_eq(marks(), 0);
	}
	t_expect_sane(p);
	t_close(p);
}
END_TEST

/* What is behind hf_txn_rollback_to in the queue is not touched by what is before it. */
START_TEST(test_savepoint)
{
	hf_pool *p = pool_of_one();
	struct journey j;

	for (int bad = 0; bad < N; bad++) {
		hf_future *after[5];

		gather(&j, p);
		after[0] = hf_txn_query(j.t, INSERT, 100);
		after[1] = hf_txn_savepoint(j.t, "s");
		submit_inserts(&j, bad);
		after[2] = hf_txn_rollback_to(j.t, "s");
		after[3] = hf_txn_query(j.t, INSERT, 101);
		after[4] = hf_txn_query(j.t, INSERT, 102);
		j.end = hf_txn_rollback(j.t);
		if (bad == N - 1) {
			hf_future_cancel(j.end);
			hf_future_unref(j.end);
			j.end = hf_txn_commit(j.t);
		}
		depart(&j);
		expect_bad(&j, bad);
		for (int i = 0; i < 5; i++)
			t_done(after[i]);
		t_done(j.end);
		arrive(&j);
		ck_assert_int_eq(marks(), bad == N - 1 ? 3 : 0);
	}
	t_close(p);
}
END_TEST

/* --- COMMIT behind ------------------------------------------------------------------------------
 */

static void end_with(struct journey *j, bool then)
{
	if (then)
		j->end =
			hf_txn_query_with(j->t, HF_QUERY_OPTS(.then = HF_THEN_COMMIT), INSERT, 200);
	else
		j->end = hf_txn_commit(j->t);
}

START_TEST(test_commit)
{
	hf_pool *p = pool_of_one();
	struct journey j;

	for (int bad = -1; bad < N; bad++) {
		for (int then = 0; then < 2; then++) {
			free(t_psql("delete from marks where n >= 0"));
			gather(&j, p);
			submit_inserts(&j, bad);
			end_with(&j, then);
			depart(&j);
			expect_bad(&j, bad < 0 ? N : bad);
			if (bad < 0)
				t_done(j.end);
			else
				t_failed(j.end, then ? HF_E_SQL : HF_E_TXN_ENDED);
			arrive(&j);
			ck_assert_int_eq(marks(), bad < 0 ? N + then : 0);
		}
	}
	t_close(p);
}
END_TEST

/* A command that only fails here: the server would have committed. */
START_TEST(test_too_large)
{
	hf_pool *p = pool_with(HF_POOL_OPTS(.max_conns = 1, .max_result = 100000));
	struct journey j;

	for (int then = 0; then < 2; then++) {
		gather(&j, p);
		for (int i = 0; i < N; i++)
			j.f[i] = i == 4 ? hf_txn_query(j.t, WIDE, 1000000)
					: hf_txn_query(j.t, INSERT, i);
		end_with(&j, then);
		depart(&j);
		for (int i = 0; i < 4; i++)
			t_done(j.f[i]);
		for (int i = 4; i < N; i++)
			t_failed(j.f[i], HF_E_TOO_LARGE);
		t_failed(j.end, then ? HF_E_TOO_LARGE : HF_E_TXN_ENDED);
		arrive(&j);
		ck_assert_int_eq(marks(), 0);
	}
	t_close(p);
}
END_TEST

/* --- in the middle ------------------------------------------------------------------------------
 */

/* INSERTs and, as the fourth, what waits for the lock; up to there they are answered. */
static void get_stuck(struct journey *j, hf_pool *p, int lock_ms)
{
	gather(j, p);
	for (int i = 0; i < N; i++)
		j->f[i] = i == 3 ? hf_txn_query_with(
					   j->t, HF_QUERY_OPTS(.timeout_ms = lock_ms), LOCK, KEY)
				 : hf_txn_query(j->t, INSERT, i);
	depart(j);
	for (int i = 0; i < 3; i++)
		ck_assert(t_wait_until(is_ready, j->f[i], 10000));
}

static void expect_stuck(struct journey *j, hf_status st)
{
	for (int i = 0; i < 3; i++)
		t_done(j->f[i]);
	for (int i = 3; i < N; i++)
		t_failed(j->f[i], st);
}

START_TEST(test_cancel)
{
	hf_pool *p = pool_of_one();
	struct t_lock lock;
	struct journey j;

	t_lock_take(&lock, KEY);
	get_stuck(&j, p, 0);
	t_wait_blocked(1);
	ck_assert_int_eq(hf_future_cancel(j.f[3]), HF_PENDING);
	expect_stuck(&j, HF_E_CANCELED);
	t_failed(hf_txn_commit(j.t), HF_E_TXN_ENDED);
	arrive(&j);
	ck_assert_int_eq(marks(), 0);
	t_lock_drop(&lock);
	t_expect_sane(p);
	t_close(p);
}
END_TEST

/* One that is behind what waits, and so was done or was not when its turn comes. */
START_TEST(test_cancel_behind)
{
	hf_pool *p = pool_of_one();
	struct t_lock lock;
	struct journey j;
	hf_status st[N];

	t_lock_take(&lock, KEY);
	get_stuck(&j, p, 0);
	t_wait_blocked(1);
	ck_assert_int_eq(hf_future_cancel(j.f[6]), HF_PENDING);
	t_lock_drop(&lock);
	for (int i = 0; i < N; i++) {
		st[i] = hf_future_get_for(j.f[i], 10000 * t_slow(), NULL);
		ck_assert(st[i] == HF_OK || (i >= 6 && st[i] == HF_E_CANCELED));
		ck_assert(i == 0 || st[i] == HF_OK || st[i - 1] != HF_OK || st[i] == HF_E_CANCELED);
		hf_future_unref(j.f[i]);
	}
	if (st[N - 1] == HF_OK)
		t_done(hf_txn_commit(j.t));
	else
		t_failed(hf_txn_commit(j.t), HF_E_TXN_ENDED);
	arrive(&j);
	ck_assert_int_eq(marks(), st[N - 1] == HF_OK ? N - 1 : 0);
	t_close(p);
}
END_TEST

/* Nothing is sent behind a text that nobody knows: what waits behind it has not started. */
START_TEST(test_cancel_unsent)
{
	hf_pool *p = pool_of_one();
	struct t_lock lock;
	struct journey j;

	t_lock_take(&lock, KEY);
	gather(&j, p);
	j.f[0] = hf_txn_query(j.t, INSERT, 0);
	j.f[1] = hf_txn_query(j.t, LOCK " /* new */", KEY);
	j.f[2] = hf_txn_query(j.t, INSERT, 2);
	depart(&j);
	t_wait_blocked(1);
	t_done(j.f[0]);
	ck_assert_int_eq(hf_future_cancel(j.f[2]), HF_OK);
	t_failed(j.f[2], HF_E_CANCELED);
	t_lock_drop(&lock);
	t_done(j.f[1]);
	t_done(hf_txn_commit(j.t));
	arrive(&j);
	ck_assert_int_eq(marks(), 1);
	t_close(p);
}
END_TEST

START_TEST(test_limit)
{
	hf_pool *p = pool_of_one();
	int64_t began = hf_now_ns();
	struct t_lock lock;
	struct journey j;

	t_lock_take(&lock, KEY);
	get_stuck(&j, p, 300);
	expect_stuck(&j, HF_E_TIMEOUT);
	ck_assert_int_lt(t_ms_since(began), 10000);
	arrive(&j);
	/* The time that one waits behind others is not its own. */
	gather(&j, p);
	j.f[0] = hf_txn_query(j.t, LOCK, KEY);
	j.f[1] = hf_txn_query_with(j.t, HF_QUERY_OPTS(.timeout_ms = 2000 * t_slow()), INSERT, 1);
	depart(&j);
	t_wait_blocked(1);
	t_sleep_ms(2500 * t_slow());
	t_lock_drop(&lock);
	t_done(j.f[0]);
	t_done(j.f[1]);
	t_done(hf_txn_commit(j.t));
	arrive(&j);
	ck_assert_int_eq(marks(), 1);
	t_close(p);
}
END_TEST

START_TEST(test_park_and_close)
{
	hf_pool *p = pool_of_one();
	struct t_lock lock;
	struct journey j;
	hf_token token;

	t_lock_take(&lock, KEY);
	get_stuck(&j, p, 0);
	t_wait_blocked(1);
	ck_assert_int_eq(hf_txn_park(&j.t, 0, &token, NULL), HF_E_BUSY);
	ck_assert_int_eq(hf_pool_close(p, 200), HF_OK);
	expect_stuck(&j, HF_E_CLOSED);
	arrive(&j);
	hf_pool_unref(p);
	t_lock_drop(&lock);
	ck_assert_int_eq(marks(), 0);
}
END_TEST

/* --- a link that breaks -------------------------------------------------------------------------
 */

#define WORD "insert into words values ($1)"

static void send_words(struct journey *j, hf_pool *p)
{
	char word[20];

	gather(j, p);
	for (int i = 0; i < N; i++) {
		snprintf(word, sizeof word, "word %d", i);
		j->f[i] = hf_txn_query(j->t, WORD, (const char *)word);
	}
	j->end = hf_txn_commit(j->t);
}

/* The first that is lost says so; what is behind it was rolled back. How many were answered. */
static int expect_lost(struct journey *j)
{
	int answered = 0;

	while (answered < N && hf_future_get_for(j->f[answered], 10000 * t_slow(), NULL) == HF_OK)
		answered++;
	ck_assert_int_lt(answered, N);
	for (int i = 0; i < N; i++) {
		if (i < answered)
			t_done(j->f[i]);
		else
			t_failed(j->f[i], i == answered ? HF_E_CONN_LOST : HF_E_TXN_ENDED);
	}
	t_failed(j->end, HF_E_TXN_ENDED);
	ck_assert_int_eq(hf_txn_get_state(j->t), HF_TXN_ROLLED_BACK);
	return answered;
}

static void warm_words(hf_pool *p)
{
	hf_txn *t = hf_txn_begin(p, NULL);

	for (int i = 0; i < WARM; i++)
		t_done(hf_txn_query(t, WORD, "warm"));
	t_done(hf_txn_rollback(t));
	hf_txn_unref(t);
}

static int cut(hf_pool *p, enum t_proxy_act act, size_t n)
{
	struct journey j;
	int answered;

	warm_words(p);
	t_proxy_arm(act, "word 5", n);
	send_words(&j, p);
	depart(&j);
	answered = expect_lost(&j);
	arrive(&j);
	t_proxy_await();
	t_proxy_disarm();
	t_wait_idle(p, 1);
	ck_assert_int_eq(t_psql_int("select count(*) from words"), 0);
	return answered;
}

START_TEST(test_lost)
{
	struct t_exchange whole;
	struct journey j;
	bool seen[N] = { false };
	int kinds = 0;
	hf_pool *p;

	free(t_psql("set client_min_messages to warning; drop table if exists words;"
		    "create table words (w text)"));
	p = t_pool_on(t_proxy_dsn(), HF_POOL_OPTS(.max_conns = 1, .strict = true));
	warm_words(p);
	t_proxy_arm(T_MEASURE, "word 5", 0);
	send_words(&j, p);
	depart(&j);
	for (int i = 0; i < N; i++)
		t_done(j.f[i]);
	t_done(j.end);
	arrive(&j);
	whole = t_proxy_await();
	free(t_psql("delete from words"));
	for (size_t i = 0; i < N; i++) {
		seen[cut(p, T_CUT_ANSWER, whole.answer * i / N)] = true;
		cut(p, T_CUT_REQUEST, whole.needed * i / N);
	}
	for (int i = 0; i < N; i++)
		kinds += seen[i];
	printf("# %zu bytes, %zu of the answer: cut behind %d of %d commands\n", whole.request,
		whole.answer, kinds, N);
	ck_assert_int_ge(kinds, N / 2); /* they were in one exchange */
	t_close(p);
}
END_TEST

T_MAIN("txn_pipeline", { "J1 a hundred commands in order, in few sends", test_order, 60 },
	{ "J1 D5 a bad command at every position of ten", test_bad_command, 60 },
	{ "J1 D15 a bad command at every position, and back to a savepoint", test_savepoint, 60 },
	{ "J1 D4 COMMIT behind ten commands, a bad one at every position", test_commit, 60 },
	{ "J1 D4 COMMIT behind a command that only fails here", test_too_large, 60 },
	{ "J1 a command in the middle is cancelled while it waits", test_cancel, 60 },
	{ "J1 one behind is cancelled", test_cancel_behind, 60 },
	{ "J1 one that was not sent is cancelled without a trace", test_cancel_unsent, 60 },
	{ "J1 a command's limit of time is its own", test_limit, 60 },
	{ "J1 parking and closing, in the middle", test_park_and_close, 60 },
	{ "J1 D18 a link that breaks in the middle", test_lost, 120 })
