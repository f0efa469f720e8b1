/* SPDX-License-Identifier: MIT */
/* hf_transact whose COMMIT is lost and stays unknown: run again only where that was allowed,
 * whatever else the function met before. */
#include "commit_fate.h"

#include <holdfast/txn.h>

#include <stdatomic.h>

static atomic_int bodies, mails;

static void mail(void *arg)
{
	(void)arg;
	atomic_fetch_add(&mails, 1);
}

static hf_status write_one(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	atomic_fetch_add(&bodies, 1);
	if (hf_conn_on_commit(c, mail, NULL, NULL) != HF_OK)
		return HF_E_NOMEM;
	return hf_conn_query(c, NULL, "insert into fates values ($1)", *(int *)arg);
}

/* Swallows a conflict inside of a savepoint, and goes on. */
static hf_status write_after_conflict(hf_conn *c, void *arg, hf_reply *reply)
{
	static const char conflict[] =
		"do $$ begin raise exception 'made up' using errcode = '40P01'; end $$";

	ck_assert_int_eq(hf_conn_savepoint(c, "before"), HF_OK);
	ck_assert_int_eq(hf_conn_query(c, NULL, conflict), HF_E_SQL);
	ck_assert_int_eq(hf_conn_rollback_to(c, "before"), HF_OK);
	return write_one(c, arg, reply);
}

/* Its first COMMIT is done by the server, and nobody hears of it: FAST asks for no number. */
static hf_future *lose_first_commit(hf_pool *p, hf_fn *fn, int *id, bool idempotent)
{
	hf_future *f;

	atomic_store(&bodies, 0);
	atomic_store(&mails, 0);
	t_proxy_arm(T_CUT_ANSWER, "COMMIT", 0);
	f = hf_transact(p, HF_RETRY(.idempotent = idempotent),
		HF_JOB(.fn = fn, .arg = id, .outcome = HF_OUTCOME_FAST));
	t_proxy_await();
	return f;
}

START_TEST(test_not_again)
{
	hf_fn *const fns[] = { write_one, write_after_conflict };
	hf_pool *p;

	fresh_table();
	p = t_pool_on(t_proxy_dsn(), WITH_PROXY(.strict = true));
	for (int id = 0; id < 2; id++) {
		hf_future *f = lose_first_commit(p, fns[id], &id, false);
		const hf_error *e = t_fails(f, HF_E_CONN_LOST);

		ck_assert(hf_error_is(e, HF_MAYBE_COMMITTED) && !hf_error_is(e, HF_RETRYABLE));
		hf_future_unref(f);
		ck_assert_int_eq(atomic_load(&bodies), 1);
		ck_assert_int_eq(atomic_load(&mails), 0);
		ck_assert_int_eq(fates(id), 1);
	}
	t_close(p);
}
END_TEST

START_TEST(test_again)
{
	int id = 7;
	hf_pool *p;

	fresh_table();
	p = t_pool_on(t_proxy_dsn(), WITH_PROXY(.strict = true));
	t_done(lose_first_commit(p, write_one, &id, true));
	ck_assert_int_eq(atomic_load(&bodies), 2);
	ck_assert_int_eq(atomic_load(&mails), 1);
	ck_assert_int_eq(fates(id), 2); /* twice, as was allowed */
	t_close(p);
}
END_TEST

/* By default it is asked after, and known: once is enough. */
START_TEST(test_resolved)
{
	int id = 9;
	hf_pool *p;

	fresh_table();
	atomic_store(&bodies, 0);
	atomic_store(&mails, 0);
	p = t_pool_on(t_proxy_dsn(), WITH_PROXY(.strict = true));
	t_proxy_arm(T_CUT_ANSWER, "COMMIT", 0);
	t_done(hf_transact(p, NULL, HF_JOB(.fn = write_one, .arg = &id)));
	ck_assert_int_eq(atomic_load(&bodies), 1);
	ck_assert_int_eq(atomic_load(&mails), 1);
	ck_assert_int_eq(fates(id), 1);
	t_close(p);
}
END_TEST

T_MAIN("transact_lost",
	{ "api-T14 promise-H3 an unknown COMMIT is not run again", test_not_again, 0 },
	{ "api-T14 what is idempotent is run again", test_again, 0 },
	{ "api-T14 promise-H5 a lost COMMIT is found, and its hooks run", test_resolved, 0 })
