/* SPDX-License-Identifier: MIT */
/* Threads that may not block, and the same models with and without waiting. */
#include "models.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const hf_blocking allowed = { .mode = HF_BLOCKING_ALLOWED },
			 forbidden = { .mode = HF_BLOCKING_FORBIDDEN };

static void refused(const hf_error *e, const char *call)
{
	if (!strstr(hf_error_message(e), call) || !strstr(hf_error_message(e), "not to block"))
		ck_abort_msg("%s", hf_error_message(e));
}

/* What would block is refused, and nothing of it is sent; what does not wait goes on. */
START_TEST(test_forbidden)
{
	struct t_store st = t_store_open();
	struct person p = { .name = "Ann", .mood = MOOD_OK };
	hf_future *f;
	hf_error *why;
	hf_rows *rows;
	int64_t n;
	size_t i;

	hf_thread_blocking(forbidden);
	ck_assert_int_eq(hf_insert(st.s, person, &p), HF_E_MISUSE);
	refused(hf_session_error(st.s), "hf_fetch");
	ck_assert_int_eq(hf_fetch(st.pool, NULL, &why, "delete from person"), HF_E_MISUSE);
	refused(why, "hf_fetch");
	hf_error_unref(why);
	f = hf_query(st.pool, "select pg_sleep(0.2)");
	ck_assert_int_eq(hf_future_wait(f), HF_E_MISUSE);
	ck_assert_int_eq(hf_future_get_for(f, 5000, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_wait_all(&f, 1, 5000), HF_E_MISUSE);
	ck_assert_int_eq(hf_wait_any(&f, 1, 5000, &i), HF_E_MISUSE);
	ck_assert_int_eq(hf_future_wait_for(f, 0), HF_PENDING); /* this polls */
	ck_assert_int_eq(hf_await(hf_future_ref(f), &why), HF_E_MISUSE);
	refused(why, "hf_await");
	hf_error_unref(why);
	hf_thread_blocking(allowed);
	t_done(f);
	f = hf_insert_async(st.pool, person, &p);
	ck_assert_int_eq(hf_future_wait(f), HF_OK);
	hf_thread_blocking(forbidden);
	ck_assert_int_eq(hf_await_rows(f, person, &rows, &why), HF_OK); /* it is ready */
	ck_assert_str_eq(HF_ROWS(person, rows)->name, "Ann");
	hf_rows_unref(rows);
	hf_thread_blocking(allowed);
	t_verb(st.s, hf_count(st.s, person, &n, HF_ALL));
	ck_assert_int_eq(n, 1);
	t_store_close(&st);
}
END_TEST

/* A scope's transaction is not committed then, and its end does not wait. */
START_TEST(test_forbidden_scope)
{
	struct t_store st = t_store_open();
	hf_engines *e = hf_engines_new();
	struct person p = { .name = "Ann", .mood = MOOD_OK };
	hf_error *why;
	hf_scope *s;

	ck_assert_int_eq(hf_engines_add(e, "writer", st.pool, NULL, NULL), HF_OK);
	s = hf_scope_new(e, NULL);
	t_verb(hf_writer(s), hf_insert(hf_writer(s), person, &p));
	hf_thread_blocking(forbidden);
	p = (struct person){ .name = "Bob", .mood = MOOD_OK };
	ck_assert_int_eq(hf_insert(hf_writer(s), person, &p), HF_E_MISUSE);
	ck_assert_int_eq(hf_scope_commit(s, &why), HF_E_MISUSE);
	refused(why, "hf_scope_commit");
	hf_error_unref(why);
	hf_thread_blocking(allowed);
	ck_assert_int_eq(hf_scope_commit(s, &why), HF_OK); /* nothing had been done */
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 1);
	p.id = 0;
	t_verb(hf_writer(s), hf_insert(hf_writer(s), person, &p));
	hf_thread_blocking(forbidden);
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	hf_scope_unref(s);
	hf_thread_blocking(allowed);
	t_wait_idle(st.pool, t_stats(st.pool).conns);
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 1);
	hf_engines_unref(e);
	t_store_close(&st);
}
END_TEST

/* --- logged --- */

struct told {
	int n;
	char last[200];
};

static void tell(const char *line, void *arg)
{
	struct told *t = arg;

	t->n++;
	snprintf(t->last, sizeof t->last, "%s", line);
}

START_TEST(test_logged)
{
	struct t_store st = t_store_open();
	struct told told = { 0 };
	struct person p = { .name = "Ann", .mood = MOOD_OK };
	hf_future *f;

	hf_thread_blocking((hf_blocking){ HF_BLOCKING_LOGGED, tell, &told });
	t_verb(st.s, hf_insert(st.s, person, &p));
	ck_assert_int_eq(told.n, 1);
	ck_assert_str_eq(told.last, "hf_fetch blocks a thread that should not");
	f = hf_query(st.pool, "select pg_sleep(0.05)");
	ck_assert_int_eq(hf_future_wait(f), HF_OK);
	ck_assert_int_eq(told.n, 2);
	ck_assert_str_eq(told.last, "hf_future_wait blocks a thread that should not");
	ck_assert_int_eq(hf_await(f, NULL), HF_OK); /* ready: it does not wait */
	ck_assert_int_eq(told.n, 2);
	hf_thread_blocking((hf_blocking){ HF_BLOCKING_LOGGED, NULL, NULL });
	t_verb(st.s, hf_delete(st.s, person, &p));
	hf_thread_blocking(allowed);
	ck_assert_int_eq(told.n, 2);
	t_store_close(&st);
}
END_TEST

/* --- for a while --- */

static hf_status add_person(void *arg)
{
	struct t_store *st = arg;
	struct person p = { .name = "Ann", .mood = MOOD_OK };

	return hf_insert(st->s, person, &p);
}

/* † test_allow_sync: a synchronous create inside of it, no connection of its own after it. */
START_TEST(test_allow_sync)
{
	struct t_store st = t_store_open();

	hf_thread_blocking(forbidden);
	ck_assert_int_eq(add_person(&st), HF_E_MISUSE);
	ck_assert_int_eq(hf_with_blocking(allowed, add_person, &st), HF_OK);
	ck_assert_int_eq(add_person(&st), HF_E_MISUSE);
	ck_assert_int_eq(hf_with_blocking(allowed, NULL, &st), HF_E_MISUSE);
	hf_thread_blocking(allowed);
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 1);
	t_wait_idle(st.pool, t_stats(st.pool).conns);
	t_wait_backends((int)t_stats(st.pool).conns); /* the pool's, and no other */
	t_store_close(&st);
	t_wait_backends(0);
}
END_TEST

/* † test_allow_sync_is_reverted_for_exc: it fails inside, and is as before. */
START_TEST(test_allow_sync_is_reverted_for_exc)
{
	struct t_store st = t_store_open();

	hf_thread_blocking(forbidden);
	ck_assert_int_eq(hf_with_blocking(allowed, add_person, &st), HF_OK);
	ck_assert_int_eq(hf_with_blocking(allowed, add_person, &st), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(st.s)), "23505");
	ck_assert_int_eq(add_person(&st), HF_E_MISUSE);
	ck_assert_int_eq(hf_thread_blocking(allowed).mode, HF_BLOCKING_FORBIDDEN);
	t_store_close(&st);
}
END_TEST

/* Each thread speaks for itself, and so do the library's. */
static void *on_another(void *arg)
{
	return (void *)(uintptr_t)(add_person(arg) == HF_OK);
}

static hf_status in_interaction(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_session *s = hf_session_on_conn(c);
	hf_status st;
	struct person p = { .name = "Bob", .mood = MOOD_OK };

	(void)arg;
	(void)reply;
	hf_thread_blocking(forbidden);
	st = hf_insert(s, person, &p); /* its own connection is there to be waited for */
	hf_thread_blocking(allowed);
	hf_session_unref(s);
	return st;
}

START_TEST(test_threads)
{
	struct t_store st = t_store_open();
	pthread_t thread;
	void *worked;

	hf_thread_blocking(forbidden);
	ck_assert_int_eq(pthread_create(&thread, NULL, on_another, &st), 0);
	pthread_join(thread, &worked);
	ck_assert_ptr_nonnull(worked);
	hf_thread_blocking(allowed);
	t_done(hf_run(st.pool, in_interaction, NULL, NULL));
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 2);
	t_store_close(&st);
}
END_TEST

/* --- with and without waiting --- */

#define THREADS 4
#define EACH    25

static void *insert_many(void *arg)
{
	struct t_store *st = arg;
	hf_future *f[EACH];
	bool ok = true;

	for (int i = 0; i < EACH; i++) {
		struct task t = { .subject = "a task", .created = { 1 }, .owner_id = HF_SOME(1) };

		f[i] = hf_insert_async(st->pool, task, &t);
	}
	for (int i = 0; i < EACH; i++)
		ok &= hf_await(f[i], NULL) == HF_OK;
	return (void *)(uintptr_t)ok;
}

/* † aiopeewee's first tests: create, fetch (both give the same), update (1 row), delete (1 row, it
 * is gone); tables are made synchronously before the workers start. */
START_TEST(test_sync_and_async)
{
	struct t_store st = t_store_open(); /* makes the tables */
	pthread_t threads[THREADS];
	struct person ann = { .name = "Ann", .mood = MOOD_OK };
	hf_rows *waited, *later;
	int64_t n;

	t_verb(st.s, hf_insert(st.s, person, &ann));
	ck_assert_int_eq(ann.id, 1);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, insert_many, &st), 0);
	for (int i = 0; i < THREADS; i++) {
		void *worked;

		pthread_join(threads[i], &worked);
		ck_assert_ptr_nonnull(worked);
	}
	t_verb(st.s, hf_select(st.s, task, &waited, HF_ORDER(HF_ASC(task, id))));
	ck_assert_int_eq(hf_await_rows(hf_select_async(st.pool, task, HF_ORDER(HF_ASC(task, id))),
				 task, &later, NULL),
		HF_OK);
	ck_assert_uint_eq(hf_rows_count(waited), THREADS * EACH);
	ck_assert_uint_eq(hf_rows_count(later), THREADS * EACH);
	for (int i = 0; i < THREADS * EACH; i++) {
		const struct task *a = &HF_ROWS(task, waited)[i], *b = &HF_ROWS(task, later)[i];

		ck_assert(a->id == b->id && strcmp(a->subject, b->subject) == 0 &&
			  a->created.us == b->created.us && b->owner_id.v == 1);
	}
	HF_ROWS(task, later)->done = true;
	ck_assert_int_eq(
		hf_await_count(hf_update_async(st.pool, task, HF_ROWS(task, later)), &n, NULL),
		HF_OK);
	ck_assert_int_eq(n, 1);
	t_verb(st.s, hf_count(st.s, task, &n, HF_WHERE(HF_EQ(task, done, true))));
	ck_assert_int_eq(n, 1);
	t_verb(st.s, hf_delete(st.s, task, HF_ROWS(task, later)));
	ck_assert_int_eq(
		hf_await_count(hf_exists_async(st.pool, task, HF_WHERE(HF_EQ(task, done, true))),
			&n, NULL),
		HF_OK);
	ck_assert_int_eq(n, 0);
	hf_rows_unref(waited);
	hf_rows_unref(later);
	t_store_close(&st);
}
END_TEST

T_MAIN("guard", { "H25 what blocks is forbidden, and not sent", test_forbidden, 0 },
	{ "H25 a scope on a thread that may not block", test_forbidden_scope, 0 },
	{ "H25 what blocks is told", test_logged, 0 },
	{ "H25 allowed inside a scope, and no connection stays", test_allow_sync, 0 },
	{ "H25 a scope that fails is as before behind it", test_allow_sync_is_reverted_for_exc, 0 },
	{ "H25 each thread speaks for itself", test_threads, 0 },
	{ "H26 the same models with and without waiting", test_sync_and_async, 0 })
