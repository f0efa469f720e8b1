/* SPDX-License-Identifier: MIT */
/* Rows that are inserted, or changed where they are there already. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

#define BY_NAME HF_COLUMNS(HF_C(person, name))

static long long people(void)
{
	return t_psql_int("select count(*) from person");
}

START_TEST(test_upsert)
{
	struct t_store st = t_store_open();
	struct person p = { .name = "Ann", .mood = MOOD_SAD, .age = HF_SOME(30) }, q = p;
	bool created = false;

	t_verb(st.s, hf_upsert(st.s, person, &p, BY_NAME, HF_REST, &created));
	ck_assert(created && p.id > 0);
	q.mood = MOOD_HAPPY;
	q.age = (hf_int4_opt)HF_SOME(31);
	t_verb(st.s, hf_upsert(st.s, person, &q, BY_NAME, HF_REST, &created));
	ck_assert(!created);
	ck_assert_int_eq(q.id, p.id); /* read back */
	ck_assert_int_eq(t_psql_int("select age from person where mood = 'happy'"), 31);
	ck_assert_int_eq(people(), 1);
	t_store_close(&st);
}
END_TEST

/* Of the row that is there only the columns that were named change; the struct has them all. */
START_TEST(test_upsert_only)
{
	struct t_store st = t_store_open();
	struct person p = { .name = "Ann", .mood = MOOD_SAD, .age = HF_SOME(30) }, q;
	bool created = true;

	t_verb(st.s, hf_upsert(st.s, person, &p, BY_NAME, HF_REST, NULL));
	q = (struct person){ .name = "Ann", .mood = MOOD_HAPPY, .age = HF_SOME(99) };
	t_verb(st.s,
		hf_upsert(st.s, person, &q, BY_NAME, HF_COLUMNS(HF_C(person, mood)), &created));
	ck_assert(!created);
	ck_assert_int_eq(q.age.v, 30);
	ck_assert_int_eq(q.mood, MOOD_HAPPY);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_insert_on_conflict_ignore__last_id_is_none,
 * test_insert_on_conflict_ignore__inserted_once. */
START_TEST(test_insert_on_conflict_ignore)
{
	struct t_store st = t_store_open();
	struct person p = { .name = "Ann", .mood = MOOD_SAD }, q = { .name = "Ann" };
	bool created = false;

	t_verb(st.s, hf_upsert(st.s, person, &p, BY_NAME, NULL, &created));
	ck_assert(created);
	t_verb(st.s, hf_upsert(st.s, person, &q, BY_NAME, NULL, &created));
	ck_assert(!created);
	ck_assert_int_eq(q.id, p.id);
	ck_assert_int_eq(people(), 1);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_create_or_get: the second call gives the first's data. */
START_TEST(test_create_or_get)
{
	struct t_store st = t_store_open();
	struct line a = { 5, 1, { "12.50" } }, b = { 5, 1, { "99.00" } };
	const uint32_t *key = HF_COLUMNS(HF_C(line, order_id), HF_C(line, no));
	bool created;

	t_verb(st.s, hf_upsert(st.s, line, &a, key, NULL, &created));
	ck_assert(created);
	t_verb(st.s, hf_upsert(st.s, line, &b, key, NULL, &created));
	ck_assert(!created);
	ck_assert_str_eq(b.price.s, "12.50");
	t_store_close(&st);
}
END_TEST

START_TEST(test_refused)
{
	struct t_store st = t_store_open();
	struct person p = { .name = "Ann" };
	const char *why;

	ck_assert_int_eq(hf_upsert(st.s, person, &p, BY_NAME, HF_COLUMNS(HF_C(person, id)), NULL),
		HF_E_MISUSE);
	why = hf_error_message(hf_session_error(st.s));
	ck_assert_str_eq(why, "model person: \"id\" is never written by an UPDATE");
	ck_assert_int_eq(hf_upsert(st.s, person, &p, NULL, HF_REST, NULL), HF_E_MISUSE);
	why = hf_error_message(hf_session_error(st.s));
	ck_assert_str_eq(why, "model person: an upsert names the columns of a unique index");
	ck_assert_int_eq(hf_upsert(st.s, person, &p, HF_COLUMNS(HF_C(person, age)), HF_REST, NULL),
		HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(st.s)), "42P10");
	ck_assert_int_eq(people(), 0);
	t_store_close(&st);
}
END_TEST

/* Of a partitioned table the server does not tell which it was; nobody has to ask. */
START_TEST(test_partitioned)
{
	struct t_store st = t_store_open();
	struct line l = { 5, 1, { "12.50" } };
	const uint32_t *key = HF_COLUMNS(HF_C(line, order_id), HF_C(line, no));
	bool created = false;

	free(t_psql("drop table line; create table line (order_id int, no smallint,"
		    "  price numeric(12, 2) not null, primary key (order_id, no))"
		    "  partition by range (order_id);"
		    "create table line_1 partition of line for values from (0) to (10)"));
	t_verb(st.s, hf_upsert(st.s, line, &l, key, NULL, &created));
	ck_assert(created);
	l.price.s = "13.00";
	t_verb(st.s, hf_upsert(st.s, line, &l, key, HF_REST, NULL));
	t_sql_gives("select price from line", "13.00");
	ck_assert_int_eq(hf_upsert(st.s, line, &l, key, HF_REST, &created), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(st.s)), "0A000");
	t_store_close(&st);
}
END_TEST

/* In a transaction a row that is there is no failure: it goes on. */
START_TEST(test_in_transaction)
{
	struct t_store st = t_store_open();
	struct person p = { .name = "Ann" }, q = { .name = "Ann" };
	hf_txn *t;
	hf_session *s;

	t_verb(st.s, hf_insert(st.s, person, &p));
	t = hf_txn_begin(st.pool, NULL);
	s = hf_session_on_txn(t);
	t_verb(s, hf_upsert(s, person, &q, BY_NAME, NULL, NULL));
	q.mood = MOOD_HAPPY;
	t_verb(s, hf_upsert(s, person, &q, BY_NAME, HF_REST, NULL));
	t_done(hf_txn_commit(t));
	ck_assert_int_eq(t_psql_int("select count(*) from person where mood = 'happy'"), 1);
	hf_session_unref(s);
	hf_txn_unref(t);
	t_store_close(&st);
}
END_TEST

T_MAIN("upsert", { "H12 J6 a row is inserted, and then changed", test_upsert, 0 },
	{ "H12 so many columns change, and no more", test_upsert_only, 0 },
	{ "H12 what is there stays, and is inserted once", test_insert_on_conflict_ignore, 0 },
	{ "H8 the second gives the first's data", test_create_or_get, 0 },
	{ "what cannot be an upsert says why", test_refused, 0 },
	{ "H12 rows of a partitioned table", test_partitioned, 0 },
	{ "H12 a conflict fails no transaction", test_in_transaction, 0 })
