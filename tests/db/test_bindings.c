/* SPDX-License-Identifier: MIT */
/* Which engine a model's rows land in, and which one they are read from. The engines are pools on
 * one database, each with a schema of its own in front. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct note {
	int32_t id;
	const char *text;
};

struct memo {
	int32_t id;
	const char *text;
};

extern const hf_table note_table, memo_table;

static const hf_column note_columns[] = {
	HF_COLUMN(note, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(note, text, TEXT, NOT_NULL, HF_PLAIN),
};
HF_TABLE(note, .label = "archive");

static const hf_column memo_columns[] = {
	HF_COLUMN(memo, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(memo, text, TEXT, NOT_NULL, HF_PLAIN),
};
HF_TABLE(memo, .label = "archive");

static const hf_table *const all[] = { &note_table, &memo_table, &person_table, NULL };

static void works(hf_status st, hf_error *why)
{
	if (st != HF_OK)
		ck_abort_msg("%s: %s", hf_status_name(st), hf_error_message(why));
}

static void open_at(hf_engines *e, const char *name, const char *schema)
{
	char dsn[1024], sql[256];
	hf_error *why = NULL;
	hf_status st;

	if (strstr(t_dsn(), "://"))
		t_skip("a search path needs a connection string of keys and values");
	snprintf(sql, sizeof sql,
		"set client_min_messages to warning; drop schema if exists %s cascade;"
		"create schema %s",
		schema, schema);
	free(t_psql(sql));
	snprintf(dsn, sizeof dsn, "%s options='-c search_path=%s'", t_dsn(), schema);
	st = hf_engines_open(
		e, name, dsn, HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.max_conns = 2)), &why);
	works(st, why);
}

static hf_engines *three(void)
{
	hf_engines *e = hf_engines_new();
	hf_error *why = NULL;

	open_at(e, "main", "at_main");
	open_at(e, "archive", "at_archive");
	open_at(e, "warm", "at_warm");
	works(hf_engines_assign(e, NULL, "main", &why), why);
	return e;
}

static void close_all(hf_engines *e)
{
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}

static void bound(hf_engines *e, const hf_table *t, bool reads, const char *name)
{
	hf_error *why = NULL;
	char *is = hf_engines_bound(e, t, reads, &why);

	if (!is)
		ck_abort_msg("%s", hf_error_message(why));
	ck_assert_str_eq(is, name);
	free(is);
}

static void bind(hf_engines *e, const char *what, const char *engine, const char *reads)
{
	hf_error *why = NULL;

	works(hf_engines_bind(e, what, engine, reads, &why), why);
}

/* Makes what is bound to each of them, there. */
static void create_all(hf_engines *e, hf_scope *s)
{
	static const char *const names[] = { NULL, "archive", "warm" };
	hf_models *m = hf_models_new(NULL);
	hf_error *why = NULL;

	works(hf_models_add(m, all, NULL, &why), why);
	for (int i = 0; i < 3; i++) {
		hf_models *there = hf_models_bound(m, e, names[i], &why);
		hf_session *to = hf_scope_session(s, names[i]);

		if (!there)
			ck_abort_msg("%s", hf_error_message(why));
		t_verb(to, hf_models_create(there, to, 0));
		hf_models_unref(there);
	}
	hf_models_unref(m);
	works(hf_scope_commit(s, &why), why);
}

/* Which of the three schemas have such a table, by their first letters. */
static void lands(const char *table, const char *schema)
{
	char sql[256], *is;

	snprintf(sql, sizeof sql,
		"select string_agg(schemaname, ',' order by 1) from pg_tables where tablename = "
		"'%s' and schemaname like 'at_%%'",
		table);
	is = t_psql(sql);
	ck_assert_str_eq(is, schema);
	free(is);
}

/* † pulsar-odm: bind labels, "label.table" before "label" before the default; test_mapper: there
 * are bindings. */
START_TEST(test_precedence)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);
	struct note n = { .text = "a note" };
	struct memo m = { .text = "a memo" };
	struct person p = { .name = "Ann" };
	hf_error *why = NULL;

	free(t_psql("drop type if exists mood cascade"));
	bound(e, &note_table, false, "archive"); /* an engine of the label's name */
	bind(e, NULL, "warm", NULL);
	bound(e, &note_table, false, "archive");
	bound(e, &person_table, false, "warm");
	bind(e, NULL, NULL, NULL);
	bind(e, "archive", "main", NULL);
	bound(e, &memo_table, false, "main");
	bind(e, "archive", "archive", NULL);
	bind(e, "archive.memo", "warm", NULL);
	bound(e, &note_table, false, "archive");
	bound(e, &memo_table, false, "warm");
	bound(e, &person_table, false, "!default");
	create_all(e, s);
	lands("note", "at_archive");
	lands("memo", "at_warm");
	lands("person", "at_main");
	t_verb(hf_writes(s, note), hf_insert(hf_writes(s, note), note, &n));
	t_verb(hf_writes(s, memo), hf_insert(hf_writes(s, memo), memo, &m));
	t_verb(hf_writes(s, person), hf_insert(hf_writes(s, person), person, &p));
	works(hf_scope_commit(s, &why), why);
	ck_assert_int_eq(t_psql_int("select count(*) from at_archive.note"), 1);
	ck_assert_int_eq(t_psql_int("select count(*) from at_warm.memo"), 1);
	ck_assert_int_eq(t_psql_int("select count(*) from at_main.person"), 1);
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

/* A label comes from the base, or from that one's; the table's own counts before them. */
struct entry {
	int32_t id;
	const char *text;
};
static const hf_column entry_columns[] = {
	HF_COLUMN(entry, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(entry, text, TEXT, NOT_NULL, HF_PLAIN),
};
static const hf_table root = { .label = "archive", .schema = "at_archive" };
static const hf_table base = { .base = &root };
HF_TABLE(entry, .base = &base);

struct issue {
	int32_t id;
	const char *text;
};
static const hf_column issue_columns[] = {
	HF_COLUMN(issue, id, INT4, NOT_NULL, HF_SERIAL),
	HF_COLUMN(issue, text, TEXT, NOT_NULL, HF_PLAIN),
};
HF_TABLE(issue, .base = &base, .label = "warm");

/* † pulsar-odm: test_model_base, test_table_args: the label is inherited. */
START_TEST(test_table_args)
{
	hf_engines *e = three();
	hf_scope *s = hf_scope_new(e, NULL);
	struct entry n = { .text = "an entry" };
	hf_error *why = NULL;

	bound(e, &entry_table, false, "archive");
	bound(e, &issue_table, false, "warm");
	bind(e, "archive.entry", "warm", NULL);
	bound(e, &entry_table, false, "warm");
	bind(e, "archive.entry", NULL, NULL);
	t_verb(hf_writes(s, entry), hf_table_create(hf_writes(s, entry), &entry_table, 0));
	t_verb(hf_writes(s, entry), hf_insert(hf_writes(s, entry), entry, &n));
	ck_assert_str_eq(hf_session_engine(hf_writes(s, entry)), "archive");
	works(hf_scope_commit(s, &why), why);
	lands("entry", "at_archive");
	hf_scope_unref(s);
	close_all(e);
}
END_TEST

START_TEST(test_refused)
{
	hf_engines *e = three();
	hf_error *why;
	char long_name[80];
	static const char *const bad[] = { "", ".note", "archive.", "!default", "a b.note" };

	memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_int_eq(hf_engines_bind(e, bad[i], "main", NULL, &why), HF_E_MISUSE);
		hf_error_unref(why);
	}
	ck_assert_int_eq(hf_engines_bind(e, long_name, "main", NULL, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_engines_bind(e, "archive", long_name, NULL, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_engines_bind(e, "archive", "main", "!any", NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_engines_bind(NULL, "archive", "main", NULL, NULL), HF_E_MISUSE);
	bound(e, &note_table, false, "archive");
	ck_assert_ptr_null(hf_engines_bound(NULL, &note_table, false, &why));
	ck_assert_int_eq(hf_error_status(why), HF_E_MISUSE);
	hf_error_unref(why);
	close_all(e);
}
END_TEST

/* † peewee-async: test_proxy_database: bound before the engine is there, and elsewhere afterwards.
 */
START_TEST(test_late_and_again)
{
	hf_engines *e = three(), *copy;
	hf_scope *s = hf_scope_new(e, NULL);
	struct note n = { .text = "a note" };
	hf_error *why = NULL;

	bind(e, "archive", "later", NULL);
	ck_assert_int_eq(hf_insert(hf_writes(s, note), note, &n), HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(
		hf_error_message(hf_session_error(hf_writes(s, note))), "no engine is called"));
	ck_assert_int_eq(hf_scope_rollback(s), HF_OK);
	open_at(e, "later", "at_later");
	for (int i = 0; i < 2; i++) {
		const char *at = i ? "at_main.note" : "at_later.note";
		char sql[120];

		snprintf(sql, sizeof sql, "create table %s (id serial primary key, text text)", at);
		free(t_psql(sql));
		if (i == 1)
			bind(e, "archive", "main", NULL);
		n.id = 0;
		t_verb(hf_writes(s, note), hf_insert(hf_writes(s, note), note, &n));
		works(hf_scope_commit(s, &why), why);
		snprintf(sql, sizeof sql, "select count(*) from %s", at);
		ck_assert_int_eq(t_psql_int(sql), 1);
	}
	copy = hf_engines_copy(e, NULL);
	bind(e, "archive", NULL, NULL);
	bound(copy, &note_table, false, "main");
	bound(e, &note_table, false, "archive");
	hf_scope_unref(s);
	close_all(copy);
	close_all(e);
}
END_TEST

/* † pulsar-odm: test_dialect, the dialect of a model by its name. */
START_TEST(test_dialect)
{
	hf_engines *e = three();
	hf_models *m = hf_models_new(NULL);
	hf_error *why = NULL;
	hf_result *res;
	char *name;
	hf_pool *p;

	works(hf_models_add(m, all, NULL, &why), why);
	name = hf_engines_bound(e, hf_models_find(m, "note", NULL), false, &why);
	ck_assert_str_eq(name, "archive");
	p = hf_engines_get(e, name, &why);
	works(hf_fetch(p, &res, &why, "select version(), current_schema()::text"), why);
	ck_assert_int_eq(strncmp(hf_row_text(hf_result_row(res, 0), 0), "PostgreSQL ", 11), 0);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), 1), "at_archive");
	hf_result_unref(res);
	hf_pool_unref(p);
	free(name);
	hf_models_unref(m);
	close_all(e);
}
END_TEST

/* --- reading elsewhere --- */

static bool on_standby(hf_scope *s)
{
	hf_session *r = hf_reads(s, person);
	hf_result *res;
	hf_error *why = NULL;
	bool is;

	works(hf_session_fetch(r, &res, &why, "select pg_is_in_recovery()"), why);
	is = hf_row_bool(hf_result_row(res, 0), 0, false);
	hf_result_unref(res);
	return is;
}

struct waiting {
	hf_scope *s;
	int64_t n;
};

static bool has_arrived(void *arg)
{
	struct waiting *w = arg;
	int64_t n = -1;

	if (hf_count(hf_reads(w->s, person), person, &n, HF_ALL) != HF_OK)
		return false; /* the table has not arrived either */
	return n == w->n;
}

/* † pulsar-odm: register with a read_store; peewee-async: the database of a query in atomic(). */
START_TEST(test_read_store)
{
	const char *standby = t_standby_dsn();
	struct t_store st = t_store_open();
	hf_engines *e = hf_engines_new();
	hf_error *why = NULL;
	hf_scope *s;
	struct person p = { .name = "Ann" };
	int64_t n;

	works(hf_engines_add(e, "master", st.pool, NULL, &why), why);
	works(hf_engines_open(e, "replica", standby,
		      HF_ENGINE_OPTS(.mode = HF_MODE_READ, .pool = HF_POOL_OPTS(.max_conns = 1)),
		      &why),
		why);
	bind(e, NULL, "master", "replica");
	bound(e, &person_table, true, "replica");
	bound(e, &person_table, false, "master");
	s = hf_scope_new(e, NULL);
	ck_assert(on_standby(s));
	t_verb(hf_writes(s, person), hf_insert(hf_writes(s, person), person, &p));
	ck_assert(!on_standby(s)); /* inside the transaction: what it wrote is seen */
	t_verb(hf_reads(s, person), hf_count(hf_reads(s, person), person, &n, HF_ALL));
	ck_assert_int_eq(n, 1);
	works(hf_scope_commit(s, &why), why);
	ck_assert(on_standby(s));
	ck_assert(t_wait_until(has_arrived, &(struct waiting){ s, 1 }, 10000));
	hf_scope_unref(s);
	close_all(e);
	t_store_close(&st);
}
END_TEST

T_MAIN("bindings", { "F27 label.table before label before the default", test_precedence, 0 },
	{ "F27 G10 a label is inherited", test_table_args, 0 },
	{ "F27 what cannot be bound is told", test_refused, 0 },
	{ "F38 a model is bound before its engine is there, and to another later",
		test_late_and_again, 0 },
	{ "F36 the dialect of a model by its name", test_dialect, 0 },
	{ "F29 reads go to the read engine, in a transaction to the writer", test_read_store, 60 })
