/* SPDX-License-Identifier: MIT */
/* One function, whatever carries its session: a pool, a transaction, an interaction, a scope. */
#include "models.h"

#include <stdlib.h>
#include <string.h>

static const hf_table *const tasks[] = { &task_table, NULL };

/* Every verb that takes several rows or several statements. It leaves one person. */
static void all_verbs(hf_session *s)
{
	struct person ann = { .name = "Ann" }, bob[] = { { .name = "Bob" }, { .name = "Cid" } }, *p;
	struct task t = { .subject = "roof" }, *first;
	const uint32_t *name = HF_COLUMNS(HF_C(person, name));
	hf_rows *rows;
	bool created;
	int64_t n;

	t_verb(s, hf_get_or_create(s, person, &p, &created, &ann, HF_EQ(person, name, "Ann")));
	ck_assert(created);
	t_verb(s, hf_get_or_create(s, person, &p, &created, &ann, HF_EQ(person, name, "Ann")));
	ck_assert(!created);
	t_verb(s, hf_insert_many(s, person, bob, 2));
	t_verb(s, hf_upsert(s, person, &bob[0], name, HF_REST, &created));
	ck_assert(!created);
	bob[0].mood = bob[1].mood = MOOD_HAPPY;
	t_verb(s, hf_update_many(s, person, bob, 2, NULL, &n));
	ck_assert_int_eq(n, 2);
	t_verb(s, hf_upsert_many(s, person, bob, 2, name, NULL, &n));
	ck_assert_int_eq(n, 0);
	t.owner_id = (hf_int4_opt)HF_SOME(ann.id);
	t_verb(s, hf_insert(s, task, &t));
	t_verb(s, hf_first(s, task, &first, HF_JOIN(task, owner_id, person, id)));
	ck_assert_str_eq(first->subject, "roof");
	t_verb(s, hf_select(s, person, &rows, HF_WHERE(HF_EQ(person, name, "Ann")),
			  HF_UNION(HF_WHERE(HF_EQ(person, mood, MOOD_HAPPY)))));
	ck_assert_uint_eq(hf_rows_count(rows), 3);
	hf_rows_unref(rows);
	t_verb(s, hf_delete_deep(s, person, p, tasks, true));
	t_verb(s, hf_delete_returning(s, person, &n, &rows, HF_WHERE(HF_EQ(person, name, "Cid"))));
	ck_assert_int_eq(HF_ROWS(person, rows)->id, bob[1].id);
	hf_rows_unref(rows);
}

static void one_is_left(void)
{
	t_sql_gives("select string_agg(name, ' ') from person", "Bob");
	ck_assert_int_eq(t_psql_int("select count(*) from task"), 0);
}

START_TEST(test_pool)
{
	struct t_store st = t_store_open();

	all_verbs(st.s);
	one_is_left();
	t_store_close(&st);
}
END_TEST

/* All of it is undone with the transaction, or kept. */
START_TEST(test_transaction)
{
	struct t_store st = t_store_open();

	for (int keep = 0; keep < 2; keep++) {
		hf_txn *t = hf_txn_begin(st.pool, NULL);
		hf_session *s = hf_session_on_txn(t);

		all_verbs(s);
		ck_assert_int_eq(t_psql_int("select count(*) from person"), 0);
		t_done(keep ? hf_txn_commit(t) : hf_txn_rollback(t));
		hf_session_unref(s);
		hf_txn_unref(t);
	}
	one_is_left();
	t_store_close(&st);
}
END_TEST

static hf_status interaction(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_session *s = hf_session_on_conn(c);

	(void)arg;
	(void)reply;
	all_verbs(s);
	hf_session_unref(s);
	return HF_OK;
}

START_TEST(test_interaction)
{
	struct t_store st = t_store_open();

	t_done(hf_run(st.pool, interaction, NULL, NULL));
	one_is_left();
	t_store_close(&st);
}
END_TEST

START_TEST(test_scope)
{
	struct t_store st = t_store_open();
	hf_engines *e = hf_engines_new();
	hf_scope *s;

	ck_assert_int_eq(
		hf_engines_add(e, "main", st.pool, HF_ENGINE_OPTS(.is_default = true), NULL),
		HF_OK);
	s = hf_scope_new(e, NULL);
	all_verbs(hf_writer(s));
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 0);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	one_is_left();
	hf_scope_unref(s);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
	t_store_close(&st);
}
END_TEST

T_MAIN("verb_carriers", { "H7 H10 H15 verbs on a pool", test_pool, 0 },
	{ "H7 H10 H15 verbs in a transaction", test_transaction, 0 },
	{ "H7 H10 H15 verbs in an interaction", test_interaction, 0 },
	{ "H7 H10 H15 verbs in a scope", test_scope, 0 })
