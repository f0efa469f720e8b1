/* SPDX-License-Identifier: MIT */
/* Many want the same parked transaction, or want it just when its time is up: one answer wins. */
#include "base/mem.h"
#include "park.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* --- the instant of expiry -----------------------------------------------------------------------
 */

#define ROUNDS   500
#define LEASE_MS 5

static bool kept[ROUNDS];

static void until(int64_t ns)
{
	while (hf_now_ns() < ns)
		;
}

/* Aims at the end of the time: closer when it was missed on one side, and a bit off by the round.
 */
static int64_t aim(int64_t *at_us, int round, bool was_kept)
{
	*at_us += round == 0 ? 0 : was_kept ? 60 : -60;
	return (*at_us + round % 9 * 10) * 1000;
}

static void check_expired(hf_error *why)
{
	ck_assert_int_eq(hf_error_status(why), HF_E_TXN_ENDED);
	ck_assert_msg(strstr(hf_error_message(why), "expired after 5 ms") != NULL, "%s",
		hf_error_message(why));
	hf_error_unref(why);
}

/* True: it was resumed, and then committed. */
static bool resume_in_time(hf_pool *p, int round, int64_t aimed)
{
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_error *why = NULL;
	hf_token token;
	int64_t at;
	hf_status st;

	t_done(hf_txn_query(t, "insert into race values ($1)", round));
	at = hf_now_ns() + aimed;
	park_it(&t, LEASE_MS, &token);
	until(at);
	st = hf_txn_resume(p, token.text, &t, &why);
	if (st != HF_OK) {
		ck_assert_ptr_null(t);
		check_expired(why);
		return false;
	}
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	return true;
}

/* True: the commit came before the idle time was over. */
static bool commit_in_time(hf_pool *p, int round, int64_t aimed)
{
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.idle_ms = LEASE_MS));
	hf_error *why = NULL;
	int64_t at;
	hf_status st;

	st = hf_await(hf_txn_query(t, "insert into race values ($1)", round), &why);
	at = hf_now_ns() + aimed;
	if (st == HF_OK) {
		until(at);
		st = hf_await(hf_txn_commit(t), &why);
	}
	ck_assert_int_eq(hf_txn_get_state(t), st == HF_OK ? HF_TXN_COMMITTED : HF_TXN_ROLLED_BACK);
	hf_txn_unref(t);
	if (st == HF_OK)
		return true;
	check_expired(why);
	return false;
}

static void check_rows(void)
{
	char *in_table = t_psql("select string_agg(round::text, ' ' order by round) from race");
	char told[ROUNDS * 4 + 1];
	size_t n = 0;

	for (int i = 0; i < ROUNDS; i++)
		if (kept[i])
			n += (size_t)snprintf(told + n, sizeof told - n, n ? " %d" : "%d", i);
	ck_assert_str_eq(in_table, told);
	free(in_table);
}

/* 500 rounds; who was told that it is kept has a row, and nobody else. */
static void race(bool (*run)(hf_pool *p, int round, int64_t aimed))
{
	int64_t at_us = LEASE_MS * 1000;
	int n = 0;
	hf_pool *p;

	free(t_psql("set client_min_messages to warning;"
		    "drop table if exists race; create table race (round int)"));
	p = t_pool(HF_POOL_OPTS(.max_conns = 8));
	for (int i = 0; i < ROUNDS; i++) {
		kept[i] = run(p, i, aim(&at_us, i, i > 0 && kept[i - 1]));
		n += kept[i];
	}
	ck_assert_int_gt(n, 20);
	ck_assert_int_lt(n, ROUNDS - 20);
	check_rows();
	ck_assert_uint_eq(t_stats(p).expired, (uint64_t)(ROUNDS - n));
	t_wait_idle(p, t_stats(p).conns);
	t_close(p);
}

START_TEST(test_resume_at_expiry)
{
	race(resume_in_time);
}
END_TEST

START_TEST(test_commit_at_expiry)
{
	race(commit_in_time);
}
END_TEST

/* --- one token, many threads ---------------------------------------------------------------------
 */

#define THREADS 16
#define TOKENS  200

struct prize {
	hf_pool *pool;
	int threads, rounds;
	pthread_barrier_t start, end;
	hf_token token, next;
	atomic_int at_the_line, winners, losers;
};

/* Two can start within the same instant: each has a processor. */
static void line_up(struct prize *z, int round)
{
	pthread_barrier_wait(&z->start);
	if (z->threads > 2)
		return;
	atomic_fetch_add(&z->at_the_line, 1);
	while (atomic_load(&z->at_the_line) < z->threads * (round + 1))
		;
}

/* Who wins parks it again at once: the others still hold its old token. */
static void *compete(void *arg)
{
	struct prize *z = arg;

	for (int i = 0; i < z->rounds; i++) {
		hf_error *why = NULL;
		hf_txn *t = NULL;

		line_up(z, i);
		if (hf_txn_resume(z->pool, z->token.text, &t, &why) == HF_OK) {
			atomic_fetch_add(&z->winners, 1);
			park_it(&t, 0, &z->next);
		} else if (hf_error_status(why) == HF_E_TXN_ENDED &&
			   strstr(hf_error_message(why), "has been resumed already")) {
			atomic_fetch_add(&z->losers, 1);
		}
		hf_error_unref(why);
		pthread_barrier_wait(&z->end);
	}
	return NULL;
}

static void award(struct prize *z)
{
	z->token = z->next;
	atomic_store(&z->winners, 0);
	atomic_store(&z->losers, 0);
	pthread_barrier_wait(&z->start);
	pthread_barrier_wait(&z->end);
	ck_assert_int_eq(atomic_load(&z->winners), 1);
	ck_assert_int_eq(atomic_load(&z->losers), z->threads - 1);
}

static void contest(int threads, int rounds)
{
	struct prize z = {
		.pool = t_pool(HF_POOL_OPTS(.max_conns = 2)), .threads = threads, .rounds = rounds
	};
	hf_txn *t = hf_txn_begin(z.pool, NULL);
	pthread_t ids[THREADS];

	pthread_barrier_init(&z.start, NULL, (unsigned)threads + 1);
	pthread_barrier_init(&z.end, NULL, (unsigned)threads + 1);
	t_done(hf_txn_query(t, "select 1"));
	park_it(&t, 0, &z.next);
	for (int i = 0; i < threads; i++)
		ck_assert_int_eq(pthread_create(&ids[i], NULL, compete, &z), 0);
	for (int i = 0; i < rounds; i++)
		award(&z);
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	t = park_resume(z.pool, &z.next);
	ck_assert_int_eq(t_int(hf_txn_query(t, "select 42")), 42);
	hf_txn_unref(t);
	ck_assert_uint_eq(t_stats(z.pool).parks, (uint64_t)rounds + 1);
	ck_assert_uint_eq(t_stats(z.pool).resumes, (uint64_t)rounds + 1);
	pthread_barrier_destroy(&z.start);
	pthread_barrier_destroy(&z.end);
	t_close(z.pool);
}

START_TEST(test_sixteen_resumers)
{
	contest(THREADS, TOKENS);
}
END_TEST

START_TEST(test_two_resumers)
{
	contest(2, 2000);
}
END_TEST

/* --- a bag of tokens -----------------------------------------------------------------------------
 */

#define TXNS 8

struct bag {
	hf_pool *pool;
	pthread_mutex_t lock;
	hf_token tokens[TXNS];
	int n;
	atomic_long updates, own, others;
};

static bool take(struct bag *b, hf_token *out)
{
	bool any;

	pthread_mutex_lock(&b->lock);
	any = b->n > 0;
	if (any) {
		*out = b->tokens[0];
		b->tokens[0] = b->tokens[--b->n];
	}
	pthread_mutex_unlock(&b->lock);
	return any;
}

static void put(struct bag *b, const hf_token *token)
{
	pthread_mutex_lock(&b->lock);
	b->tokens[b->n++] = *token;
	pthread_mutex_unlock(&b->lock);
}

static void *juggle(void *arg)
{
	struct bag *b = arg;
	hf_token token;

	for (int i = 0; i < TOKENS; i++) {
		hf_txn *t;

		while (!take(b, &token))
			t_sleep_ms(1);
		t = park_resume(b->pool, &token);
		atomic_fetch_add(&b->others, 1);
		if (i % 4 == 0) {
			t_done(hf_txn_query(t, "update counts set n = n + 1 where id = "
					       "current_setting('park.id')::int"));
			atomic_fetch_add(&b->updates, 1);
		}
		if (i % 3 == 0) {
			hf_token mine;

			park_it(&t, 0, &mine);
			t = park_resume(b->pool, &mine);
			atomic_fetch_add(&b->own, 1);
		}
		park_it(&t, 0, &token);
		put(b, &token);
	}
	return NULL;
}

static void fill(struct bag *b)
{
	for (int i = 0; i < TXNS; i++) {
		hf_txn *t = hf_txn_begin(b->pool, NULL);

		t_done(hf_txn_query(t, "select set_config('park.id', $1, true)", i));
		park_it(&t, 0, &b->tokens[b->n++]);
	}
}

static bool all_expired(void *p)
{
	return t_stats(p).expired == TXNS / 2;
}

START_TEST(test_crowd)
{
	struct bag b = { .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t threads[THREADS];
	hf_pool_stats s;
	hf_token token;

	free(t_psql("create table counts (id int primary key, n int);"
		    "insert into counts select i, 0 from generate_series(0, 7) i"));
	b.pool = t_pool(HF_POOL_OPTS(.max_conns = 12));
	fill(&b);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, juggle, &b), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(b.n, TXNS);
	for (int i = 0; i < TXNS; i++) {
		hf_txn *t = park_resume(b.pool, &b.tokens[i]);

		t_done(hf_txn_commit_chain(t));
		if (i % 2 == 0)
			park_it(&t, 1, &token);
		hf_txn_unref(t);
	}
	ck_assert(t_wait_until(all_expired, b.pool, 10000));
	ck_assert_int_eq(t_psql_int("select sum(n) from counts"), atomic_load(&b.updates));
	t_wait_idle(b.pool, t_stats(b.pool).conns);
	s = t_stats(b.pool);
	ck_assert_uint_eq(s.resumes, (uint64_t)(b.own + b.others + TXNS));
	ck_assert_uint_eq(s.parks, s.resumes + s.expired);
	ck_assert_int_eq(atomic_load(&b.others), THREADS * TOKENS);
	t_close(b.pool);
}
END_TEST

/* --- without memory ------------------------------------------------------------------------------
 */

/* Fails one allocation after the other, `count` at a time: the handle stays where it is not parked,
 * and who was parked can be resumed, whatever there is. */
static void sweep(long count)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	hf_txn *t = hf_txn_begin(p, NULL);
	long failed = 0, n;
	bool reached = true;

	t_done(hf_txn_query(t, "update test_values set val2 = val2 + 1"));
	for (n = 0; reached; n++) {
		hf_token token;
		hf_status st;

		ck_assert_int_lt(n, 100);
		hf__mem_fail(n, count);
		st = hf_txn_park(&t, 0, &token, NULL);
		reached = hf__mem_seen() > n;
		hf__mem_fail(0, 0);
		failed += st != HF_OK;
		if (st == HF_OK) {
			ck_assert_ptr_null(t);
			hf__mem_fail(0, -1);
			st = hf_txn_resume(p, token.text, &t, NULL);
			hf__mem_fail(0, 0);
			ck_assert_int_eq(st, HF_OK);
			hf_error_unref(park_gone(
				p, token.text, HF_E_TXN_ENDED, "has been resumed already"));
		} else {
			ck_assert_int_eq(st, HF_E_NOMEM);
		}
		ck_assert_ptr_nonnull(t);
		ck_assert_int_eq(t_int(hf_txn_query(t, "select 42")), 42);
	}
	ck_assert_int_gt(failed, 1);
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	t_close(p);
}

START_TEST(test_no_memory)
{
	park_table();
	sweep(1);
	sweep(-1);
	ck_assert_int_eq(park_value(), 1002);
}
END_TEST

T_MAIN("park_race",
	{ "K1 api-T6 resumed at the instant of expiry: one of two", test_resume_at_expiry, 120 },
	{ "K1 api-T11 committed at the instant of expiry: one of two", test_commit_at_expiry, 120 },
	{ "K1 promise-H16 of 16 that resume a token one wins", test_sixteen_resumers, 60 },
	{ "K1 of two resumers one wins, and parks it anew", test_two_resumers, 60 },
	{ "K1 promise-H16 16 threads pass transactions around", test_crowd, 120 },
	{ "K1 a park that fails for memory loses nothing", test_no_memory, 0 })
