/* SPDX-License-Identifier: MIT */
/* The link is cut at each byte of the exchange that commits, in both directions: what the client
 * then claims is compared with what the server has. */
#include "fixture.h"
#include "proxy.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ID 1000000000 /* all of one length */
#define MAX_CUTS 4000

/* How one row comes to be committed. `arm` is called right before the exchange that is to be cut.
 */
struct round {
	hf_pool *pool;
	int id;
	hf_txn *t; /* made by it; NULL: none */
	atomic_int hooks;
	enum t_proxy_act act;
	size_t n;
};

struct way {
	const char *name, *trigger;
	hf_future *(*run)(struct round *r, const struct way *w);
	bool hooked;  /* the round has a hook */
	bool unknown; /* it may stay unknown */
	bool writes;
};

enum claim { COMMITTED, ROLLED_BACK, UNKNOWN };

/* What was claimed of which row. */
static struct {
	int id;
	enum claim claim;
} told[MAX_CUTS];
static int n_told, n_of[3];

static void arm(const struct round *r, const struct way *w)
{
	t_proxy_arm(r->act, w->trigger, r->n);
}

static void hook(void *arg)
{
	atomic_fetch_add(&((struct round *)arg)->hooks, 1);
}

/* --- the ways --- */

static hf_future *two_trips(struct round *r, const struct way *w)
{
	r->t = hf_txn_begin(r->pool, NULL);
	t_done(hf_txn_query(r->t, "insert into cuts values ($1)", r->id));
	ck_assert_int_eq(hf_txn_on_commit(r->t, hook, r, NULL), HF_OK);
	arm(r, w);
	return hf_txn_commit(r->t);
}

/* The number is known from the first trip, so that COMMIT travels with the last statement. */
static hf_future *one_trip(struct round *r, const struct way *w)
{
	r->t = hf_txn_begin(r->pool, NULL);
	t_done(hf_txn_query(r->t, "insert into cuts values ($1)", r->id));
	ck_assert_int_eq(hf_txn_on_commit(r->t, hook, r, NULL), HF_OK);
	arm(r, w);
	return hf_txn_query_with(
		r->t, HF_QUERY_OPTS(.then = HF_THEN_COMMIT), "select 'the last of it'");
}

/* BEGIN, the statement and COMMIT. */
static hf_future *fast(struct round *r, const struct way *w)
{
	r->t = hf_txn_begin(r->pool, HF_TXN_OPTS(.outcome = HF_OUTCOME_FAST));
	ck_assert_int_eq(hf_txn_on_commit(r->t, hook, r, NULL), HF_OK);
	arm(r, w);
	return hf_txn_query_with(
		r->t, HF_QUERY_OPTS(.then = HF_THEN_COMMIT), "insert into cuts values ($1)", r->id);
}

static hf_status insert_one(hf_conn *c, void *arg, hf_reply *reply)
{
	struct round *r = arg;
	hf_status st = hf_conn_query(c, NULL, "insert into cuts values ($1)", r->id);

	(void)reply;
	return st == HF_OK ? hf_conn_on_commit(c, hook, r, NULL) : st;
}

static hf_future *interaction(struct round *r, const struct way *w)
{
	arm(r, w);
	return hf_submit(r->pool, HF_JOB(.fn = insert_one, .arg = r));
}

static hf_status read_one(hf_conn *c, void *arg, hf_reply *reply)
{
	struct round *r = arg;

	(void)reply;
	return hf_conn_query(c, NULL, "select count(*) from cuts where id = $1", r->id);
}

static hf_future *reader(struct round *r, const struct way *w)
{
	arm(r, w);
	return hf_submit(r->pool, HF_JOB(.fn = read_one, .arg = r));
}

static hf_future *single(struct round *r, hf_outcome outcome, const struct way *w)
{
	arm(r, w);
	return hf_query_with(
		r->pool, HF_QUERY_OPTS(.outcome = outcome), "insert into cuts values ($1)", r->id);
}

static hf_future *resolved(struct round *r, const struct way *w)
{
	return single(r, HF_OUTCOME_RESOLVED, w);
}

static hf_future *plain(struct round *r, const struct way *w)
{
	return single(r, HF_OUTCOME_DEFAULT, w);
}

/* --- what is said, and what is so --- */

/* Of the three, one and no more. */
static enum claim claim_of(hf_future *f)
{
	hf_status st = hf_future_get_for(f, 30000 * t_slow(), NULL);
	const hf_error *e = hf_future_error(f);
	bool done = st == HF_OK || hf_error_is(e, HF_COMMITTED);
	bool undone = hf_error_is(e, HF_RETRYABLE);
	bool maybe = hf_error_is(e, HF_MAYBE_COMMITTED);

	if (st == HF_PENDING || done + undone + maybe != 1)
		ck_abort_msg("%s, traits %d%d%d: %s", hf_status_name(st), done, undone, maybe,
			hf_error_message(e));
	return done ? COMMITTED : undone ? ROLLED_BACK : UNKNOWN;
}

static long long rows_of(int id)
{
	char sql[80];

	snprintf(sql, sizeof sql, "select count(*) from cuts where id = %d", id);
	return t_psql_int(sql);
}

static void compare(struct round *r, const struct way *w, enum claim claim)
{
	static const hf_txn_state state[] = { HF_TXN_COMMITTED, HF_TXN_ROLLED_BACK,
		HF_TXN_UNKNOWN };
	long long rows = rows_of(r->id);

	if (claim == COMMITTED && w->writes)
		ck_assert_int_eq(rows, 1);
	if (claim == ROLLED_BACK)
		ck_assert_int_eq(rows, 0);
	ck_assert_int_le(rows, 1);
	ck_assert(claim != UNKNOWN || w->unknown);
	if (r->t)
		ck_assert_int_eq(hf_txn_get_state(r->t), state[claim]);
	if (w->hooked)
		ck_assert_int_eq(atomic_load(&r->hooks), claim == COMMITTED);
	ck_assert_int_lt(n_told, MAX_CUTS);
	told[n_told].id = r->id;
	told[n_told++].claim = w->writes ? claim : ROLLED_BACK;
	n_of[claim]++;
}

static struct t_exchange cut(hf_pool *p, const struct way *w, enum t_proxy_act act, size_t n)
{
	struct round r = { .pool = p, .id = FIRST_ID + n_told, .act = act, .n = n };
	hf_future *f = w->run(&r, w);
	struct t_exchange seen = t_proxy_await();

	compare(&r, w, claim_of(f));
	hf_future_unref(f);
	hf_txn_unref(r.t);
	return seen;
}

static long long stored_of(enum claim claim)
{
	char *sql = malloc(MAX_CUTS * 12 + 100);
	size_t n = 0;
	long long rows;

	ck_assert_ptr_nonnull(sql);
	n += (size_t)sprintf(sql, "select count(*) from cuts where id in (0");
	for (int i = 0; i < n_told; i++)
		if (told[i].claim == claim)
			n += (size_t)sprintf(sql + n, ",%d", told[i].id);
	sprintf(sql + n, ")");
	rows = t_psql_int(sql);
	free(sql);
	return rows;
}

/* Whatever was still under way has ended. */
static void compare_all(const struct way *w)
{
	t_wait_backends(0);
	ck_assert_int_eq(stored_of(ROLLED_BACK), 0);
	if (w->writes)
		ck_assert_int_eq(stored_of(COMMITTED), n_of[COMMITTED]);
	ck_assert_int_eq(t_psql_int("select count(*) - count(distinct id) from cuts"), 0);
}

static void cut_all(const struct way *w)
{
	struct t_exchange whole;
	hf_pool *p;

	free(t_psql("set client_min_messages to warning; drop table if exists cuts;"
		    "create table cuts (id int)"));
	p = t_pool_on(t_proxy_dsn(), HF_POOL_OPTS(.max_conns = 1, .max_statements = HF_NONE));
	whole = cut(p, w, T_MEASURE, 0);
	ck_assert_uint_gt(whole.request, 0);
	ck_assert_uint_gt(whole.answer, 0);
	for (size_t n = 0; n <= whole.request; n++)
		ck_assert_uint_eq(cut(p, w, T_CUT_REQUEST, n).request, whole.request);
	for (size_t n = 0; n <= whole.answer; n++)
		ck_assert_uint_eq(cut(p, w, T_CUT_ANSWER, n).answer, whole.answer);
	printf("# %s: %d cuts (%zu bytes there, %zu back): %d committed, %d rolled back, "
	       "%d unknown\n",
		w->name, n_told - 1, whole.request, whole.answer, n_of[COMMITTED] - 1,
		n_of[ROLLED_BACK], n_of[UNKNOWN]);
	fflush(stdout);
	ck_assert_int_eq(t_stats(p).outcomes_unknown > 0, w->unknown && w->hooked);
	t_wait_idle(p, 1);
	t_close(p);
	compare_all(w);
}

START_TEST(test_two_trips)
{
	cut_all(&(struct way){ "two trips", "COMMIT", two_trips, true, false, true });
}
END_TEST

START_TEST(test_one_trip)
{
	cut_all(&(struct way){ "one trip, number known", "COMMIT", one_trip, true, false, true });
}
END_TEST

START_TEST(test_interaction)
{
	cut_all(&(struct way){ "interaction", "COMMIT", interaction, true, false, true });
}
END_TEST

/* Unknown is what was asked for; but never a wrong claim. */
START_TEST(test_fast)
{
	cut_all(&(struct way){ "one trip, fast", "COMMIT", fast, true, true, true });
	ck_assert_int_gt(n_of[UNKNOWN], 0);
}
END_TEST

START_TEST(test_reader)
{
	cut_all(&(struct way){ "nothing written", "COMMIT", reader, false, false, false });
}
END_TEST

START_TEST(test_single)
{
	cut_all(&(struct way){ "a single query", "insert into cuts", plain, false, true, true });
	ck_assert_int_gt(n_of[UNKNOWN], 0);
}
END_TEST

START_TEST(test_single_resolved)
{
	cut_all(&(struct way){
		"a single query, resolved", "insert into cuts", resolved, false, false, true });
	n_told = n_of[COMMITTED] = n_of[ROLLED_BACK] = 0;
	cut_all(&(struct way){ "its COMMIT", "COMMIT", resolved, false, false, true });
}
END_TEST

T_MAIN("commit_cut",
	{ "K2 promise-H5 rule-71 COMMIT in a trip of its own is cut at each byte", test_two_trips,
		90 },
	{ "K2 promise-H5 rule-71 COMMIT that travels with a statement is cut at each byte",
		test_one_trip, 90 },
	{ "K2 promise-H5 api-T14 an interaction's COMMIT is cut at each byte", test_interaction,
		90 },
	{ "K2 rule-71 api-T14 a fast COMMIT is cut at each byte", test_fast, 90 },
	{ "rule-71 a transaction that wrote nothing is never in doubt", test_reader, 90 },
	{ "rule-72 a single write is cut at each byte", test_single, 90 },
	{ "rule-72 promise-H5 a single write that is to be resolved is cut at each byte",
		test_single_resolved, 120 })
