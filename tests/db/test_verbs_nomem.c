/* SPDX-License-Identifier: MIT */
/* Verbs without memory: each allocation fails once, and the verb says so, or did its work; the next
 * one works. */
#include "models.h"

#include "base/mem.h"

typedef hf_status verb(hf_session *s);

static hf_status selects(hf_session *s)
{
	hf_find *f = hf_find_new(&person_table), *g;
	hf_rows *rows = NULL;
	hf_status st;

	hf_find_and(f, HF_OR(HF_IHAS(person, name, "n"), HF_EQ(person, mood, MOOD_SAD)));
	hf_find_order(f, HF_IASC(person, name));
	g = hf_find_copy(f);
	st = hf_select(s, person, &rows, HF_MATCHING(g), HF_UNION(HF_MATCHING(f)),
		HF_UNION_ALL(
			HF_ONLY(HF_COL(person, name), HF_COL(person, mood), HF_COL(person, age)),
			HF_WHERE(HF_LIKE(person, name, "%"))));
	hf_rows_unref(rows);
	hf_find_unref(f);
	hf_find_unref(g);
	return st;
}

static hf_status joins(hf_session *s)
{
	hf_rows *rows = NULL;
	int64_t n;
	hf_status st = hf_select(s, task, &rows, HF_JOIN(task, owner_id, person, id),
		HF_WHERE(HF_HAS(person, name, "%")), HF_ONLY(HF_COL(task, note)));

	hf_rows_unref(rows);
	return st == HF_OK ? hf_scalar(s, person, &n, HF_COUNT_ROWS, HF_ALL) : st;
}

static hf_status upserts(hf_session *s)
{
	static const hf_table *const tasks[] = { &task_table, NULL };
	struct person p = { .name = "Ann" }, *q;
	const uint32_t *name = HF_COLUMNS(HF_C(person, name));
	bool created;
	hf_status st = hf_upsert(s, person, &p, name, HF_REST, &created);

	if (st == HF_OK)
		st = hf_upsert(s, person, &p, name, NULL, &created);
	if (st == HF_OK)
		st = hf_get_or_create(s, person, &q, &created, &p, HF_EQ(person, name, "Ann"));
	return st == HF_OK ? hf_delete_deep(s, person, &p, tasks, false) : st;
}

static hf_status many(hf_session *s)
{
	struct line l[] = { { 1, 1, { "1" } }, { 1, 2, { "2" } } };
	const uint32_t *key = HF_COLUMNS(HF_C(line, order_id), HF_C(line, no));
	int64_t n;
	hf_status st = hf_upsert_many(s, line, l, 2, key, HF_REST, &n);

	return st == HF_OK ? hf_update_many(s, line, l, 2, NULL, &n) : st;
}

/* Numbers where labels were to be, which memory is needed to read: as a label there is none. */
static hf_status labels(hf_session *s)
{
	hf_rows *rows = NULL;
	hf_status st = hf_select_sql(
		s, person, &rows, "select 1 as id, 'x' as name, 2 as mood, null::int as age");

	hf_rows_unref(rows);
	return st == HF_E_TYPE ? HF_OK : st;
}

/* Until it comes through without meeting a failure. */
static void without_memory(verb *run)
{
	struct t_store st = t_store_open();
	hf_status got;
	long met = 0;

	t_verb(st.s, run(st.s)); /* plans and prepared statements are there */
	for (long k = 0; k < 400; k++) {
		hf__mem_fail(k, 1);
		got = run(st.s);
		met = hf__mem_seen();
		hf__mem_fail(0, 0);
		if (got != HF_OK && got != HF_E_NOMEM)
			t_verb(st.s, got);
		hf_session_clear(st.s);
		t_verb(st.s, run(st.s));
		if (got == HF_OK && met <= k)
			break;
	}
	ck_assert_int_gt(met, 0);
	t_store_close(&st);
}

START_TEST(test_selects)
{
	without_memory(selects);
}
END_TEST

START_TEST(test_joins)
{
	without_memory(joins);
}
END_TEST

START_TEST(test_upserts)
{
	without_memory(upserts);
}
END_TEST

START_TEST(test_many)
{
	without_memory(many);
}
END_TEST

START_TEST(test_labels)
{
	without_memory(labels);
}
END_TEST

T_MAIN("verbs_nomem", { "selects without memory", test_selects, 60 },
	{ "joins and values without memory", test_joins, 60 },
	{ "upserts and deep deletes without memory", test_upserts, 60 },
	{ "many rows without memory", test_many, 60 },
	{ "G21 labels without memory", test_labels, 60 })
