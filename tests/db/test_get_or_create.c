/* SPDX-License-Identifier: MIT */
/* One row, whoever asks for it first. */
#include "models.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* † peewee-async: test_aio_get_or_create__get, test_aio_get_or_create__created;
 * test_get_or_create. */
START_TEST(test_get_or_create)
{
	struct t_store st = t_store_open();
	struct person a = { .name = "Ann", .mood = MOOD_SAD }, b = { .name = "Ann" }, *p;
	bool created = false;

	t_verb(st.s, hf_get_or_create(st.s, person, &p, &created, &a, HF_EQ(person, name, "Ann")));
	ck_assert(created);
	ck_assert_ptr_eq(p, &a);
	ck_assert_int_gt(a.id, 0);
	b.mood = MOOD_HAPPY; /* of a row that is not created */
	t_verb(st.s, hf_get_or_create(st.s, person, &p, &created, &b, HF_EQ(person, name, "Ann")));
	ck_assert(!created);
	ck_assert_ptr_ne(p, &b);
	ck_assert_int_eq(p->id, a.id);
	ck_assert_int_eq(p->mood, MOOD_SAD);
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 1);
	t_store_close(&st);
}
END_TEST

/* --- many at once --- */

enum { THREADS = 20 };

struct race {
	hf_pool *pool;
	bool in_txn;
	pthread_barrier_t start;
	int created, rows; /* atomic: who created, and who has a row */
	int ids;           /* their sum */
};

static void ask(struct race *r, hf_session *s)
{
	struct person mine = { .name = "Ann" }, *p = NULL;
	bool created = false;

	t_verb(s, hf_get_or_create(s, person, &p, &created, &mine, HF_EQ(person, name, "Ann")));
	__atomic_add_fetch(&r->created, created, __ATOMIC_RELAXED);
	__atomic_add_fetch(&r->rows, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&r->ids, p->id, __ATOMIC_RELAXED);
}

static void *racer(void *arg)
{
	struct race *r = arg;
	hf_txn *t = r->in_txn ? hf_txn_begin(r->pool, NULL) : NULL;
	hf_session *s = t ? hf_session_on_txn(t) : hf_session_on_pool(r->pool);

	if (t)
		t_done(hf_txn_query(t, "select 1")); /* all have begun */
	pthread_barrier_wait(&r->start);
	ask(r, s);
	if (t)
		t_done(hf_txn_commit(t));
	hf_session_unref(s);
	hf_txn_unref(t);
	return NULL;
}

static void race(bool in_txn)
{
	struct t_store st = t_store_open();
	struct race r = { .in_txn = in_txn };
	pthread_t thread[THREADS];

	r.pool = t_pool(HF_POOL_OPTS(.max_conns = THREADS));
	pthread_barrier_init(&r.start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, racer, &r), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&r.start);
	ck_assert_int_eq(r.rows, THREADS);
	ck_assert_int_eq(r.created, 1);
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 1);
	ck_assert_int_eq(r.ids, THREADS * t_psql_int("select id from person"));
	t_close(r.pool);
	t_store_close(&st);
}

START_TEST(test_race)
{
	race(false);
}
END_TEST

START_TEST(test_race_in_transactions)
{
	race(true);
}
END_TEST

/* --- what it refuses --- */

static void refuses(hf_session *s, hf_status st, const char *why)
{
	ck_assert_int_eq(st, HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(hf_session_error(s)), why);
}

START_TEST(test_refused)
{
	static const char equal[] = "model person: get-or-create looks for values of the table's "
				    "columns with HF_EQ, and none of them is NULL";
	struct t_store st = t_store_open();
	struct person row = { .name = "Ann" }, *p;

	refuses(st.s, hf_get_or_create(st.s, person, &p, NULL, &row, HF_GT(person, age, 1)), equal);
	refuses(st.s, hf_get_or_create(st.s, person, &p, NULL, &row, HF_EQ(task, note, "x")),
		equal);
	refuses(st.s, hf_get_or_create(st.s, person, &p, NULL, &row, HF_EQ(person, name, NULL)),
		equal);
	refuses(st.s, hf_get_or_create(st.s, person, &p, NULL, &row, HF_EQ(person, name, "Bob")),
		"model person: the row to be created has another \"name\" than is looked for");
	/* without a unique index it would not be free of races */
	row.age = (hf_int4_opt)HF_SOME(7);
	ck_assert_int_eq(
		hf_get_or_create(st.s, person, &p, NULL, &row, HF_EQ(person, age, 7)), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(st.s)), "42P10");
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 0);
	t_store_close(&st);
}
END_TEST

/* A number is looked for by what it is, however it is written. */
START_TEST(test_numeric)
{
	struct t_store st = t_store_open();
	struct line row = { 5, 1, { "12.50" } }, *l;
	hf_numeric other = { "12.51" }, same = { "1.25e1" };
	bool created;

	free(t_psql("create unique index on line (price)"));
	refuses(st.s, hf_get_or_create(st.s, line, &l, NULL, &row, HF_EQ(line, price, other)),
		"model line: the row to be created has another \"price\" than is looked for");
	t_verb(st.s, hf_get_or_create(st.s, line, &l, &created, &row, HF_EQ(line, price, same)));
	ck_assert(created);
	t_verb(st.s, hf_get_or_create(st.s, line, &l, &created, &row, HF_EQ(line, price, same)));
	ck_assert(!created);
	t_store_close(&st);
}
END_TEST

T_MAIN("get_or_create", { "H7 got, or created", test_get_or_create, 0 },
	{ "H7 of 20 threads one creates", test_race, 0 },
	{ "H7 of 20 transactions one creates", test_race_in_transactions, 0 },
	{ "what cannot be got or created says why", test_refused, 0 },
	{ "H7 a number, however it is written", test_numeric, 0 })
