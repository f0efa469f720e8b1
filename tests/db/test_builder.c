/* SPDX-License-Identifier: MIT */
/* Selects that are put together: joins, distinct rows, parts of rows, locks. */
#include "models.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A task with its owner's name. */
struct owned {
	const char *subject;
	const char *owner;
	hf_enum_opt mood;
};
static const hf_column owned_columns[] = {
	HF_COLUMN(owned, subject, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(owned, owner, TEXT, NULLABLE, HF_PLAIN),
	HF_COLUMN(owned, mood, ENUM(mood), NULLABLE, HF_PLAIN),
};
HF_TABLE(owned, .name = "owned");

/* Ann has roof and door, Bob has roof; nobody has sink. */
static struct t_store with_tasks(void)
{
	struct t_store st = t_store_open();
	struct person p[] = { { .name = "Ann", .mood = MOOD_HAPPY, .age = HF_SOME(40) },
		{ .name = "Bob", .mood = MOOD_SAD, .age = HF_SOME(20) } };
	struct task t[] = { { .subject = "roof" }, { .subject = "door", .done = true },
		{ .subject = "roof" }, { .subject = "sink" } };

	t_verb(st.s, hf_insert_many(st.s, person, p, 2));
	t[0].owner_id = t[1].owner_id = (hf_int4_opt)HF_SOME(p[0].id);
	t[2].owner_id = (hf_int4_opt)HF_SOME(p[1].id);
	t_verb(st.s, hf_insert_many(st.s, task, t, 4));
	return st;
}

#define tasks_are(st, text, ...) tasks_are_at(__LINE__, (st), (text), HF__CLAUSES(__VA_ARGS__))
static void tasks_are_at(int line, struct t_store *st, const char *want, const hf_clause *clauses)
{
	char got[200] = "";
	hf_rows *rows = NULL;

	t_verb_at(__FILE__, line, st->s, hf_select_at(HF_HERE, st->s, &task_table, &rows, clauses));
	for (size_t i = 0; i < hf_rows_count(rows); i++) {
		strcat(got, i ? " " : "");
		strcat(got, HF_ROWS(task, rows)[i].subject);
	}
	hf_rows_unref(rows);
	if (strcmp(got, want) != 0)
		ck_abort_msg("line %d: \"%s\", not \"%s\"", line, got, want);
}

#define BY_ID HF_ORDER(HF_ASC(task, id))
#define OWNER HF_JOIN(task, owner_id, person, id)

/* Nothing is changed or deleted for want of a condition. */
START_TEST(test_nothing_left)
{
	struct t_store st = with_tasks();
	hf_find *f = hf_find_new(&task_table);
	int64_t n, before;
	bool mine = false;

	t_verb(st.s, hf_count(st.s, task, &before, HF_ALL));
	ck_assert_int_gt(before, 0);
	ck_assert_int_eq(hf_delete_where(st.s, task, &n, HF_WHERE(HF_IF(mine, HF_EQ(task, id, 1)))),
		HF_E_MISUSE);
	ck_assert_int_eq(
		hf_delete_where(st.s, task, &n, HF_WHERE(HF_NOT(HF_IF(mine, HF_EQ(task, id, 1))))),
		HF_E_MISUSE);
	ck_assert_int_eq(hf_delete_where(st.s, task, &n, HF_MATCHING(f)), HF_E_MISUSE);
	ck_assert_int_eq(hf_update_where(st.s, task, &n, HF_SETS(HF_SET(task, subject, "x")),
				 HF_MATCHING(f)),
		HF_E_MISUSE);
	t_verb(st.s, hf_count(st.s, task, &n, HF_WHERE(HF_NOT(HF_IF(mine, HF_EQ(task, id, 1))))));
	ck_assert_int_eq(n, before);
	hf_find_unref(f);
	t_store_close(&st);
}
END_TEST

/* Conditions and orders of the joined table; both have an "id". */
START_TEST(test_join)
{
	struct t_store st = with_tasks();
	int64_t n;

	tasks_are(&st, "roof door", OWNER, HF_WHERE(HF_EQ(person, name, "Ann")), BY_ID);
	tasks_are(&st, "roof roof door", OWNER,
		HF_ORDER(HF_ASC(person, age), HF_DESC(task, subject)));
	tasks_are(&st, "roof", OWNER, HF_WHERE(HF_LT(person, age, 30), HF_EQ(task, done, false)));
	tasks_are(&st, "sink", HF_LEFT_JOIN(task, owner_id, person, id),
		HF_WHERE(HF_IS_NULL(person, id)));
	t_verb(st.s, hf_count(st.s, task, &n, OWNER, HF_WHERE(HF_GT(person, age, 30))));
	ck_assert_int_eq(n, 2);
	t_store_close(&st);
}
END_TEST

/* † peewee-async: test_select_w_join: the joined row's attribute, by its name. */
START_TEST(test_select_w_join)
{
	struct t_store st = with_tasks();
	const struct owned *o;
	hf_rows *rows;

	t_verb(st.s, hf_select_as(st.s, task, owned, &rows,
			     HF_PICKS(HF_PICK(owned, subject, HF_COL(task, subject)),
				     HF_PICK(owned, owner, HF_COL(person, name)),
				     HF_PICK(owned, mood, HF_COL(person, mood))),
			     HF_LEFT_JOIN(task, owner_id, person, id), BY_ID));
	ck_assert_uint_eq(hf_rows_count(rows), 4);
	o = HF_ROWS(owned, rows);
	ck_assert_str_eq(o[1].subject, "door");
	ck_assert_str_eq(o[1].owner, "Ann");
	ck_assert(o[1].mood.has && o[1].mood.v == MOOD_HAPPY);
	ck_assert_str_eq(o[3].subject, "sink");
	ck_assert(!o[3].owner && !o[3].mood.has);
	hf_rows_unref(rows);
	t_store_close(&st);
}
END_TEST

START_TEST(test_distinct)
{
	struct t_store st = with_tasks();
	const struct task *t;
	hf_rows *rows;
	int64_t n;

	tasks_are(&st, "door roof sink", HF_DISTINCT_ON(HF_COL(task, subject)),
		HF_ORDER(HF_ASC(task, subject)));
	tasks_are(&st, "roof door roof sink", HF_DISTINCT, BY_ID);
	t_verb(st.s, hf_count(st.s, task, &n, HF_DISTINCT_ON(HF_COL(task, subject))));
	ck_assert_int_eq(n, 3);

	/* † peewee-async: test_delete__return_field: other columns unset */
	t_verb(st.s, hf_select(st.s, task, &rows, HF_ONLY(HF_COL(task, done)), BY_ID));
	t = HF_ROWS(task, rows);
	ck_assert(t[1].done && t[1].id > 0 && !t[1].subject && t[1].created.us == 0);
	ck_assert(hf_rows_have(rows, HF_C(task, done)) && !hf_rows_have(rows, HF_C(task, subject)));
	hf_rows_unref(rows);
	t_verb(st.s,
		hf_delete_returning(st.s, task, &n, &rows, HF_WHERE(HF_EQ(task, subject, "roof")),
			HF_ONLY(HF_COL(task, subject))));
	ck_assert_int_eq(n, 2);
	ck_assert_str_eq(HF_ROWS(task, rows)[1].subject, "roof");
	ck_assert(!HF_ROWS(task, rows)[1].owner_id.has);
	hf_rows_unref(rows);
	t_store_close(&st);
}
END_TEST

/* The operators of † pulsar's legacy test_filter_username, filter and exclude: gt, lt, ne, in,
 * startswith, endswith and their kin in any case, and a sub-query. */
START_TEST(test_filters)
{
	struct t_store st = with_tasks();
	static const char *const some[] = { "door", "sink" };

	tasks_are(
		&st, "door sink", HF_WHERE(HF_ANY(task, subject, &HF_ARRAY(text, some, 2))), BY_ID);
	tasks_are(&st, "roof roof",
		HF_WHERE(HF_NOT(HF_ANY(task, subject, &HF_ARRAY(text, some, 2)))));
	tasks_are(&st, "", HF_WHERE(HF_ANY(task, subject, &HF_ARRAY(text, some, 0))));
	tasks_are(&st, "roof", BY_ID,
		HF_WHERE(HF_IN_SELECT(task, owner_id, person, id, HF_LT(person, age, 30))));
	tasks_are(&st, "door sink", HF_WHERE(HF_NE(task, subject, "roof")), BY_ID);
	tasks_are(&st, "door", HF_WHERE(HF_BETWEEN(task, subject, "a", "f")));
	tasks_are(&st, "door", HF_WHERE(HF_ENDS(task, subject, "or")));
	tasks_are(&st, "", HF_WHERE(HF_ENDS(task, subject, "OR")));
	tasks_are(&st, "", HF_WHERE(HF_ENDS(task, subject, "doo")));
	tasks_are(&st, "", HF_WHERE(HF_ENDS(task, subject, "_r")));
	tasks_are(&st, "door", HF_WHERE(HF_IENDS(task, subject, "OR")));
	tasks_are(&st, "", HF_WHERE(HF_IENDS(task, subject, "%R")));
	tasks_are(&st, "roof roof", HF_WHERE(HF_BEGINS(task, subject, "roo")));
	tasks_are(&st, "roof roof",
		HF_WHERE(HF_IHAS(task, subject, "OO"), HF_IENDS(task, subject, "F")));
	tasks_are(&st, "roof door", BY_ID, HF_LIMIT(2));
	tasks_are(&st, "roof sink", BY_ID, HF_LIMIT(5), HF_OFFSET(2));
	t_store_close(&st);
}
END_TEST

START_TEST(test_set_sql)
{
	struct t_store st = with_tasks();
	int64_t n;

	t_verb(st.s, hf_update_where(st.s, task, &n,
			     HF_SETS(HF_SET_SQL(task, note, "upper(subject) || $1 || $2", "!", 7),
				     HF_SET(task, done, true)),
			     HF_WHERE(HF_EQ(task, subject, "sink"))));
	ck_assert_int_eq(n, 1);
	t_sql_gives("select note from task where done and subject = 'sink'", "SINK!7");
	t_store_close(&st);
}
END_TEST

/* --- locks --- */

/* Another that locks the row waits, or is told, or passes it over. */
START_TEST(test_for_update)
{
	struct t_store st = with_tasks();
	hf_txn *a = hf_txn_begin(st.pool, NULL), *b = hf_txn_begin(st.pool, NULL);
	hf_session *sa = hf_session_on_txn(a), *sb = hf_session_on_txn(b);
	struct person *p;
	hf_rows *rows;

	t_verb(sa, hf_first(sa, person, &p, HF_WHERE(HF_EQ(person, name, "Ann")),
			   HF_LOCK(HF_FOR_UPDATE)));
	t_verb(sb, hf_select(sb, person, &rows, HF_ORDER(HF_ASC(person, id)),
			   HF_LOCK(HF_FOR_UPDATE | HF_SKIP_LOCKED)));
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	ck_assert_str_eq(HF_ROWS(person, rows)->name, "Bob");
	hf_rows_unref(rows);
	t_done(hf_txn_query(b, "set local lock_timeout = '200ms'"));
	ck_assert_int_eq(hf_select(sb, person, &rows, HF_LOCK(HF_FOR_UPDATE)), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(sb)), "55P03"); /* it waited */
	t_done(hf_txn_rollback(b));
	hf_session_unref(sb);
	hf_txn_unref(b);
	ck_assert_int_eq(
		hf_select(st.s, person, &rows, HF_LOCK(HF_FOR_SHARE | HF_NOWAIT)), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(st.s)), "55P03");
	t_done(hf_txn_commit(a));
	hf_session_unref(sa);
	hf_txn_unref(a);
	tasks_are(&st, "roof", OWNER, HF_WHERE(HF_EQ(person, name, "Bob")),
		HF_LOCK(HF_FOR_NO_KEY_UPDATE));
	ck_assert_int_eq(hf_select(st.s, person, &rows, HF_LOCK((hf_lock)7)), HF_E_MISUSE);
	t_store_close(&st);
}
END_TEST

/* --- collected --- */

struct reader {
	hf_pool *pool;
	const hf_find *find;
	int wrong;
};

static void *read_often(void *arg)
{
	struct reader *r = arg;
	hf_session *s = hf_session_on_pool(r->pool);

	for (int i = 0; i < 50; i++) {
		hf_find *mine = hf_find_copy(r->find);
		int64_t all = 0, done = 0;

		hf_find_and(mine, HF_EQ(task, done, true));
		t_verb(s, hf_count(s, task, &all, HF_MATCHING(r->find)));
		t_verb(s, hf_count(s, task, &done, HF_MATCHING(mine)));
		if (all != 3 || done != 1)
			__atomic_add_fetch(&r->wrong, 1, __ATOMIC_RELAXED);
		hf_find_unref(mine);
	}
	hf_session_unref(s);
	return NULL;
}

/* † pulsar, legacy: test_query: a further condition makes another query, and the first stays. Four
 * threads use one, and go on from copies of it: each finds what it asked for. */
START_TEST(test_find_from_threads)
{
	struct t_store st = with_tasks();
	hf_find *f = hf_find_new(&task_table);
	struct reader r = { st.pool, f, 0 };
	pthread_t thread[4];

	hf_find_and(f, HF_NOT_NULL(task, owner_id));
	hf_find_order(f, HF_ASC(task, id));
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, read_often, &r), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	ck_assert_int_eq(r.wrong, 0);
	tasks_are(&st, "roof door roof", HF_MATCHING(f));
	hf_find_unref(f);
	t_store_close(&st);
}
END_TEST

/* Names come from descriptions only: whatever else is taken for one is refused, or is a value. */
START_TEST(test_names)
{
	static const char *const bad[] = { "", "ID", "id;", "id--", "\"id\"", "subject) --", "1",
		"id desc; drop table task", "task.id", "(select 1)", "id asc desc", "subject\\",
		"é", "id,", ",", "null", "ctid", "subject nulls first", "id'", "pg_sleep(1)" };
	struct t_store st = with_tasks();

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		hf_find *f = hf_find_new(&task_table);
		hf_error *why = NULL;

		if (hf_find_order_by(f, bad[i], false, &why) != HF_E_MISUSE)
			ck_abort_msg("\"%s\" passed", bad[i]);
		hf_error_unref(why);
		tasks_are(&st, "", HF_WHERE(HF_EQ(task, subject, bad[i])));
		tasks_are(&st, "", HF_WHERE(HF_HAS(task, note, bad[i])));
		hf_find_unref(f);
	}
	ck_assert_int_eq(t_psql_int("select count(*) from task"), 4);
	t_store_close(&st);
}
END_TEST

START_TEST(test_refused)
{
	struct t_store st = with_tasks();
	hf_rows *rows = NULL;

#define REFUSED(why, ...)                                                                          \
	do {                                                                                       \
		ck_assert_int_eq(hf_select(st.s, task, &rows, __VA_ARGS__), HF_E_MISUSE);          \
		ck_assert_str_eq(hf_error_message(hf_session_error(st.s)), why);                   \
	} while (0)
	REFUSED("a condition on person in a statement on task",
		HF_WHERE(HF_EQ(person, name, "Ann")));
	REFUSED("model task: a table is not joined with itself: SQL of your own can",
		HF_JOIN(task, id, task, id));
	REFUSED("model task: HF_ONLY takes HF_COLs of its own", HF_ONLY(HF_COL(person, name)));
	REFUSED("model task: an order, an assignment or an aggregate where a condition belongs",
		HF_WHERE(HF_ASC(task, id)));
	REFUSED("model task: something else where an order belongs", HF_ORDER(HF_EQ(task, id, 1)));
	REFUSED("model task: a condition, an order or an assignment where an expression belongs",
		HF_GROUP(HF_EQ(task, id, 1)));
	ck_assert_int_eq(hf_delete_where(st.s, task, NULL, HF_LIMIT(1)), HF_E_MISUSE);
	ck_assert_int_eq(hf_update_where(st.s, task, NULL, HF_SETS(HF_EQ(task, id, 1)), HF_ALL),
		HF_E_MISUSE);
	t_store_close(&st);
}
END_TEST

T_MAIN("builder", { "H16 conditions and orders of a joined table", test_join, 0 },
	{ "H16 columns of a joined table in a struct", test_select_w_join, 0 },
	{ "H14 H16 distinct rows, and parts of rows", test_distinct, 0 },
	{ "H16 H37 the operators of filters", test_filters, 0 },
	{ "H13 expressions as assignments", test_set_sql, 0 },
	{ "H16 locked rows are waited for, passed over, or told of", test_for_update, 0 },
	{ "H38 one collection in several threads", test_find_from_threads, 0 },
	{ "H40 names are those of descriptions", test_names, 0 },
	{ "what cannot be put together says why", test_refused, 0 },
	{ "H13 no condition is left of those that there were", test_nothing_left, 0 })
