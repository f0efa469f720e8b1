/* SPDX-License-Identifier: MIT */
/* Rows that are deleted with what refers to them. */
#include "models.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A tree whose nodes have leaves, a node that another table may point to, and a circle. */
struct node {
	int32_t id;
	hf_int4_opt above;
};
static const hf_column node_columns[] = {
	HF_COLUMN(node, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(node, above, INT4, NULLABLE, HF_PLAIN),
};
extern const hf_table node_table;
static const hf_foreign_key node_keys[] = { HF_FOREIGN_KEY(node, above, node, id, .name = NULL) };
HF_TABLE(node, .foreign_keys = node_keys, .n_foreign_keys = 1);

struct leaf { /* without a key of its own */
	int32_t node_id;
	hf_int4_opt also, once;
	const char *text;
};
static const hf_column leaf_columns[] = {
	HF_COLUMN(leaf, node_id, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(leaf, also, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(leaf, once, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(leaf, text, TEXT, NOT_NULL, HF_PLAIN),
};
static const hf_foreign_key leaf_keys[] = {
	HF_FOREIGN_KEY(leaf, node_id, node, id, .name = NULL),
	HF_FOREIGN_KEY(leaf, also, node, id, .name = NULL),
	HF_FOREIGN_KEY(leaf, once, node, id, .name = NULL),
};
HF_TABLE(leaf, .foreign_keys = leaf_keys, .n_foreign_keys = 3);

/* Two tables that refer to each other: what is deleted goes round. */
struct hen {
	int32_t id, egg;
};
struct egg {
	int32_t id, hen;
};
extern const hf_table hen_table, egg_table;
static const hf_column hen_columns[] = {
	HF_COLUMN(hen, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(hen, egg, INT4, NOT_NULL, HF_PLAIN),
};
static const hf_column egg_columns[] = {
	HF_COLUMN(egg, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(egg, hen, INT4, NOT_NULL, HF_PLAIN),
};
static const hf_foreign_key hen_keys[] = { HF_FOREIGN_KEY(hen, egg, egg, id, .deferrable = true) };
static const hf_foreign_key egg_keys[] = { HF_FOREIGN_KEY(egg, hen, hen, id, .deferrable = true) };
HF_TABLE(hen, .foreign_keys = hen_keys, .n_foreign_keys = 1);
HF_TABLE(egg, .foreign_keys = egg_keys, .n_foreign_keys = 1);

static const hf_table *const all[] = { &node_table, &leaf_table, &hen_table, &egg_table, NULL };

/* 1 - 2 - 3 and 4: leaves at 3 and 4; one at 4 that also points to 2 and 3. */
static hf_session *grow(hf_pool *p)
{
	free(t_psql("set client_min_messages to warning; drop table if exists leaf, node cascade;"
		    "create table node (id int primary key, above int references node);"
		    "create table leaf (node_id int not null references node,"
		    "  also int references node, once int references node, text text not null);"
		    "insert into node values (1, null), (2, 1), (3, 2), (4, null);"
		    "insert into leaf values (3, null, null, 'a'), (4, null, null, 'b'),"
		    "  (4, 2, 3, 'c')"));
	return hf_session_on_pool(p);
}

/* † peewee-async: test_aio_delete_instance_recursive: the child is removed. */
START_TEST(test_delete_instance_recursive)
{
	hf_pool *p = t_pool(NULL);
	hf_session *s = grow(p);
	struct node three = { .id = 3 };

	t_verb(s, hf_delete_deep(s, node, &three, all, false));
	t_sql_gives("select string_agg(id::text, ' ' order by id) from node", "1 2 4");
	t_sql_gives("select string_agg(text, ' ' order by text) from leaf", "b c");
	hf_session_unref(s);
	t_close(p);
}
END_TEST

/* † peewee-async: test_aio_delete_instance_recursive_nullable: the child is kept, its key NULL. Two
 * keys of one row become NULL at once. */
START_TEST(test_delete_instance_recursive_nullable)
{
	hf_pool *p = t_pool(NULL);
	hf_session *s = grow(p);
	struct node two = { .id = 2 };

	free(t_psql("update leaf set also = 2, once = 2 where text = 'c'"));
	t_verb(s, hf_delete_deep(s, node, &two, all, false));
	ck_assert_int_eq(t_psql_int("select count(*) from node where id = 3 and above is null"), 1);
	ck_assert_int_eq(t_psql_int("select count(*) from leaf where text = 'c' and also is null "
				    "and once is null and node_id = 4"),
		1);
	ck_assert_int_eq(t_psql_int("select count(*) from leaf"), 3);
	hf_session_unref(s);
	t_close(p);
}
END_TEST

/* † peewee-async: test_aio_delete_instance_recursive_delete_nullable: the child is removed, and
 * here, to any depth, what hangs on it. */
START_TEST(test_delete_instance_recursive_delete_nullable)
{
	hf_pool *p = t_pool(NULL);
	hf_session *s = grow(p);
	struct node one = { .id = 1 };

	t_verb(s, hf_delete_deep(s, node, &one, all, true));
	t_sql_gives("select string_agg(id::text, ' ') from node", "4");
	t_sql_gives("select string_agg(text, ' ') from leaf", "b");
	ck_assert_int_eq(hf_delete_deep(s, node, &one, all, true), HF_E_NO_ROWS);
	hf_session_unref(s);
	t_close(p);
}
END_TEST

/* Something that no one told it of refers to a leaf of the tree: all of it stays. */
START_TEST(test_failure_midway)
{
	hf_pool *p = t_pool(NULL);
	hf_session *s = grow(p);
	struct node one = { .id = 1 };

	free(t_psql("drop table if exists other; create table other (n int references node);"
		    "insert into other values (3)"));
	ck_assert_int_eq(hf_delete_deep(s, node, &one, all, true), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(s)), "23503");
	ck_assert_int_eq(t_psql_int("select count(*) from node"), 4);
	ck_assert_int_eq(t_psql_int("select count(*) from leaf where also is not null"), 1);
	ck_assert_int_eq(t_psql_int("select count(*) from leaf"), 3);
	free(t_psql("drop table other"));
	t_verb(s, hf_delete_deep(s, node, &one, all, true));
	ck_assert_int_eq(t_psql_int("select count(*) from node"), 1);
	hf_session_unref(s);
	t_close(p);
}
END_TEST

/* A trigger keeps the row: it keeps all the rest, wherever the statement stands, and it is not
 * asked again. Of a row further down the server says that something still refers to it. */
START_TEST(test_kept_by_a_trigger)
{
	hf_pool *p = t_pool(NULL);
	hf_session *s = grow(p), *in_txn;
	hf_txn *txn;
	struct node one = { .id = 1 }, two = { .id = 2 };
	uint64_t before;

	free(t_psql("create or replace function keep() returns trigger language plpgsql as $$"
		    " begin return null; end $$;"
		    "create trigger keep before delete on node for each row when (old.id = 2)"
		    " execute function keep()"));
	before = t_stats(p).statements;
	ck_assert_int_eq(hf_delete_deep(s, node, &two, all, true), HF_E_NO_ROWS);
	ck_assert_uint_eq(t_stats(p).statements, before + 1);
	ck_assert_ptr_nonnull(strstr(hf_error_message(hf_session_error(s)),
		"model node: the row is there, and the server has left it and what refers to it"));
	ck_assert_int_eq(hf_delete_deep(s, node, &two, all, false), HF_E_NO_ROWS);
	txn = hf_txn_begin(p, NULL);
	in_txn = hf_session_on_txn(txn);
	ck_assert_int_eq(hf_delete_deep(in_txn, node, &two, all, true), HF_E_NO_ROWS);
	t_done(hf_txn_commit(txn));
	ck_assert_int_eq(hf_delete_deep(s, node, &one, all, true), HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(hf_session_error(s)), "23503");
	t_sql_gives(
		"select string_agg(id || coalesce('-' || above, ''), ' ' order by id) from node",
		"1 2-1 3-2 4");
	t_sql_gives("select string_agg(concat(text, also, once), ' ' order by text) from leaf",
		"a b c23");
	hf_session_unref(in_txn);
	hf_txn_unref(txn);
	hf_session_unref(s);
	t_close(p);
}
END_TEST

START_TEST(test_circle)
{
	hf_pool *p = t_pool(NULL);
	hf_session *s = hf_session_on_pool(p);
	struct hen first = { .id = 1 };

	free(t_psql("set client_min_messages to warning; drop table if exists hen, egg cascade;"
		    "create table hen (id int primary key, egg int not null);"
		    "create table egg (id int primary key, hen int not null references hen);"
		    "insert into hen values (1, 12), (2, 11), (3, 33);"
		    "insert into egg values (11, 1), (12, 2), (33, 3);"
		    "alter table hen add foreign key (egg) references egg"));
	t_verb(s, hf_delete_deep(s, hen, &first, all, false));
	ck_assert_int_eq(t_psql_int("select sum(id) from hen"), 3);
	ck_assert_int_eq(t_psql_int("select sum(id) from egg"), 33);
	hf_session_unref(s);
	t_close(p);
}
END_TEST

/* The same place in two partitions is two rows. */
START_TEST(test_partitions)
{
	hf_pool *p = t_pool(NULL);
	hf_session *s = hf_session_on_pool(p);
	struct node one = { .id = 1 };

	free(t_psql("set client_min_messages to warning; drop table if exists leaf, node cascade;"
		    "create table node (id int primary key, above int references node);"
		    "create table leaf (node_id int not null references node, also int,"
		    "  once int, text text not null) partition by list (text);"
		    "create table leaf_a partition of leaf for values in ('a');"
		    "create table leaf_b partition of leaf for values in ('b');"
		    "insert into node values (1, null), (2, null);"
		    "insert into leaf values (1, null, null, 'a'), (2, null, null, 'b')"));
	t_verb(s, hf_delete_deep(s, node, &one, all, false));
	t_sql_gives("select string_agg(text, ' ') from leaf", "b");
	hf_session_unref(s);
	t_close(p);
}
END_TEST

/* --- while another changes the row --- */

struct deletion {
	hf_pool *pool;
	const hf_table *table;
	void *row;
	const hf_table *const *among;
	hf_status st;
};

static void *delete_deep(void *arg)
{
	struct deletion *d = arg;
	hf_session *s = hf_session_on_pool(d->pool);

	d->st = hf_delete_deep_at(HF_HERE, s, d->table, d->row, d->among, true);
	hf_session_unref(s);
	return NULL;
}

static bool waits_for_lock(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) from pg_stat_activity where wait_event_type = 'Lock'") >
	       0;
}

/* Deletes it while another transaction, which has done `sql`, is not committed yet. */
static hf_status delete_while(const char *sql, struct deletion d)
{
	hf_txn *other = hf_txn_begin(d.pool, NULL);
	pthread_t thread;

	t_done(hf_txn_query(other, sql));
	ck_assert_int_eq(pthread_create(&thread, NULL, delete_deep, &d), 0);
	ck_assert(t_wait_until(waits_for_lock, NULL, 10000));
	t_done(hf_txn_commit(other));
	pthread_join(thread, NULL);
	hf_txn_unref(other);
	return d.st;
}

START_TEST(test_changed_meanwhile)
{
	hf_pool *p = t_pool(NULL);
	hf_session *s = grow(p);
	struct node one = { .id = 1 };

	ck_assert_int_eq(delete_while("update node set above = 4 where id = 1",
				 (struct deletion){ p, &node_table, &one, all, HF_OK }),
		HF_OK);
	t_sql_gives("select string_agg(id::text, ' ') from node", "4");
	t_sql_gives("select string_agg(text, ' ') from leaf", "b");
	hf_session_unref(s);
	t_close(p);
}
END_TEST

/* A row with a version, and what refers to it. */
struct tree {
	int32_t id, version;
};
static const hf_column tree_columns[] = {
	HF_COLUMN(tree, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(tree, version, INT4, NOT_NULL, HF_ROW_VERSION),
};
HF_TABLE(tree, .name = "tree");

struct twig {
	int32_t tree_id;
};
static const hf_column twig_columns[] = { HF_COLUMN(twig, tree_id, INT4, NOT_NULL, HF_PLAIN) };
static const hf_foreign_key twig_keys[] = { HF_FOREIGN_KEY(twig, tree_id, tree, id, .name = NULL) };
HF_TABLE(twig, .foreign_keys = twig_keys, .n_foreign_keys = 1);

START_TEST(test_stale_meanwhile)
{
	static const hf_table *const twigs[] = { &twig_table, NULL };
	hf_pool *p = t_pool(NULL);
	struct tree one = { .id = 1 };

	free(t_psql("set client_min_messages to warning; drop table if exists twig, tree;"
		    "create table tree (id int primary key, version int not null);"
		    "create table twig (tree_id int not null);"
		    "insert into tree values (1, 0); insert into twig values (1), (1)"));
	ck_assert_int_eq(delete_while("update tree set version = 1",
				 (struct deletion){ p, &tree_table, &one, twigs, HF_OK }),
		HF_E_STALE);
	ck_assert_int_eq(t_psql_int("select count(*) from tree"), 1);
	ck_assert_int_eq(t_psql_int("select count(*) from twig"), 2);
	t_close(p);
}
END_TEST

T_MAIN("delete_deep", { "H10 what refers to it goes first", test_delete_instance_recursive, 0 },
	{ "H10 what may stay is set free", test_delete_instance_recursive_nullable, 0 },
	{ "H10 or goes as well, to any depth", test_delete_instance_recursive_delete_nullable, 0 },
	{ "H10 after a failure midway nothing is deleted", test_failure_midway, 0 },
	{ "H10 a trigger that keeps the row keeps the rest", test_kept_by_a_trigger, 0 },
	{ "H10 tables in a circle", test_circle, 0 },
	{ "H10 tables in partitions", test_partitions, 0 },
	{ "H10 a row that another changes meanwhile", test_changed_meanwhile, 0 },
	{ "H10 J8 one that is stale by then keeps what refers to it", test_stale_meanwhile, 0 })
