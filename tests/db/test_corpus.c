/* SPDX-License-Identifier: MIT */
/* No verb knows a table: every verb on every table of schemas that others wrote, with random rows.
 * Their descriptions are read from the catalog.
 *
 * HOLDFAST_CORPUS names a directory with chinook.sql, kamailio.sql, northwind.sql and
 * pagila-schema.sql; without it a schema of our own, which has every oddity of those, is all there
 * is. HOLDFAST_SEED: of the random rows [20261121]. */
#include "corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char odd_schema[] =
	"create schema \"Odd.One\";"
	"create domain \"b\xc4\xb1gs\xc4\xb1nt\" as bigint;"
	"create domain year as integer check (value between 1901 and 2155);"
	"create type rating as enum ('G', 'PG-13', 'it''s \"R\"');"
	"create table \"class\" (\"public\" serial primary key, \"Name.Prefix\" varchar(8),"
	"  \"select\" bool not null default true, self int references \"class\");"
	"create table \"Odd.One\".\"a \"\"b\"\" c\" (\"$1\" int, \"%s\" text, \"?\" rating,"
	"  primary key (\"%s\", \"$1\"));"
	"create table no_key (n int, t text, c char(3), d date, i interval);"
	"create table only_key (a uuid, b int2, c timestamp, primary key (a, b, c));"
	"create table always (id int8 generated always as identity primary key, a int4 not null,"
	"  twice int8 generated always as (a * 2::int8) stored, y year, big "
	"\"b\xc4\xb1gs\xc4\xb1nt\");"
	"create table arrays (id int primary key, t text[], n int4[] not null,"
	"  r rating not null default 'G', v tsvector, s int4range);"
	"create table values_of_all (id text primary key, b bool, i2 int2, i8 int8 not null, f4 "
	"float4,"
	"  f8 float8 not null, num numeric(12,3), by bytea not null, tz timestamptz, ts timestamp,"
	"  tod time, j json, jb jsonb not null, u uuid, iv interval not null, ch char(5) not null);"
	"create table parts (at timestamptz not null, id int not null, what text,"
	"  primary key (at, id)) partition by range (at);"
	"create table parts_1 partition of parts for values from ('2024-01-01') to ('2024-02-01');"
	"create table parts_2 partition of parts for values from ('2024-02-01') to ('2024-03-01');";

void must_be(struct suite *c, hf_status st, hf_status wanted, const char *what)
{
	const hf_error *e = hf_session_error(c->s);

	if (st != wanted)
		ck_abort_msg("%s.%s, %s: %s: %s (%.200s); seed %" PRIu64, c->t->t.schema,
			c->t->t.name, what, hf_status_name(st), hf_error_message(e),
			hf_error_field(e, HF_ERR_QUERY) ? hf_error_field(e, HF_ERR_QUERY) : "",
			c->first_seed);
}

void must_equal(struct suite *c, const void *a, const void *b, const char *what)
{
	const hf_column *col = t_row_differs(c->t, a, b);

	if (col)
		ck_abort_msg("%s.%s, %s: column \"%s\" (%s) differs: %s / %s; seed %" PRIu64,
			c->t->t.schema, c->t->t.name, what, col->name, col->sql_type,
			hf_row_dump(&c->t->t, a, true), hf_row_dump(&c->t->t, b, true),
			c->first_seed);
}

static hf_term equals(const struct t_table *t, size_t i, const void *row, hf_op op)
{
	return (hf_term){ .op = op,
		.table = &t->t,
		.column = t->columns[i].offset + 1,
		.value = t_member(t, i, row) };
}

void by_key(const struct t_table *t, const void *row, hf_term *terms)
{
	size_t n = 0;

	for (size_t i = 0; i < t->t.n_columns; i++)
		if (t->columns[i].key)
			terms[n++] = equals(t, i, row, HF_OP_EQ);
	terms[n] = (hf_term){ .op = HF_OP_END };
}

static int64_t count(struct suite *c)
{
	int64_t n;

	must_be(c, hf_count_at(HF_HERE, c->s, &c->t->t, &n, HF__CLAUSES(HF_ALL)), HF_OK, "count");
	return n;
}

static bool all_is_key(const struct t_table *t)
{
	for (size_t i = 0; i < t->t.n_columns; i++)
		if (!t->columns[i].key && !t->columns[i].generated_sql)
			return false;
	return true;
}

/* Two one by one, and the others at once. */
static char *insert(struct suite *c)
{
	size_t size = c->t->t.row_size;
	char *rows = hf_session_alloc(c->s, ROWS * size);

	ck_assert_ptr_nonnull(rows);
	for (size_t i = 0; i < ROWS; i++)
		t_row_random(c->s, c->t, rows + i * size, false, &c->seed);
	for (size_t i = 0; i < 2; i++)
		must_be(c, hf_insert_at(HF_HERE, c->s, &c->t->t, rows + i * size), HF_OK, "insert");
	must_be(c, hf_insert_many_at(HF_HERE, c->s, &c->t->t, rows + 2 * size, ROWS - 2), HF_OK,
		"insert many");
	return rows;
}

void *read_one(struct suite *c, const void *row, hf_status wanted)
{
	hf_term key[HF_MAX_KEY + 1];
	void *found = NULL;

	by_key(c->t, row, key);
	must_be(c, hf_get_at(HF_HERE, c->s, &c->t->t, &found, key), wanted, "get");
	return found;
}

static void with_key(struct suite *c)
{
	size_t size = c->t->t.row_size;
	char *rows = insert(c);

	other_verbs(c, rows);
	for (size_t i = 0; i < ROWS; i++) {
		char *row = rows + i * size;

		must_equal(c, row, read_one(c, row, HF_OK), "inserted");
		if (all_is_key(c->t))
			continue;
		t_row_random(c->s, c->t, row, true, &c->seed);
		must_be(c, hf_update_at(HF_HERE, c->s, &c->t->t, row, NULL), HF_OK, "update");
		must_equal(c, row, read_one(c, row, HF_OK), "updated");
	}
	for (size_t i = 0; i < ROWS; i++) {
		must_be(c, hf_delete_at(HF_HERE, c->s, &c->t->t, rows + i * size), HF_OK, "delete");
		read_one(c, rows + i * size, HF_E_NO_ROWS);
	}
}

bool is_among(struct suite *c, const void *row, hf_rows *found)
{
	const char *at = hf_rows_of(found, &c->t->t);

	for (size_t i = 0; i < hf_rows_count(found); i++)
		if (!t_row_differs(c->t, row, at + i * c->t->t.row_size))
			return true;
	return false;
}

/* Rows of a table without a key are all there is to tell them apart by. */
static void without_key(struct suite *c)
{
	size_t size = c->t->t.row_size, n = 0;
	char *rows = insert(c), *changed = t_row_new(c->s, c->t);
	hf_term *sets = hf_session_alloc(c->s, (c->t->t.n_columns + 1) * sizeof *sets);
	hf_rows *found;
	int64_t many;

	must_be(c, hf_select_at(HF_HERE, c->s, &c->t->t, &found, HF__CLAUSES(HF_ALL)), HF_OK,
		"select");
	ck_assert_uint_eq(hf_rows_count(found), ROWS);
	for (size_t i = 0; i < ROWS; i++)
		if (!is_among(c, rows + i * size, found))
			ck_abort_msg("%s: %s is not among what was read; seed %" PRIu64,
				c->t->t.name, hf_row_dump(&c->t->t, rows + i * size, true),
				c->first_seed);
	hf_rows_unref(found);
	must_be(c, hf_update_at(HF_HERE, c->s, &c->t->t, rows, NULL), HF_E_MISUSE, "update");
	must_be(c, hf_delete_at(HF_HERE, c->s, &c->t->t, rows), HF_E_MISUSE, "delete");
	other_verbs_without_key(c, rows);

	t_row_random(c->s, c->t, changed, false, &c->seed);
	for (size_t i = 0; i < c->t->t.n_columns; i++)
		sets[n++] = equals(c->t, i, changed, HF_OP_SET);
	must_be(c,
		hf_update_where_at(
			HF_HERE, c->s, &c->t->t, &many, &found, sets, HF__CLAUSES(HF_ALL)),
		HF_OK, "update by condition");
	ck_assert_int_eq(many, ROWS);
	ck_assert(is_among(c, changed, found));
	hf_rows_unref(found);
	must_be(c, hf_delete_where_at(HF_HERE, c->s, &c->t->t, &many, NULL, HF__CLAUSES(HF_ALL)),
		HF_OK, "delete by condition");
	ck_assert_int_eq(many, ROWS);
}

/* Everything of the corpus, whatever it refers to: foreign keys and triggers sleep. */
static const char *dsn_of(const char *database)
{
	static char dsn[1000];

	snprintf(dsn, sizeof dsn,
		"%s dbname=%s options='-c session_replication_role=replica -c TimeZone=UTC'",
		t_dsn(), database);
	return dsn;
}

static void run_script(const char *database, const char *sql)
{
	hf_pool *p = t_pool_on(dsn_of(database), NULL);
	hf_error *why;

	if (hf_await(hf_script(p, sql), &why) != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
	t_close(p);
}

static void make_database(const char *name)
{
	char sql[100];

	snprintf(sql, sizeof sql, "drop database if exists %s", name);
	free(t_psql(sql));
	snprintf(sql, sizeof sql, "create database %s", name);
	free(t_psql(sql));
}

static void walk(struct suite *c, struct t_table *tables, size_t n)
{
	hf_error *why;

	for (size_t i = 0; i < n; i++) {
		int64_t before;

		c->t = &tables[i];
		if (hf_table_check(&c->t->t, &why) != HF_OK)
			ck_abort_msg("%s: %s", c->t->t.name, hf_error_message(why));
		before = count(c);
		(c->t->has_key ? with_key : without_key)(c);
		ck_assert_int_eq(count(c), before);
		hf_session_clear(c->s);
	}
}

static size_t keys_of_several(const struct t_table *tables, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		size_t of_key = 0;

		for (size_t k = 0; k < tables[i].t.n_columns; k++)
			of_key += tables[i].columns[k].key;
		found += of_key > 1;
	}
	return found;
}

/* The tables as they were made, and as the library makes them. So many have a key of several
 * columns. */
static void check_tables(const char *database, size_t expected, size_t composite)
{
	const char *seed = getenv("HOLDFAST_SEED");
	struct suite c = { .pool = t_pool_on(dsn_of(database), NULL) };
	static struct t_table *tables, *again; /* for good, as descriptions are */
	size_t n;

	c.first_seed = c.seed = seed ? strtoull(seed, NULL, 10) : 20261121;
	tables = t_catalog(c.pool, &n);
	c.s = hf_session_on_pool(c.pool);
	printf("# %zu tables, seed %" PRIu64 "\n", n, c.first_seed);
	ck_assert_uint_eq(n, expected);
	ck_assert_uint_eq(keys_of_several(tables, n), composite);
	walk(&c, tables, n);
	again = make_again(&c, tables, n);
	walk(&c, again, n);
	drop_all(&c, again, n);
	hf_session_unref(c.s);
	t_close(c.pool);
}

static const char empty_tables[] =
	"do $$ declare t record; begin for t in select oid::regclass as name from pg_class"
	"  where relkind in ('r', 'p') and relnamespace::regnamespace::text !~ "
	"'^(pg_|information_)'"
	" loop execute 'truncate ' || t.name || ' cascade'; end loop; end $$";

/* Into a database of its name. What is in the file beside the tables may fail: owners that are not
 * there, databases of its own. */
static void load(const char *file, const char *database)
{
	const char *dir = getenv("HOLDFAST_CORPUS");
	char command[2000];

	if (!dir)
		t_skip("HOLDFAST_CORPUS is not set");
	t_need_pgctl();
	make_database(database);
	snprintf(command, sizeof command,
		"sed -e '/^\\\\c /d' -e '/ DATABASE /d' -e '/ OWNER TO /d' '%s/%s' |"
		" \"$HOLDFAST_TEST_PGBIN/psql\" -X -q '%s dbname=%s' >/dev/null 2>&1",
		dir, file, t_dsn(), database);
	ck_assert_int_eq(system(command), 0);
	run_script(database, empty_tables);
}

START_TEST(test_odd_schema)
{
	make_database("corpus_odd");
	run_script("corpus_odd", odd_schema);
	check_tables("corpus_odd", 10, 5);
	free(t_psql("drop database corpus_odd"));
}
END_TEST

START_TEST(test_chinook)
{
	load("chinook.sql", "chinook");
	check_tables("chinook", 11, 1);
}
END_TEST

START_TEST(test_kamailio)
{
	load("kamailio.sql", "kamailio");
	check_tables("kamailio", 83, 0);
}
END_TEST

START_TEST(test_northwind)
{
	load("northwind.sql", "northwind");
	check_tables("northwind", 14, 3);
}
END_TEST

START_TEST(test_pagila)
{
	load("pagila-schema.sql", "pagila");
	check_tables("pagila", 70, 58);
}
END_TEST

/* The tables of each are dropped, made of their descriptions and dropped again on the way (G11). */
T_MAIN("corpus", { "G11 H2 every verb on a schema with every oddity", test_odd_schema, 120 },
	{ "every verb on Chinook's 11 tables", test_chinook, 120 },
	{ "every verb on Kamailio's 83 tables", test_kamailio, 120 },
	{ "every verb on Northwind's 14 tables", test_northwind, 120 },
	{ "every verb on Pagila's 70 tables", test_pagila, 120 })
