/* SPDX-License-Identifier: MIT */
/* The end of a scope with several engines: one commit, in one phase and in two, with what is no
 * database; and what a failure leaves. */
#include "engines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hf_engines *both(bool two_phase)
{
	hf_engines *e = hf_engines_new();
	hf_pool_opts o = *HF_POOL_OPTS(.max_conns = 2, .two_phase = two_phase);

	t_engines();
	ck_assert_int_eq(
		hf_engines_open(e, "writer", t_dsn(), HF_ENGINE_OPTS(.pool = &o), NULL), HF_OK);
	ck_assert_int_eq(
		hf_engines_open(e, "bank", t_bank_dsn(), HF_ENGINE_OPTS(.pool = &o), NULL), HF_OK);
	return e;
}

static void close_all(hf_engines *e)
{
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}

static hf_future *add(hf_scope *s, const char *engine, int id)
{
	return hf_session_query(
		hf_scope_session(s, engine), "insert into part values ($1, 'x')", id);
}

/* † zope.sqlalchemy: testTwoEngines, testTwoPhase; pyramid_sqlassist: the writer's commit. */
START_TEST(test_two_engines)
{
	for (int two = 0; two < 2; two++) {
		hf_engines *e = both(two);
		hf_scope *s = hf_scope_new(e, HF_SCOPE_OPTS(.label = "order", .two_phase = two));
		hf_error *why;

		t_done(add(s, "writer", 1));
		t_done(add(s, "bank", 1));
		ck_assert_int_eq(t_parts(), 0);
		if (hf_scope_commit(s, &why) != HF_OK)
			ck_abort_msg("%s", hf_error_message(why));
		ck_assert_int_eq(t_parts(), 101);
		ck_assert_int_eq(t_prepared(), 0);
		t_done(add(s, "writer", 2)); /* and it goes on */
		ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
		t_done(add(s, "bank", 2));
		hf_scope_unref(s);
		ck_assert_int_eq(t_parts(), 201);
		close_all(e);
	}
}
END_TEST

/* One view of the data beside what is prepared: on pools with .two_phase, and without. */
START_TEST(test_snapshot_in_two_phases)
{
	hf_engines *e = both(true);
	hf_scope *s = hf_scope_new(e, HF_SCOPE_OPTS(.two_phase = true));
	hf_session *view[2];
	hf_error *why;

	for (int i = 0; i < 2; i++) {
		hf_pool_opts o = *HF_POOL_OPTS(.two_phase = i);

		ck_assert_int_eq(
			hf_engines_open(e, i ? "view1" : "view0", t_dsn(),
				HF_ENGINE_OPTS(.mode = HF_MODE_SNAPSHOT, .pool = &o), &why),
			HF_OK);
		view[i] = hf_scope_session(s, i ? "view1" : "view0");
		ck_assert_int_eq(t_int(hf_session_query(view[i], "select count(*) from part")), 0);
	}
	t_done(add(s, "writer", 1));
	t_done(add(s, "bank", 1));
	if (hf_scope_commit(s, &why) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
	ck_assert_int_eq(t_parts(), 101);
	/* One that has a number counts as one that wrote, and cannot be prepared there. */
	t_done(hf_session_query(view[0], "select pg_current_xact_id()"));
	ck_assert_int_eq(hf_scope_commit(s, &why), HF_E_MISUSE);
	t_says(why, "prepares no transactions");
	hf_error_unref(why);
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* † zope.sqlalchemy: testFailedJoin, testAbortAfterCommit: failed until it is rolled back. */
START_TEST(test_failed_until_rollback)
{
	hf_engines *e = both(false);
	hf_scope *s = hf_scope_new(e, HF_SCOPE_OPTS(.label = "order"));
	hf_error *why;

	t_done(add(s, "writer", 1));
	t_done(add(s, "bank", 1));
	t_failed(add(s, "bank", 1), HF_E_SQL);
	ck_assert_int_eq(hf_scope_commit(s, &why), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(why), "23505");
	t_says(why, "scope \"order\" was rolled back: engine \"bank\": ");
	t_says(why, "; call hf_scope_rollback to go on");
	hf_error_unref(why);
	t_failed(add(s, "writer", 2), HF_E_TXN_ENDED);
	ck_assert_int_eq(hf_scope_commit(s, &why), HF_E_TXN_ENDED);
	hf_error_unref(why);
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	ck_assert_int_eq(t_parts(), 0);
	t_done(add(s, "writer", 3));
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	ck_assert_int_eq(t_parts(), 100);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* The same where a statement could not begin: also for engines that have no transaction yet. */
START_TEST(test_lost_until_rollback)
{
	hf_engines *e = both(false);
	hf_scope *s = hf_scope_new(e, HF_SCOPE_OPTS(.label = "order"));

	t_done(add(s, "writer", 1));
	t_failed(add(s, "nope", 1), HF_E_MISUSE);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_E_MISUSE);
	t_failed(add(s, "writer", 2), HF_E_TXN_ENDED);
	t_failed(add(s, "bank", 2), HF_E_TXN_ENDED);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_E_TXN_ENDED);
	ck_assert_int_eq(t_parts(), 0);
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	t_done(add(s, "bank", 3));
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	ck_assert_int_eq(t_parts(), 1);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

static void refused(hf_future *f, const char *text)
{
	t_says(t_fails(f, HF_E_MISUSE), text);
	hf_future_unref(f);
}

/* † zope.sqlalchemy: testSessionCommitDisallowed, testSessionSavepointCommitAllowed, testSavepoint.
 */
START_TEST(test_session_commit_disallowed)
{
	hf_engines *e = both(false);
	hf_scope *s = hf_scope_new(e, NULL);
	hf_pool *p = hf_session_pool(hf_writer(s));
	hf_txn *t = hf_session_txn(hf_writer(s));
	char *holders;

	t_done(add(s, "writer", 1));
	holders = hf_pool_holders(p); /* where it was begun is here, not in the library */
	ck_assert_msg(strstr(holders, "(test_scope_commit.c:") != NULL ||
			      strstr(holders, "/test_scope_commit.c:") != NULL,
		"%s", holders);
	free(holders);
	refused(hf_txn_commit(t), "on the transaction of a session: hf_scope_commit ends it");
	t_done(hf_txn_savepoint(t, "a"));
	t_done(add(s, "writer", 2));
	t_done(hf_txn_rollback_to(t, "a"));
	t_done(add(s, "writer", 3));
	t_done(hf_txn_release(t, "a"));
	ck_assert_int_eq(t_parts(), 0);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	ck_assert_int_eq(t_psql_int("select sum(id) from part"), 4);
	refused(hf_session_query(hf_writer(s), "commit"),
		"use hf_scope_commit or hf_scope_rollback");
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

static void note_finish(void *arg)
{
	strcat(arg, "commit ");
}

static void note_abort(void *arg)
{
	strcat(arg, "abort ");
}

/* † pyramid_sqlassist: test_tm__not_enabled, test_tm__enabled_valid__commit and
 * test_tm__enabled_valid__abort. */
START_TEST(test_tm__enabled_valid__commit)
{
	hf_engines *e = both(false);
	hf_scope *s = hf_scope_new(e, NULL);
	char story[64] = "";
	const hf_participant mail = { .struct_size = sizeof mail,
		.name = "mail",
		.finish = note_finish,
		.abort = note_abort,
		.arg = story };

	t_done(add(s, "writer", 1));
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	ck_assert_str_eq(story, "");
	t_done(add(s, "writer", 2));
	ck_assert_int_eq(hf_scope_join(s, &mail), HF_OK);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	ck_assert_str_eq(story, "commit ");
	ck_assert_int_eq(hf_scope_join(s, &mail), HF_OK);
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	ck_assert_str_eq(story, "commit abort ");
	ck_assert_int_eq(hf_scope_join(s, &mail), HF_OK);
	hf_scope_unref(s);
	ck_assert_str_eq(story, "commit abort abort ");
	ck_assert_int_eq(t_parts(), 200);
	close_all(e);
}
END_TEST

/* Reads go to what is assigned, writes stay; a name says more than a role. */
START_TEST(test_routing)
{
	hf_engines *e = both(false);
	hf_scope *s;
	char *shop = t_psql("select current_database()");

	ck_assert_int_eq(
		hf_engines_open(e, "master", t_dsn(), HF_ENGINE_OPTS(.is_default = true), NULL),
		HF_OK);
	for (int i = 0; i < 2; i++) {
		hf_result *res;
		hf_error *why;

		s = hf_scope_new(e, NULL);
		if (hf_session_fetch(hf_reader(s), &res, &why, "select current_database()") !=
			HF_OK)
			ck_abort_msg("%s", hf_error_message(why));
		ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), 0), i ? "holdfast_bank" : shop);
		hf_result_unref(res);
		/* is_write=0, pool='master' */
		ck_assert_int_eq(t_int(hf_session_query(hf_scope_session(s, "master"),
					 "select (current_database() = $1)::int", shop)),
			1);
		t_failed(add(s, "reader", 9), HF_E_SQL);
		t_done(add(s, "writer", i));
		t_done(add(s, "master", 10 + i));
		ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
		ck_assert_int_eq(t_parts(), (i + 1) * 200);
		hf_scope_unref(s);
		ck_assert_int_eq(hf_engines_assign(e, "reader", "bank", NULL), HF_OK);
	}
	free(shop);
	close_all(e);
}
END_TEST

/* One engine by three names: one transaction, on one connection. */
START_TEST(test_names_of_one)
{
	hf_engines *e = hf_engines_new();
	hf_scope *s = hf_scope_new(e, NULL);
	hf_pool_opts o = *HF_POOL_OPTS(.max_conns = 1);
	const char *const names[] = { "writer", NULL, "main" };
	hf_pool *p;

	t_engines();
	ck_assert_int_eq(hf_engines_open(e, "main", t_dsn(),
				 HF_ENGINE_OPTS(.pool = &o, .is_default = true), NULL),
		HF_OK);
	for (int i = 0; i < 3; i++) {
		t_done(add(s, names[i], i));
		ck_assert_int_eq(t_int(hf_session_query(hf_scope_session(s, names[i]),
					 "select count(*) from part")),
			i + 1);
	}
	ck_assert_int_eq(t_parts(), 0);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	ck_assert_int_eq(t_parts(), 300);
	hf_scope_unref(s);
	p = hf_engines_get(e, "main", NULL);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	hf_pool_unref(p);
	close_all(e);
}
END_TEST

static hf_status ends_all(void *scope)
{
	ck_assert_int_eq(hf_scope_commit(scope, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_scope_rollback(scope), HF_E_MISUSE);
	ck_assert_int_eq(hf_scope_end(scope), HF_E_MISUSE);
	return HF_OK;
}

static void ends_all_at_last(void *scope)
{
	ck_assert_int_eq(ends_all(scope), HF_OK);
}

START_TEST(test_participant_ends)
{
	for (int commits = 0; commits < 2; commits++) {
		hf_engines *e = both(false);
		hf_scope *s = hf_scope_new(e, NULL);

		t_done(add(s, "writer", 1));
		ck_assert_int_eq(
			hf_scope_join(
				s, HF_PARTICIPANT(.arg = s, .begin = ends_all, .vote = ends_all,
					   .finish = ends_all_at_last, .abort = ends_all_at_last)),
			HF_OK);
		if (commits)
			ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
		else
			ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
		ck_assert_int_eq(t_parts(), 100 * commits);
		ck_assert_int_eq(hf_scope_end(s), HF_OK);
		hf_scope_unref(s);
		close_all(e);
	}
}
END_TEST

static hf_status fetch_inside(hf_conn *c, void *session, hf_reply *reply)
{
	(void)c;
	(void)reply;
	ck_assert_int_eq(hf_session_fetch(session, NULL, NULL, "insert into part values (7, 'x')"),
		HF_E_DEADLOCK);
	return HF_OK;
}

/* What nobody can wait for has not run. */
START_TEST(test_fetch_on_a_worker)
{
	hf_engines *e = both(false);
	hf_scope *s = hf_scope_new(e, NULL);
	hf_session *w = hf_writer(s);
	hf_pool *p = hf_engines_get(e, "writer", NULL);

	t_done(add(s, "writer", 1));
	t_done(hf_submit(p, HF_JOB(.fn = fetch_inside, .arg = w)));
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	ck_assert_int_eq(t_parts(), 100);
	hf_scope_unref(s);
	hf_pool_unref(p);
	close_all(e);
}
END_TEST

static void prepared_at_most(int n)
{
	char sql[100];

	snprintf(sql, sizeof sql, "alter system set max_prepared_transactions = %d", n);
	free(t_psql(sql));
	ck_assert(t_pgctl("restart fast"));
	ck_assert_int_eq(t_psql_int("select setting::int from pg_settings where name = "
				    "'max_prepared_transactions'"),
		n);
}

/* The pools allow it, and the server does not: the commit says so, and all is rolled back. */
START_TEST(test_two_phase_disabled)
{
	hf_engines *e;
	hf_scope *s;
	hf_error *why;

	t_need_pgctl();
	prepared_at_most(0);
	e = both(true);
	s = hf_scope_new(e, HF_SCOPE_OPTS(.label = "order", .two_phase = true));
	t_done(add(s, "writer", 1));
	t_done(add(s, "bank", 1));
	ck_assert_int_eq(hf_scope_commit(s, &why), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(why), "55000");
	t_says(why, "prepared transactions are disabled");
	ck_assert(!hf_error_is(why, HF_MAYBE_COMMITTED | HF_RETRYABLE));
	hf_error_unref(why);
	ck_assert_int_eq(t_parts(), 0);
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	t_done(add(s, "writer", 2));
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_E_SQL);
	hf_scope_unref(s);
	s = hf_scope_new(e, NULL); /* in one phase it goes */
	t_done(add(s, "writer", 3));
	t_done(add(s, "bank", 3));
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	hf_scope_unref(s);
	ck_assert_int_eq(t_parts(), 101);
	close_all(e);
	prepared_at_most(10);
}
END_TEST

T_MAIN("scope_commit",
	{ "D27 D28 one commit over two engines, in one phase and in two", test_two_engines, 0 },
	{ "F25 an engine of one view in a scope of two phases", test_snapshot_in_two_phases, 0 },
	{ "F14 a commit that failed, until it is rolled back", test_failed_until_rollback, 0 },
	{ "F14 what could not begin fails the commit, until it is rolled back",
		test_lost_until_rollback, 0 },
	{ "a session's transaction is ended by its scope alone", test_session_commit_disallowed,
		0 },
	{ "F9 names of one engine share its transaction", test_names_of_one, 0 },
	{ "a participant cannot end the scope that it is in", test_participant_ends, 0 },
	{ "a statement that nobody could wait for does not run", test_fetch_on_a_worker, 0 },
	{ "F25 two phases where the server prepares nothing", test_two_phase_disabled, 60 },
	{ "F25 what is no database takes part", test_tm__enabled_valid__commit, 0 },
	{ "C1 C2 reads are routed while it runs, and a name wins", test_routing, 0 })
