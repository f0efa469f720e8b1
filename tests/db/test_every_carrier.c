/* SPDX-License-Identifier: MIT */
/* Every verb on every carrier: what one function does with a session is the same on a pool, in a
 * transaction, in an interaction and in a scope. Those of test_verb_carriers are the verbs of
 * several statements; these are the others. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a case does, with the store's registry for those that make tables. Leaves nothing. */
typedef void work(hf_session *s, hf_models *m);

/* --- carriers --- */

static void nothing_is_left(void)
{
	ck_assert_int_eq(
		t_psql_int("select (select count(*) from person) + (select count(*) from task)"),
		0);
}

static void in_transaction(struct t_store *st, work *w)
{
	hf_txn *t = hf_txn_begin(st->pool, NULL);
	hf_session *s = hf_session_on_txn(t);

	w(s, st->models);
	t_done(hf_txn_commit(t));
	hf_session_unref(s);
	hf_txn_unref(t);
}

struct job {
	work *w;
	hf_models *models;
};

static hf_status interaction(hf_conn *c, void *arg, hf_reply *reply)
{
	struct job *job = arg;
	hf_session *s = hf_session_on_conn(c);

	(void)reply;
	job->w(s, job->models);
	hf_session_unref(s);
	return HF_OK;
}

static void in_scope(struct t_store *st, work *w)
{
	hf_engines *e = hf_engines_new();
	hf_scope *s;

	ck_assert_int_eq(
		hf_engines_add(e, "main", st->pool, HF_ENGINE_OPTS(.is_default = true), NULL),
		HF_OK);
	s = hf_scope_new(e, NULL);
	w(hf_writer(s), st->models);
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	hf_scope_unref(s);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}

/* The scope comes last: it closes the pool. */
static void everywhere(work *w)
{
	struct t_store st = t_store_open();

	w(st.s, st.models);
	nothing_is_left();
	in_transaction(&st, w);
	nothing_is_left();
	t_done(hf_run(st.pool, interaction, &((struct job){ w, st.models }), NULL));
	nothing_is_left();
	in_scope(&st, w);
	nothing_is_left();
	t_store_close(&st);
}

/* --- one row --- */

static void single_rows(hf_session *s, hf_models *m)
{
	struct person *ann = hf_new(s, person), bob = { .name = "Bob" }, *p;
	bool created = false;

	(void)m;
	t_verb(s, hf_set_text(s, person, ann, "name", "Ann"));
	t_verb(s, hf_insert(s, person, ann));
	t_verb(s, hf_save(s, person, &bob, &created));
	ck_assert(created && bob.id > ann->id);
	bob.age = (hf_int4_opt)HF_SOME(30);
	t_verb(s, hf_save(s, person, &bob, &created));
	ck_assert(!created);
	bob.mood = MOOD_HAPPY;
	t_verb(s, hf_update(s, person, &bob));
	bob.name = "nobody sees this";
	bob.age.v = 31;
	t_verb(s, hf_update_only(s, person, &bob, HF_C(person, age)));
	ck_assert_str_eq(bob.name, "Bob");
	t_verb(s, hf_get(s, person, &p, HF_EQ(person, name, "Bob")));
	ck_assert(p->age.has && p->age.v == 31 && p->mood == MOOD_HAPPY);
	t_verb(s, hf_one(s, person, &p, HF_EQ(person, mood, MOOD_OK)));
	ck_assert_int_eq(p->id, ann->id);
	ck_assert_int_eq(hf_one(s, person, &p, HF_GT(person, id, 0)), HF_E_MANY_ROWS);
	ck_assert_int_eq(hf_get(s, person, &p, HF_EQ(person, name, "Zoe")), HF_E_NO_ROWS);
	t_verb(s, hf_get_or_null(s, person, &p, HF_EQ(person, name, "Zoe")));
	ck_assert_ptr_null(p);
	t_verb(s, hf_delete(s, person, &bob));
	ck_assert_int_eq(hf_delete(s, person, &bob), HF_E_NO_ROWS);
	ck_assert_int_eq(hf_update(s, person, &bob), HF_E_NO_ROWS);
	ck_assert_int_eq(hf_save(s, person, &bob, NULL), HF_E_NO_ROWS);
	t_verb(s, hf_delete(s, person, ann));
}

START_TEST(test_single_rows)
{
	everywhere(single_rows);
}
END_TEST

/* --- a version --- */

struct page {
	int32_t id;
	const char *text;
	int32_t version;
};
static const hf_column page_columns[] = {
	HF_COLUMN(page, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(page, text, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(page, version, INT4, NOT_NULL, HF_ROW_VERSION),
};
HF_TABLE(page, .name = "page");

static void stale(hf_session *s, hf_models *m)
{
	struct page mine = { .text = "mine" }, theirs;

	(void)m;
	t_verb(s, hf_table_create(s, &page_table, HF_DROP_FIRST));
	t_verb(s, hf_insert(s, page, &mine));
	theirs = mine;
	theirs.text = "theirs";
	t_verb(s, hf_update(s, page, &theirs));
	ck_assert_int_eq(hf_update(s, page, &mine), HF_E_STALE);
	ck_assert_str_eq(hf_stale(s, page)->text, "theirs");
	ck_assert_int_eq(hf_delete(s, page, &mine), HF_E_STALE); /* and the transaction goes on */
	t_verb(s, hf_delete(s, page, hf_stale(s, page)));
	t_verb(s, hf_table_drop(s, &page_table, 0));
}

START_TEST(test_stale)
{
	everywhere(stale);
}
END_TEST

/* --- many --- */

struct per_mood {
	hf_enum_opt mood;
	int64_t n;
};
static const hf_column per_mood_columns[] = {
	HF_COLUMN(per_mood, mood, ENUM(mood), NULLABLE, HF_PLAIN),
	HF_COLUMN(per_mood, n, INT8, NOT_NULL, HF_PLAIN),
};
HF_TABLE(per_mood, .name = "per_mood");

static void many_rows(hf_session *s, hf_models *m)
{
	struct person p[] = { { .name = "Ann", .age = HF_SOME(10) }, { .name = "Bob" },
		{ .name = "Cid", .mood = MOOD_HAPPY } };
	hf_rows *rows;
	int32_t highest;
	int64_t n;
	bool there;

	(void)m;
	t_verb(s, hf_insert_many(s, person, p, 3));
	t_verb(s, hf_count(s, person, &n, HF_WHERE(HF_EQ(person, mood, MOOD_SAD))));
	ck_assert_int_eq(n, 2);
	t_verb(s, hf_exists(s, person, &there, HF_WHERE(HF_EQ(person, name, "Cid"))));
	ck_assert(there);
	t_verb(s, hf_scalar(s, person, &highest, HF_MAX(person, id), HF_ALL));
	ck_assert_int_eq(highest, p[2].id);
	t_verb(s, hf_select_as(s, person, per_mood, &rows,
			  HF_PICKS(HF_PICK(per_mood, mood, HF_COL(person, mood)),
				  HF_PICK(per_mood, n, HF_COUNT_ROWS)),
			  HF_GROUP(HF_COL(person, mood)), HF_ORDER(HF_ASC_OF(HF_COUNT_ROWS))));
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	ck_assert(
		HF_ROWS(per_mood, rows)[1].mood.v == MOOD_SAD && HF_ROWS(per_mood, rows)[1].n == 2);
	hf_rows_unref(rows);
	t_verb(s, hf_select_sql(s, person, &rows,
			  "select id, name, mood::text from person where id >= $1 order by id",
			  p[1].id));
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	ck_assert_str_eq(HF_ROWS(person, rows)[0].name, "Bob");
	hf_rows_unref(rows);
	t_verb(s, hf_update_where(s, person, &n, HF_SETS(HF_SET(person, mood, MOOD_OK)),
			  HF_WHERE(HF_IS_NULL(person, age))));
	ck_assert_int_eq(n, 2);
	t_verb(s, hf_update_returning(s, person, &n, &rows, HF_SETS(HF_INCREASE(person, age, 1)),
			  HF_WHERE(HF_NOT_NULL(person, age))));
	ck_assert_int_eq(n, 1);
	ck_assert_int_eq(HF_ROWS(person, rows)->age.v, 11);
	hf_rows_unref(rows);
	t_verb(s, hf_delete_where(s, person, &n, HF_ALL));
	ck_assert_int_eq(n, 3);
}

START_TEST(test_many_rows)
{
	everywhere(many_rows);
}
END_TEST

/* --- finders --- */

static void finders(hf_session *s, hf_models *m)
{
	struct person p[] = { { .name = "AAAAA" }, { .name = "aaaaa" }, { .name = "BBBBB" } }, *q;
	int32_t ids[2];
	hf_rows *rows;

	(void)m;
	t_verb(s, hf_insert_many(s, person, p, 3));
	ids[0] = p[0].id;
	ids[1] = p[2].id;
	t_verb(s, hf_by_id(s, person, &q, p[1].id));
	ck_assert_str_eq(q->name, "aaaaa");
	t_verb(s, hf_by_ids(s, person, &rows, &HF_ARRAY(int4, ids, 2)));
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	hf_rows_unref(rows);
	ck_assert_int_eq(hf_by_text(s, person, &q, name, "aAaAa"), HF_E_MANY_ROWS);
	t_verb(s, hf_by_text(s, person, &q, name, "bbbbb"));
	ck_assert_int_eq(q->id, p[2].id);
	t_verb(s, hf_all_by_text(s, person, &rows, name, "aAaAa", 0, -1));
	ck_assert_uint_eq(hf_rows_count(rows), 2);
	hf_rows_unref(rows);
	t_verb(s, hf_similar(s, person, &rows, name, "b", false, 0, -1));
	ck_assert_uint_eq(hf_rows_count(rows), 1);
	hf_rows_unref(rows);
	t_verb(s, hf_exact_first(s, person, &q, name, "bBbBb"));
	ck_assert_int_eq(q->id, p[2].id);
	t_verb(s, hf_range(s, person, &rows, HF_RANGE(.order = "id desc", .limit = 2)));
	ck_assert_int_eq(HF_ROWS(person, rows)[1].id, p[1].id);
	hf_rows_unref(rows);
	t_verb(s, hf_delete_where(s, person, NULL, HF_ALL));
}

START_TEST(test_finders)
{
	everywhere(finders);
}
END_TEST

/* --- tables --- */

static void tables(hf_session *s, hf_models *m)
{
	struct person ann = { .name = "Ann" };
	bool there;
	int64_t n;

	t_verb(s, hf_models_drop(m, s, 0));
	t_verb(s, hf_table_exists(s, &person_table, &there));
	ck_assert(!there);
	t_verb(s, hf_models_create(m, s, 0));
	t_verb(s, hf_models_create(m, s, HF_IF_MISSING));
	t_verb(s, hf_table_exists(s, &person_table, &there));
	ck_assert(there);
	t_verb(s, hf_relation_exists(s, NULL, "task", &there));
	ck_assert(there);
	t_verb(s, hf_sequence_exists(s, NULL, "task_id_seq", &there));
	ck_assert(there);
	t_verb(s, hf_insert(s, person, &ann));
	t_verb(s, hf_table_truncate(s, &person_table, HF_DEPENDENTS | HF_RESTART_IDENTITY));
	t_verb(s, hf_count(s, person, &n, HF_ALL));
	ck_assert_int_eq(n, 0);
	ann.id = 0;
	t_verb(s, hf_insert(s, person, &ann));
	ck_assert_int_eq(ann.id, 1);
	t_verb(s, hf_models_create(m, s, HF_DROP_FIRST));
	t_verb(s, hf_count(s, person, &n, HF_ALL));
	ck_assert_int_eq(n, 0);
}

START_TEST(test_tables)
{
	everywhere(tables);
}
END_TEST

/* --- errors --- */

/* What was said of a verb is there when the session has gone on. */
static void stories(hf_session *s, hf_models *m)
{
	struct person *p;
	hf_error *kept;

	(void)m;
	ck_assert_int_eq(hf_get(s, person, &p, HF_EQ(person, name, "Zoe")), HF_E_NO_ROWS);
	kept = hf_error_ref(hf_session_error(s));
	t_verb(s, hf_get_or_null(s, person, &p, HF_EQ(person, name, "Zoe")));
	ck_assert_ptr_null(hf_session_error(s));
	ck_assert_ptr_nonnull(strstr(hf_error_field(kept, HF_ERR_QUERY), "\"name\" = $1"));
	hf_error_unref(kept);
}

START_TEST(test_stories)
{
	everywhere(stories);
}
END_TEST

/* The file and the line of the call, also of a future, and after everything is closed. */
START_TEST(test_site)
{
	struct t_store st = t_store_open();
	struct person ann = { .name = "Ann" };
	hf_error *e[2] = { NULL, NULL };
	char site[2][60];

	t_verb(st.s, hf_insert(st.s, person, &ann));
	ann.id = 0;
	snprintf(site[0], sizeof site[0], "test_every_carrier.c:%d", __LINE__ + 1);
	ck_assert_int_eq(hf_insert(st.s, person, &ann), HF_E_SQL);
	e[0] = hf_error_ref(hf_session_error(st.s));
	snprintf(site[1], sizeof site[1], "test_every_carrier.c:%d", __LINE__ + 1);
	ck_assert_int_eq(hf_await(hf_insert_async(st.pool, person, &ann), &e[1]), HF_E_SQL);
	t_store_close(&st);
	for (int i = 0; i < 2; i++) {
		const char *is = hf_error_field(e[i], HF_ERR_SITE);

		if (!is || !strstr(is, site[i]))
			ck_abort_msg("\"%s\" is not \"%s\"", is ? is : "", site[i]);
		ck_assert_str_eq(hf_error_sqlstate(e[i]), "23505");
		ck_assert_str_eq(hf_error_field(e[i], HF_ERR_CONSTRAINT), "person_name_key");
		ck_assert_ptr_nonnull(strstr(hf_error_message(e[i]), "person.name: "));
		hf_error_unref(e[i]);
	}
}
END_TEST

T_MAIN("every_carrier", { "H2 H4 H9 single rows, whatever carries them", test_single_rows, 0 },
	{ "J8 stale rows, whatever carries them", test_stale, 0 },
	{ "H13 H14 H20 many rows, whatever carries them", test_many_rows, 0 },
	{ "H33 H35 H36 finders, whatever carries them", test_finders, 0 },
	{ "G11 G16 G17 tables, whatever carries them", test_tables, 0 },
	{ "H4 the story of a verb, whatever carries it", test_stories, 0 },
	{ "H26 the call is told that an error came from", test_site, 0 })
