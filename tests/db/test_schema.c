/* SPDX-License-Identifier: MIT */
/* Tables made, emptied, dropped and asked for. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two that refer to each other, and to themselves. */
struct node {
	int32_t id;
	hf_int4_opt parent_id, leaf_id;
};
struct leaf {
	int32_t id, node_id;
	const char *text;
};
extern const hf_table node_table, leaf_table;

static const hf_column node_columns[] = {
	HF_COLUMN(node, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(node, parent_id, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(node, leaf_id, INT4, NULLABLE, HF_PLAIN),
};
static const hf_foreign_key node_keys[] = {
	HF_FOREIGN_KEY(node, parent_id, node, id, .on_delete = HF_SET_NULL),
	HF_FOREIGN_KEY(node, leaf_id, leaf, id, .deferrable = true, .deferred = true),
};
HF_TABLE(node, .foreign_keys = node_keys, .n_foreign_keys = HF_COUNT(node_keys));

static const hf_column leaf_columns[] = {
	HF_COLUMN(leaf, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(leaf, node_id, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(leaf, text, TEXT, NULLABLE, HF_PLAIN),
};
static const hf_foreign_key leaf_keys[] = { HF_FOREIGN_KEY(
	leaf, node_id, node, id, .on_delete = HF_CASCADE) };
static const hf_index leaf_indexes[] = { HF_INDEX_ON(HF_C(leaf, text)),
	HF_UNIQUE_ON(HF_C(leaf, node_id), HF_C(leaf, text)) };
HF_TABLE(leaf, .foreign_keys = leaf_keys, .n_foreign_keys = HF_COUNT(leaf_keys),
	.indexes = leaf_indexes, .n_indexes = HF_COUNT(leaf_indexes));

static const hf_table *const circle[] = { &node_table, &leaf_table, NULL };

struct place {
	hf_pool *pool;
	hf_session *s;
	hf_models *m;
};

static struct place open_place(const hf_table *const *tables)
{
	struct place p = { .pool = t_pool(NULL), .m = hf_models_new(NULL) };
	hf_error *e;

	p.s = hf_session_on_pool(p.pool);
	free(t_psql("set client_min_messages to warning; drop view if exists t_list;"
		    "drop table if exists task, line, person, node, leaf cascade;"
		    "drop type if exists mood"));
	if (hf_models_add(p.m, tables, NULL, &e) != HF_OK)
		ck_abort_msg("%s", hf_error_message(e));
	return p;
}

static void close_place(struct place *p)
{
	hf_session_unref(p->s);
	hf_models_unref(p->m);
	t_close(p->pool);
}

static bool has_table(struct place *p, const hf_table *t)
{
	bool there;

	t_verb(p->s, hf_table_exists(p->s, t, &there));
	return there;
}

static bool has_index(const char *name)
{
	char sql[200];

	snprintf(sql, sizeof sql, "select count(*) from pg_indexes where indexname = '%s'", name);
	return t_psql_int(sql) == 1;
}

static const hf_table *const people[] = { &task_table, &line_table, &person_table, NULL };

/* † peewee-async: test_aio_create_table__safe, test_aio_create_table, test_create_drop_tables;
 * pulsar-odm: table_create. */
START_TEST(test_aio_create_table)
{
	struct place p = open_place(people);
	struct person ann = { .name = "Ann" };
	int64_t n;

	t_verb(p.s, hf_models_create(p.m, p.s, 0));
	ck_assert(has_table(&p, &task_table) && has_table(&p, &line_table));
	t_verb(p.s, hf_insert(p.s, person, &ann));
	ck_assert_int_eq(hf_models_create(p.m, p.s, 0), HF_E_SQL); /* not without saying so */
	t_verb(p.s, hf_models_create(p.m, p.s, HF_IF_MISSING));
	t_verb(p.s, hf_count(p.s, person, &n, HF_ALL));
	ck_assert_int_eq(n, 1);
	t_verb(p.s, hf_models_drop(p.m, p.s, 0));
	ck_assert(!has_table(&p, &task_table) && !has_table(&p, &person_table));
	ck_assert_int_eq(t_psql_int("select count(*) from pg_type where typname = 'mood'"), 0);
	ck_assert_int_eq(hf_models_drop(p.m, p.s, 0), HF_E_SQL);
	t_verb(p.s, hf_models_drop(p.m, p.s, HF_IF_THERE));
	close_place(&p);
}
END_TEST

START_TEST(test_nothing_is_half_made)
{
	struct place p = open_place(people);

	free(t_psql("create table task (x int)"));
	ck_assert_int_eq(hf_models_create(p.m, p.s, 0), HF_E_SQL);
	ck_assert_ptr_nonnull(strstr(hf_error_message(hf_session_error(p.s)), "task"));
	ck_assert(!has_table(&p, &person_table)); /* that came before it */
	ck_assert_int_eq(t_psql_int("select count(*) from pg_type where typname = 'mood'"), 0);
	free(t_psql("drop table task"));
	close_place(&p);
}
END_TEST

/* On whatever carries it. */
static hf_status half_made(hf_conn *c, void *arg, hf_reply *reply)
{
	struct place *p = arg;
	hf_session *s = hf_session_on_conn(c);

	(void)reply;
	ck_assert_int_eq(hf_models_create(p->m, s, 0), HF_E_SQL);
	hf_session_unref(s);
	return HF_OK;
}

START_TEST(test_nothing_is_half_made_alone)
{
	struct place p = open_place(people);
	hf_engines *e = hf_engines_new();
	hf_scope *scope;

	free(t_psql("create table task (x int)"));
	ck_assert_int_eq(
		hf_engines_add(e, "log", p.pool,
			HF_ENGINE_OPTS(.mode = HF_MODE_AUTOCOMMIT, .is_default = true), NULL),
		HF_OK);
	scope = hf_scope_new(e, NULL);
	ck_assert_int_eq(hf_models_create(p.m, hf_scope_session(scope, NULL), 0), HF_E_SQL);
	ck_assert(!has_table(&p, &person_table));
	t_done(hf_submit(p.pool, HF_JOB(.fn = half_made, .arg = &p, .manual = true)));
	ck_assert(!has_table(&p, &person_table));
	free(t_psql("drop table task"));
	t_verb(hf_scope_session(scope, NULL),
		hf_models_create(p.m, hf_scope_session(scope, NULL), 0));
	ck_assert(has_table(&p, &person_table)); /* it is committed */
	t_verb(p.s, hf_models_drop(p.m, p.s, 0));
	hf_scope_unref(scope);
	hf_engines_unref(e);
	close_place(&p);
}
END_TEST

START_TEST(test_drop_first)
{
	struct place p = open_place(people);
	struct person ann = { .name = "Ann" };
	int64_t n;

	t_verb(p.s, hf_models_create(p.m, p.s, 0));
	t_verb(p.s, hf_insert(p.s, person, &ann));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST));
	t_verb(p.s, hf_count(p.s, person, &n, HF_ALL));
	ck_assert_int_eq(n, 0);
	ann.id = 0;
	t_verb(p.s, hf_insert(p.s, person, &ann));
	ck_assert_int_eq(ann.id, 1); /* the sequence is a new one, too */
	t_verb(p.s, hf_models_drop(p.m, p.s, 0));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST)); /* nothing to be dropped */
	t_verb(p.s, hf_models_drop(p.m, p.s, 0));
	close_place(&p);
}
END_TEST

/* An enum that others have columns of is not taken away from them, but by who says so. */
START_TEST(test_enum_of_others)
{
	struct place p = open_place(people);
	struct person ann = { .name = "Ann", .mood = MOOD_HAPPY };

	t_verb(p.s, hf_models_create(p.m, p.s, 0));
	free(t_psql("create table other (mood mood, n int); insert into other values ('ok', 1)"));
	t_verb(p.s, hf_insert(p.s, person, &ann));
	t_verb(p.s, hf_models_create(p.m, p.s, HF_DROP_FIRST));
	t_sql_gives("select mood::text || n from other", "ok1");
	ck_assert_int_eq(t_psql_int("select count(*) from person"), 0);
	t_verb(p.s, hf_insert(p.s, person, &ann));
	ck_assert_int_eq(hf_models_drop(p.m, p.s, 0), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(p.s)), "2BP01");
	t_sql_gives("select mood::text || n from other", "ok1");
	t_verb(p.s, hf_models_drop(p.m, p.s, HF_DEPENDENTS));
	ck_assert_int_eq(
		t_psql_int("select count(*) from pg_attribute where attrelid = 'other'::regclass "
			   "and attname = 'mood' and not attisdropped"),
		0);
	free(t_psql("drop table other"));
	close_place(&p);
}
END_TEST

START_TEST(test_circle)
{
	struct place p = open_place(circle);
	struct node root = { 0 }, child = { 0 }, *read;
	struct leaf leaf = { .text = "a leaf" };
	int64_t n;

	t_verb(p.s, hf_models_create(p.m, p.s, 0));
	t_verb(p.s, hf_insert(p.s, node, &root));
	child.parent_id = (hf_int4_opt)HF_SOME(root.id);
	t_verb(p.s, hf_insert(p.s, node, &child));
	leaf.node_id = child.id;
	t_verb(p.s, hf_insert(p.s, leaf, &leaf));
	child.leaf_id = (hf_int4_opt)HF_SOME(leaf.id);
	t_verb(p.s, hf_update(p.s, node, &child));
	t_verb(p.s, hf_delete(p.s, node, &root));
	t_verb(p.s, hf_get(p.s, node, &read, HF_EQ(node, id, child.id)));
	ck_assert(!read->parent_id.has); /* SET NULL */
	t_verb(p.s, hf_count(p.s, leaf, &n, HF_ALL));
	ck_assert_int_eq(n, 1);
	leaf.node_id = 4711;
	ck_assert_int_eq(hf_update(p.s, leaf, &leaf), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(p.s)), "23503");
	t_verb(p.s, hf_models_drop(p.m, p.s, 0)); /* without CASCADE */
	ck_assert(!has_table(&p, &node_table) && !has_table(&p, &leaf_table));
	close_place(&p);
}
END_TEST

/* † peewee-async: test_aio_create_table (the index), test_aio_create_table__sequences,
 * test_aio_sequence_exists. */
START_TEST(test_aio_create_table__sequences)
{
	struct place p = open_place(circle);
	bool there;

	ck_assert(!has_index("leaf_text_idx"));
	t_verb(p.s, hf_sequence_exists(p.s, NULL, "leaf_id_seq", &there));
	ck_assert(!there);
	t_verb(p.s, hf_models_create(p.m, p.s, 0));
	ck_assert(has_index("leaf_text_idx"));
	ck_assert(has_index("leaf_node_id_text_key"));
	t_verb(p.s, hf_sequence_exists(p.s, NULL, "leaf_id_seq", &there));
	ck_assert(there);
	t_verb(p.s, hf_sequence_exists(p.s, "public", "leaf_id_seq", &there));
	ck_assert(there);
	t_verb(p.s, hf_sequence_exists(p.s, NULL, "leaf", &there)); /* that is a table */
	ck_assert(!there);
	t_verb(p.s, hf_models_drop(p.m, p.s, 0));
	ck_assert(!has_index("leaf_text_idx"));
	t_verb(p.s, hf_sequence_exists(p.s, NULL, "leaf_id_seq", &there));
	ck_assert(!there);
	close_place(&p);
}
END_TEST

/* † peewee-async: test_aio_table_exists: by name, by model, an unknown one. */
START_TEST(test_aio_table_exists)
{
	struct place p = open_place(people);
	bool there;

	t_verb(p.s, hf_models_create(p.m, p.s, 0));
	t_verb(p.s, hf_relation_exists(p.s, NULL, "task", &there));
	ck_assert(there);
	ck_assert(has_table(&p, &task_table));
	t_verb(p.s, hf_relation_exists(p.s, NULL, "tasks", &there));
	ck_assert(!there);
	t_verb(p.s, hf_relation_exists(p.s, "elsewhere", "task", &there));
	ck_assert(!there);
	t_verb(p.s, hf_relation_exists(p.s, NULL, "x\"; drop table task; --", &there));
	ck_assert(!there);
	ck_assert_int_eq(hf_relation_exists(p.s, NULL, "", &there), HF_E_MISUSE);
	ck_assert_int_eq(hf_sequence_exists(p.s, NULL, NULL, &there), HF_E_MISUSE);
	t_verb(p.s, hf_models_drop(p.m, p.s, 0));
	close_place(&p);
}
END_TEST

/* † peewee-async: test_aio_truncate_table. */
START_TEST(test_aio_truncate_table)
{
	struct place p = open_place(people);
	struct person ann = { .name = "Ann" };
	struct task t = { .subject = "fix the roof" };
	bool there;

	t_verb(p.s, hf_models_create(p.m, p.s, 0));
	t_verb(p.s, hf_insert(p.s, person, &ann));
	t.owner_id = (hf_int4_opt)HF_SOME(ann.id);
	t_verb(p.s, hf_insert(p.s, task, &t));
	ck_assert_int_eq(
		hf_table_truncate(p.s, &person_table, 0), HF_E_SQL); /* task refers to it */
	t_verb(p.s, hf_table_truncate(p.s, &person_table, HF_DEPENDENTS | HF_RESTART_IDENTITY));
	t_verb(p.s, hf_exists(p.s, person, &there, HF_ALL));
	ck_assert(!there);
	t_verb(p.s, hf_exists(p.s, task, &there, HF_ALL));
	ck_assert(!there);
	ann.id = 0;
	t_verb(p.s, hf_insert(p.s, person, &ann));
	ck_assert_int_eq(ann.id, 1);
	t.id = 0;
	t_verb(p.s, hf_insert(p.s, task, &t));
	ck_assert_int_eq(t.id, 1); /* as has what depends on it */
	t_verb(p.s, hf_table_truncate(p.s, &task_table, 0));
	t.id = 0;
	t_verb(p.s, hf_insert(p.s, task, &t));
	ck_assert_int_eq(t.id, 2); /* not without being told */
	t_verb(p.s, hf_models_drop(p.m, p.s, 0));
	close_place(&p);
}
END_TEST

START_TEST(test_one_table)
{
	struct place p = open_place(people);

	t_verb(p.s, hf_table_create(p.s, &person_table, 0));
	ck_assert(has_table(&p, &person_table));
	ck_assert_int_eq(hf_table_create(p.s, &person_table, 0), HF_E_SQL);
	t_verb(p.s, hf_table_create(p.s, &person_table, HF_IF_MISSING));
	t_verb(p.s, hf_table_create(p.s, &person_table, HF_DROP_FIRST));
	t_verb(p.s, hf_table_create(p.s, &task_table, 0));
	ck_assert_int_eq(hf_table_drop(p.s, &person_table, 0), HF_E_SQL);
	t_verb(p.s, hf_table_drop(p.s, &person_table, HF_DEPENDENTS));
	t_verb(p.s, hf_table_drop(p.s, &task_table, 0));
	ck_assert_int_eq(hf_table_drop(p.s, &task_table, 0), HF_E_SQL);
	t_verb(p.s, hf_table_drop(p.s, &task_table, HF_IF_THERE));
	ck_assert_int_eq(t_psql_int("select count(*) from pg_type where typname = 'mood'"), 1);
	free(t_psql("drop type mood"));
	close_place(&p);
}
END_TEST

/* In a transaction of the caller's: gone with it. */
START_TEST(test_in_a_transaction)
{
	struct place p = open_place(people);
	hf_txn *t = hf_txn_begin(p.pool, NULL);
	hf_session *in = hf_session_on_txn(t);
	bool there;

	t_verb(in, hf_models_create(p.m, in, 0));
	t_verb(in, hf_table_exists(in, &person_table, &there));
	ck_assert(there);
	ck_assert(!has_table(&p, &person_table));
	t_done(hf_txn_rollback(t));
	hf_session_unref(in);
	hf_txn_unref(t);
	ck_assert(!has_table(&p, &person_table));
	close_place(&p);
}
END_TEST

T_MAIN("schema", { "G1 G11 created, created again safely, dropped", test_aio_create_table, 0 },
	{ "G11 nothing is half made", test_nothing_is_half_made, 0 },
	{ "G11 nothing is half made where statements stand alone", test_nothing_is_half_made_alone,
		0 },
	{ "G12 what is there is dropped first", test_drop_first, 0 },
	{ "G12 G20 an enum of others stays theirs", test_enum_of_others, 0 },
	{ "G28 G11 tables that refer to each other and themselves", test_circle, 0 },
	{ "G15 indexes and sequences come and go", test_aio_create_table__sequences, 0 },
	{ "G17 what exists", test_aio_table_exists, 0 },
	{ "G16 truncate, with what depends on it", test_aio_truncate_table, 0 },
	{ "G11 one table", test_one_table, 0 },
	{ "G11 in a transaction of the caller's", test_in_a_transaction, 0 })
