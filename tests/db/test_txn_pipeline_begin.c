/* SPDX-License-Identifier: MIT */
/* A BEGIN that fails: nothing of what follows it is run on its own. */
#include "journey.h"

#include <dlfcn.h>
#include <libpq-fe.h>
#include <stdatomic.h>

/* Less than N: they do not all fit into one lot. */
#define DEPTH 4

static atomic_int refusals;

/* libholdfast finds this before libpq's own: so many BEGINs are such that the server refuses them.
 */
__attribute__((visibility("default"))) int PQsendQueryPrepared(PGconn *pg, const char *name, int n,
	const char *const *values, const int *lengths, const int *formats, int format)
{
	static int (*real)(
		PGconn *, const char *, int, const char *const *, const int *, const int *, int);

	if (strncmp(name, "hf_BEGIN", 8) == 0 && atomic_load(&refusals) > 0) {
		atomic_fetch_sub(&refusals, 1);
		return PQsendQueryParams(
			pg, "BEGIN ISOLATION LEVEL NONE", 0, NULL, NULL, NULL, NULL, 0);
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "PQsendQueryPrepared");
	return real(pg, name, n, values, lengths, formats, format);
}

/* How the commands find their connection: it is lent to the thread that submits them; another has
 * it, so that they wait together with BEGIN; or an earlier transaction has just ended there. */
enum way { LENT, BUSY, CHAINED, N_WAYS };

static void submit(struct journey *j, hf_pool *p, enum way way, int refuse)
{
	struct t_dam dam;

	memset(j, 0, sizeof *j);
	if (way == BUSY)
		t_dam_shut(&dam, p);
	j->t = hf_txn_begin(p, NULL);
	if (way == CHAINED) {
		t_done(hf_txn_query(j->t, "select 1"));
		t_done(hf_txn_commit_chain(j->t));
	}
	atomic_store(&refusals, refuse);
	for (int i = 0; i < N; i++)
		j->f[i] = hf_txn_query(j->t, INSERT, i);
	j->end = hf_txn_commit(j->t);
	if (way == BUSY)
		t_dam_open(&dam);
}

static void fail_to_begin(int depth, enum way way)
{
	hf_pool *p = pool_with(HF_POOL_OPTS(.max_conns = 1, .max_pipeline = depth, .strict = true));
	struct journey j;

	for (int round = 0; round < 5; round++) {
		submit(&j, p, way, 1);
		for (int i = 0; i < N; i++) {
			ck_assert_str_eq(hf_error_sqlstate(t_fails(j.f[i], HF_E_SQL)), "42601");
			hf_future_unref(j.f[i]);
		}
		t_failed(j.end, HF_E_TXN_ENDED);
		ck_assert_int_eq(hf_txn_get_state(j.t), HF_TXN_ROLLED_BACK);
		hf_txn_unref(j.t);
		ck_assert_int_eq(atomic_load(&refusals), 0);
		t_wait_idle(p, 1);
		ck_assert_int_eq(marks(), 0);
	}
	t_expect_sane(p);
	t_close(p);
}

START_TEST(test_refused)
{
	for (enum way way = LENT; way < N_WAYS; way++) {
		fail_to_begin(DEPTH, way);
		fail_to_begin(T_DEPTH, way);
	}
}
END_TEST

/* The server has lost its prepared text, so it is sent once more; the rest follows that. */
START_TEST(test_sent_again)
{
	hf_pool *p = pool_with(HF_POOL_OPTS(.max_conns = 1, .max_pipeline = DEPTH, .strict = true));
	struct journey j;
	hf_txn *t;

	free(t_psql("create or replace function forget_begin() returns text language plpgsql as "
		    "$$declare n text; begin select name into n from pg_prepared_statements "
		    "where statement ~ '^BEGIN'; execute 'deallocate ' || quote_ident(n); return "
		    "n; end$$"));
	for (enum way way = LENT; way <= BUSY; way++) {
		t = hf_txn_begin(p, NULL);
		t_done(hf_txn_query(t, "select forget_begin()"));
		t_done(hf_txn_commit(t));
		hf_txn_unref(t);
		free(t_psql("delete from marks where n >= 0"));
		submit(&j, p, way, 0);
		for (int i = 0; i < N; i++)
			t_done(j.f[i]);
		t_done(j.end);
		hf_txn_unref(j.t);
		ck_assert_int_eq(marks(), N);
	}
	t_expect_sane(p);
	t_close(p);
}
END_TEST

T_MAIN("txn_pipeline_begin",
	{ "J1 D4 nothing is left of what follows a BEGIN that fails", test_refused, 60 },
	{ "J1 commands behind a BEGIN that is sent once more", test_sent_again, 60 })
