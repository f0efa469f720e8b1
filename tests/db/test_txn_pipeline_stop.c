/* SPDX-License-Identifier: MIT */
/* Commands that travel together, and are stopped in the middle: by a cancel, a limit, the closing
 * of the pool, a link that breaks. */
#include "journey.h"
#include "proxy.h"

#include <stdio.h>

#define KEY 4711

static bool is_ready(void *f)
{
	return hf_future_ready(f);
}

/* --- in the middle ------------------------------------------------------------------------------
 */

static hf_future *submit(const struct journey *j, int i, int lock_ms)
{
	if (i == 2)
		return hf_txn_notify(j->t, "marks", NULL);
	if (i == 3)
		return hf_txn_query_with(j->t, HF_QUERY_OPTS(.timeout_ms = lock_ms), LOCK, KEY);
	return hf_txn_query(j->t, INSERT, i);
}

/* INSERTs, a notice (which waits for nobody, and need not be answered at once) and, as the fourth,
 * what waits for the lock; up to there they are answered. */
static void get_stuck(struct journey *j, hf_pool *p, int lock_ms)
{
	gather(j, p);
	for (int i = 0; i < N; i++)
		j->f[i] = submit(j, i, lock_ms);
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
		ck_assert(i == 0 || st[i] != HF_OK || st[i - 1] == HF_OK);
		hf_future_unref(j.f[i]);
	}
	if (st[N - 1] == HF_OK)
		t_done(hf_txn_commit(j.t));
	else
		t_failed(hf_txn_commit(j.t), HF_E_TXN_ENDED);
	arrive(&j);
	ck_assert_int_eq(marks(), st[N - 1] == HF_OK ? N - 2 : 0);
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

static hf_future *one_word(hf_txn *t, const char *sql, int n)
{
	(void)n;
	return hf_txn_query(t, sql, "warm");
}

static void warm_words(hf_pool *p)
{
	hf_txn *t = served(p);

	learn(t, one_word, WORD, 0);
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

T_MAIN("txn_pipeline_stop",
	{ "J1 a command in the middle is cancelled while it waits", test_cancel, 60 },
	{ "J1 one behind is cancelled", test_cancel_behind, 60 },
	{ "J1 one that was not sent is cancelled without a trace", test_cancel_unsent, 60 },
	{ "J1 a command's limit of time is its own", test_limit, 60 },
	{ "J1 parking and closing, in the middle", test_park_and_close, 60 },
	{ "J1 D18 a link that breaks in the middle", test_lost, 120 })
