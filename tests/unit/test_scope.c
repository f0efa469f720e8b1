/* SPDX-License-Identifier: MIT */
/* Scopes without a server: what making and asking does not do yet, and what is answered where there
 * is nothing to answer with. */
#include "check_main.h"

#include "base/mem.h"

#include <holdfast.h>

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#define NOWHERE "host=/nonexistent dbname=x"

static const hf_pool_opts lazy = { .struct_size = sizeof lazy, .min_conns = HF_NONE };

static hf_engines *three(void)
{
	static const char *const names[] = { "reader", "writer", "logger" };
	hf_engines *e = hf_engines_new();

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
			hf_engines_open(e, names[i], NOWHERE, HF_ENGINE_OPTS(.pool = &lazy), NULL),
			HF_OK);
	return e;
}

static void close_all(hf_engines *e)
{
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}

/* A statement of this session fails so. */
static void says(hf_session *s, hf_status st, const char *text)
{
	hf_error *why;
	hf_result *res;
	hf_status got = hf_session_fetch(s, &res, &why, "select 1");
	hf_future *f;

	ck_assert_int_eq(got, st);
	ck_assert_ptr_null(res);
	ck_assert_msg(strstr(hf_error_message(why), text) != NULL, "\"%s\" is not in \"%s\"", text,
		hf_error_message(why));
	hf_error_unref(why);
	f = hf_session_query(s, "select 1");
	ck_assert_int_eq(hf_future_get(f, NULL), st);
	hf_future_unref(f);
}

static uint32_t conns(hf_engines *e, const char *name)
{
	hf_pool *p = hf_engines_get(e, name, NULL);
	hf_pool_stats s = { .struct_size = sizeof s };

	hf_pool_get_stats(p, &s);
	hf_pool_unref(p);
	return s.conns + s.connecting + (uint32_t)s.submitted + (uint32_t)s.connects;
}

/* † pyramid_sqlassist: test_initial_state. */
START_TEST(test_initial_state)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);

	ck_assert_int_eq(hf_scope_status(s, "reader"), HF_SESSION_INIT);
	ck_assert_int_eq(hf_scope_status(s, "writer"), HF_SESSION_INIT);
	ck_assert_ptr_nonnull(hf_reader(s));
	ck_assert_ptr_eq(hf_reader(s), hf_reader(s));
	ck_assert_ptr_ne(hf_reader(s), hf_writer(s));
	ck_assert_int_eq(hf_scope_status(s, "reader"), HF_SESSION_INIT);
	ck_assert_ptr_nonnull(hf_session_pool(hf_reader(s)));
	ck_assert_int_eq(conns(e, "reader"), 0);
	ck_assert_int_eq(conns(e, "writer"), 0);
	hf_scope_unref(s);
	ck_assert_int_eq(conns(e, "reader"), 0);
	close_all(e);
}
END_TEST

START_TEST(test_after_the_end)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, HF_SCOPE_OPTS(.label = "POST /close"));
	hf_session *r = hf_reader(s);
	hf_error *why;

	ck_assert_int_eq(hf_scope_end(s), HF_OK);
	ck_assert_int_eq(hf_scope_end(s), HF_OK);
	says(r, HF_E_TXN_ENDED, "scope \"POST /close\" has ended");
	says(hf_writer(s), HF_E_TXN_ENDED, "has ended");
	ck_assert_ptr_null(hf_session_txn(hf_writer(s)));
	ck_assert_ptr_null(hf_session_pool(r));
	ck_assert_int_eq(hf_session_status_of(r), HF_SESSION_INIT);
	ck_assert_int_eq(hf_scope_commit(s, &why), HF_E_TXN_ENDED);
	hf_error_unref(why);
	ck_assert_int_eq(hf_scope_rollback(s), HF_E_TXN_ENDED);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

START_TEST(test_no_such_engine)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);

	says(hf_scope_session(s, "redaer"), HF_E_MISUSE, "did you mean \"reader\"?");
	says(hf_scope_session(s, NULL), HF_E_MISUSE, "there is no default engine");
	says(hf_reader(NULL), HF_E_MISUSE, "the scope is NULL");
	says(NULL, HF_E_MISUSE, "the session is NULL");
	ck_assert_ptr_null(hf_scope_new(NULL, NULL));
	ck_assert_ptr_null(hf_scope_new(e, &(const hf_scope_opts){ .label = "no size" }));
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

START_TEST(test_any_of_none)
{
	static const char *const none[] = { NULL }, *const two[] = { "logger", "writer", NULL };
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, HF_SCOPE_OPTS(.any = none));

	says(hf_scope_any(s), HF_E_MISUSE, "no session is available");
	hf_scope_unref(s);
	s = hf_scope_new(e, HF_SCOPE_OPTS(.any = two));
	ck_assert_ptr_eq(hf_scope_any(s), hf_logger(s));
	hf_scope_unref(s);
	s = hf_scope_new(e, NULL);
	ck_assert_ptr_eq(hf_scope_any(s), hf_reader(s));
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* † pyramid_sqlassist: test_pyramid_setup, test__pyramid_request: a request has its scope, and its
 * sessions lead back to the request. */
START_TEST(test_way_back)
{
	int request = 0;
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, HF_SCOPE_OPTS(.label = "GET /", .user = &request));
	hf_session *r = hf_reader(s);

	ck_assert_ptr_eq(hf_scope_user(hf_session_scope(r)), &request);
	ck_assert_str_eq(hf_scope_label(hf_session_scope(r)), "GET /");
	ck_assert_str_eq(hf_session_engine(r), "reader");
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* An engine that comes after the scope is managed as all others. */
START_TEST(test_late_engine)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);
	hf_session *late = hf_scope_session(s, "audit");
	hf_error *why;
	hf_pool *p;

	says(late, HF_E_MISUSE, "no engine is called \"audit\"");
	ck_assert_int_eq(
		hf_engines_open(e, "audit", NOWHERE, HF_ENGINE_OPTS(.pool = &lazy), NULL), HF_OK);
	p = hf_engines_get(e, "audit", NULL);
	ck_assert_ptr_eq(hf_session_pool(late), p);
	/* What could not begin would be missing. */
	ck_assert_int_eq(hf_scope_commit(s, &why), HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "no engine is called \"audit\""));
	hf_error_unref(why);
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	ck_assert_int_eq(hf_scope_commit(s, &why), HF_OK);
	hf_pool_unref(p);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

START_TEST(test_two_phase_unasked)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, HF_SCOPE_OPTS(.two_phase = true));

	says(hf_writer(s), HF_E_MISUSE, "pool \"writer\" prepares no transactions");
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* A commit that failed is not tried again, and nothing is added to it. */
START_TEST(test_lost_until_rollback)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, HF_SCOPE_OPTS(.label = "order"));
	hf_error *why;

	says(hf_scope_session(s, "audit"), HF_E_MISUSE, "no engine is called \"audit\"");
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_scope_commit(s, &why), HF_E_TXN_ENDED);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "call hf_scope_rollback to go on"));
	hf_error_unref(why);
	says(hf_writer(s), HF_E_TXN_ENDED, "scope \"order\": its commit has failed");
	ck_assert_ptr_null(hf_session_txn(hf_writer(s)));
	ck_assert_int_eq(hf_scope_join(s, HF_PARTICIPANT(.name = "mail")), HF_E_TXN_ENDED);
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	ck_assert_int_eq(hf_scope_join(s, HF_PARTICIPANT(.name = "mail")), HF_OK);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

static void count(void *arg)
{
	++*(int *)arg;
}

/* What lacked memory would be missing: a commit does not pass over it. */
START_TEST(test_nothing_is_missing)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);
	hf_session *w;
	int freed = 0;

	hf__mem_fail(0, -1);
	w = hf_writer(s);
	hf__mem_fail(0, 0);
	ck_assert_ptr_eq(hf_session_scope(w), s);
	says(w, HF_E_NOMEM, "out of memory");
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_E_NOMEM);
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	ck_assert_ptr_ne(hf_writer(s), w);
	hf__mem_fail(0, -1);
	ck_assert_int_eq(
		hf_scope_join(s, HF_PARTICIPANT(.arg = &freed, .free_arg = count)), HF_E_NOMEM);
	hf__mem_fail(0, 0);
	ck_assert_int_eq(freed, 1);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_E_NOMEM);
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* One that was compiled against an older header has no free_arg: what stands there is not its own.
 */
START_TEST(test_participant_of_old)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);
	int freed = 0;
	hf_participant p = {
		.struct_size = offsetof(hf_participant, free_arg), .arg = &freed, .free_arg = count
	};

	ck_assert_int_eq(hf_scope_end(s), HF_OK);
	ck_assert_int_eq(hf_scope_join(s, &p), HF_E_TXN_ENDED);
	ck_assert_int_eq(freed, 0);
	p.struct_size = sizeof p;
	ck_assert_int_eq(hf_scope_join(s, &p), HF_E_TXN_ENDED);
	ck_assert_int_eq(freed, 1);
	ck_assert_int_eq(hf_scope_join(s, NULL), HF_E_TXN_ENDED);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

struct of_thread {
	hf_engines *e;
	hf_scope *first, *again, *anew, *next;
	hf_status commit;
};

static void *ask_scope(void *arg)
{
	struct of_thread *t = arg;

	t->first = hf_thread_scope(t->e);
	t->again = hf_thread_scope(t->e);
	hf_scope_end(t->first);
	t->anew = hf_thread_scope(t->e);
	t->commit = hf_scope_commit(t->anew, NULL);
	hf_thread_scope_end(t->e);
	hf_thread_scope_end(t->e);
	t->next = hf_thread_scope(t->e); /* ends with the thread */
	return t->next;
}

START_TEST(test_threads)
{
	struct of_thread t = { .e = three() };
	hf_scope *mine = hf_thread_scope(t.e);
	pthread_t thread;

	ck_assert_ptr_eq(mine, hf_thread_scope(t.e));
	ck_assert_str_eq(hf_scope_label(mine), "thread");
	ck_assert_int_eq(pthread_create(&thread, NULL, ask_scope, &t), 0);
	pthread_join(thread, NULL);
	ck_assert_ptr_nonnull(t.next);
	ck_assert_ptr_eq(t.first, t.again);
	ck_assert_ptr_ne(t.first, t.anew); /* that one had ended */
	ck_assert_int_eq(t.commit, HF_OK);
	ck_assert_ptr_ne(t.first, mine);
	ck_assert_ptr_null(hf_thread_scope(NULL));
	hf_thread_scope_end(t.e);
	close_all(t.e);
}
END_TEST

T_MAIN("scope", { "F8 making one and asking for sessions does no I/O", test_initial_state, 0 },
	{ "F13 F14 the end comes once, and use after it is an error", test_after_the_end, 0 },
	{ "F5 no such engine, no scope, no session", test_no_such_engine, 0 },
	{ "F15 preferences, and none", test_any_of_none, 0 },
	{ "F17 from a session back to the request", test_way_back, 0 },
	{ "F22 an engine that comes later", test_late_engine, 0 },
	{ "F14 a commit that failed for an unknown engine, until it is rolled back",
		test_lost_until_rollback, 0 },
	{ "what lacked memory is not passed over by a commit", test_nothing_is_missing, 0 },
	{ "a participant of an older header", test_participant_of_old, 0 },
	{ "F25 two phases where the pool does not allow them", test_two_phase_unasked, 0 },
	{ "F18 each thread has a scope of its own", test_threads, 0 })
