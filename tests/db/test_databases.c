/* SPDX-License-Identifier: MIT */
/* Databases: made, found and listed. Dropping them is in test_databases_drop.c. */
#include "fixture.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A name that nobody has, and that is no harm to anybody who forgets a quote. */
static const char *random_name(void)
{
	static char name[64];

	snprintf(name, sizeof name, "hf it's \"%d\" \\ \xc3\xa4;--", (int)getpid());
	return name;
}

static hf_error *why;

static void works(hf_status st)
{
	ck_assert_msg(st == HF_OK, "%s: %s", hf_status_name(st), hf_error_message(why));
	ck_assert_ptr_null(why);
}

/* The message, or the SQLSTATE, is this; the error is let go of. */
static void refused(hf_status st, hf_status want, const char *text)
{
	ck_assert_msg(st == want, "%s instead of %s: %s", hf_status_name(st), hf_status_name(want),
		hf_error_message(why));
	ck_assert_int_eq(hf_error_status(why), want);
	ck_assert_msg(
		strstr(hf_error_message(why), text) || strcmp(hf_error_sqlstate(why), text) == 0,
		"\"%s\" (%s) is not \"%s\"", hf_error_message(why), hf_error_sqlstate(why), text);
	why = hf_error_unref(why);
}

static bool exists(hf_pool *p, const char *name)
{
	bool there = false;
	hf_status st = hf_database_exists(p, name, &there, &why);

	works(st);
	return there;
}

static void drop(hf_pool *p, const char *name)
{
	hf_status st = hf_database_drop(p, name, NULL, &why);

	works(st);
	ck_assert(!exists(p, name));
}

/* --- of all engines --- */

static hf_engines *registry(void)
{
	static const char *const names[] = { "writer", "reader", "logger" };
	hf_engines *e = hf_engines_new();
	hf_status st;

	for (size_t i = 0; i < T_COUNT(names); i++) {
		st = hf_engines_open(e, names[i], t_dsn(),
			HF_ENGINE_OPTS(.is_default = i == 0,
				.pool = HF_POOL_OPTS(.name = t_name(), .max_conns = 2)),
			&why);
		works(st);
	}
	return e;
}

static void close_all(hf_engines *e)
{
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}

static void use(hf_engines *e, const char *name)
{
	hf_scope *s = hf_scope_new(e, NULL);
	hf_result *res = NULL;
	hf_status st;

	t_done(hf_session_query(hf_writer(s), "create table part (id int primary key)"));
	t_done(hf_session_query(hf_writer(s), "insert into part values (1), (2)"));
	st = hf_scope_commit(s, &why);
	works(st);
	st = hf_session_fetch(
		hf_reader(s), &res, &why, "select current_database(), count(*) from part");
	works(st);
	ck_assert_str_eq(hf_row_text(hf_result_row(res, 0), 0), name);
	ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 1, 0), 2);
	hf_result_unref(res);
	t_done(hf_session_query(hf_logger(s), "insert into part values (3)"));
	hf_scope_unref(s);
}

/* † What pulsar-odm's tests do around every case (setUpClass, tearDownClass): a random database is
 * created, tables in it, the suite runs, all is closed and the database is dropped, from the
 * registry that made it. */
START_TEST(test_set_up_and_tear_down)
{
	hf_engines *e = registry(), *made;
	hf_pool *p;
	hf_status st;

	made = hf_engines_create_database(e, random_name(), NULL, &why);
	works(made ? HF_OK : hf_error_status(why));
	use(made, random_name());
	p = hf_engines_get(e, NULL, NULL);
	ck_assert(exists(p, random_name()));
	close_all(made);
	st = hf_engines_drop_database(e, random_name(), NULL, &why);
	works(st);
	ck_assert(!exists(p, random_name()));
	/* Nothing of the first registry was in the way, or was touched. */
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	hf_pool_unref(p);
	close_all(e);
}
END_TEST

/* On the second server nothing can be made: so nothing stays on the first. */
START_TEST(test_all_or_none)
{
	hf_engines *e = registry();
	hf_pool *p = hf_engines_get(e, NULL, NULL);
	hf_status st = hf_engines_open(e, "far", "host=/nonexistent dbname=x", NULL, &why);

	works(st);
	ck_assert_ptr_null(hf_engines_create_database(e, random_name(), NULL, &why));
	refused(hf_error_status(why), HF_E_CONNECT, "engine \"far\"");
	ck_assert(!exists(p, random_name()));
	/* Nor where the copy is impossible: that is told before. */
	st = hf_engines_add(e, "mine", p, NULL, &why);
	works(st);
	ck_assert_ptr_null(hf_engines_create_database(e, random_name(), NULL, &why));
	refused(hf_error_status(why), HF_E_MISUSE, "\"mine\"");
	hf_pool_unref(p);
	close_all(e);
	e = hf_engines_new();
	st = hf_engines_open(e, "reader", t_dsn(), NULL, &why);
	works(st);
	ck_assert_ptr_null(hf_engines_create_database(e, random_name(), NULL, &why));
	refused(hf_error_status(why), HF_E_MISUSE, "no engine of this registry writes");
	close_all(e);
}
END_TEST

/* --- of one server --- */

START_TEST(test_options)
{
	hf_pool *p = t_pool(NULL);
	char *got;
	hf_status st = hf_database_create(p, "hf_options",
		HF_DATABASE_OPTS(.owner = "needs_password", .template_db = "template0",
			.encoding = "LATIN1", .locale = "C", .tablespace = "pg_default",
			.connection_limit = 7, .timeout_ms = 60000),
		&why);

	works(st);
	got = t_psql("select concat_ws(' ', pg_get_userbyid(datdba), pg_encoding_to_char(encoding),"
		     " datcollate, datctype, datconnlimit) from pg_database"
		     " where datname = 'hf_options'");
	ck_assert_str_eq(got, "needs_password LATIN1 C C 7");
	free(got);
	/* There is one: told, or accepted as it is. */
	refused(hf_database_create(p, "hf_options", NULL, &why), HF_E_SQL, "42P04");
	st = hf_database_create(p, "hf_options", HF_DATABASE_OPTS(.if_missing = true), &why);
	works(st);
	ck_assert_int_eq(t_psql_int("select datconnlimit from pg_database where datname = "
				    "'hf_options'"),
		7);
	drop(p, "hf_options");
	refused(hf_database_create(p, "hf_options", HF_DATABASE_OPTS(.owner = "no\"body"), &why),
		HF_E_SQL, "42704");
	refused(hf_database_create(p, "hf_options", HF_DATABASE_OPTS(.owner = ""), &why),
		HF_E_MISUSE, "the name of the owner is empty");
	refused(hf_database_create(p, "hf_options", HF_DATABASE_OPTS(.encoding = "\xff"), &why),
		HF_E_MISUSE, "not valid UTF-8");
	refused(hf_database_create(p, "hf_options", HF_DATABASE_OPTS(.connection_limit = -1), &why),
		HF_E_MISUSE, "-1");
	ck_assert(!exists(p, "hf_options"));
	t_close(p);
}
END_TEST

START_TEST(test_bad_names)
{
	static const char *const bad[] = { NULL, "",
		"a234567890123456789012345678901234567890123456789012345678901234", "\xff\xfe" };
	static const char longest[] =
		"a23456789012345678901234567890123456789012345678901234567890123";
	hf_engines *e = registry();
	hf_pool *p = hf_engines_get(e, NULL, NULL);
	bool there;
	hf_status st;

	for (size_t i = 0; i < T_COUNT(bad); i++) {
		static const char says[] = "the name of the database";

		refused(hf_database_create(p, bad[i], NULL, &why), HF_E_MISUSE, says);
		refused(hf_database_exists(p, bad[i], &there, &why), HF_E_MISUSE, says);
		ck_assert_ptr_null(hf_engines_create_database(e, bad[i], NULL, &why));
		refused(hf_error_status(why), HF_E_MISUSE, says);
		ck_assert_ptr_null(hf_engines_copy_at(e, bad[i], &why));
		refused(hf_error_status(why), HF_E_MISUSE, says);
	}
	st = hf_database_create(p, longest, NULL, &why);
	works(st);
	ck_assert(exists(p, longest));
	drop(p, longest);
	hf_pool_unref(p);
	close_all(e);
}
END_TEST

/* Several make the same one: it is there for each of them. */
static void *make(void *pool)
{
	hf_error *mine = NULL;
	hf_status st =
		hf_database_create(pool, "hf_race", HF_DATABASE_OPTS(.if_missing = true), &mine);

	ck_assert_msg(st == HF_OK, "%s", hf_error_message(mine));
	return NULL;
}

START_TEST(test_race)
{
	hf_pool *p = t_pool(NULL);
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, make, p), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	drop(p, "hf_race");
	t_close(p);
}
END_TEST

START_TEST(test_read_only)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.read_only = true));

	ck_assert(exists(p, "template0"));
	refused(hf_database_create(p, "hf_never", NULL, &why), HF_E_SQL, "25006");
	ck_assert(!exists(p, "hf_never"));
	t_close(p);
}
END_TEST

/* --- asking --- */

/* † The twin of test_database_exist, which asks the very database: that raises when it is missing.
 */
START_TEST(test_database_exist)
{
	hf_pool *p = t_pool(NULL), *lost;
	char dsn[1024], *name = t_psql("select current_database()");

	ck_assert(exists(p, name));
	ck_assert(!exists(p, random_name()));
	snprintf(dsn, sizeof dsn, "%s dbname=hf_lost", t_dsn());
	lost = t_pool_on(dsn, HF_POOL_OPTS(.min_conns = HF_NONE));
	ck_assert(!exists(lost, "hf_lost"));
	ck_assert(exists(lost, name));
	refused(hf_database_exists(p, name, NULL, &why), HF_E_MISUSE, "out is NULL");
	refused(hf_database_exists(NULL, name, &(bool){ false }, &why), HF_E_MISUSE, "NULL");
	t_close(lost);
	/* It needs none of the pool's connections, nor its threads. */
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	ck_assert(exists(p, name));
	hf_pool_unref(p);
	free(name);
}
END_TEST

/* The row of that name, and whether there is one. */
static bool find(const hf_result *res, const char *name, hf_row *found)
{
	HF_FOREACH_ROW (row, res) {
		*found = row;
		if (strcmp(hf_row_text(row, 0), name) == 0)
			return true;
	}
	return false;
}

/* † The twin of test_databases; the source gives schemas. */
START_TEST(test_databases)
{
	hf_pool *p = t_pool(NULL);
	char *name = t_psql("select current_database()");
	hf_result *res = NULL;
	hf_row row;
	hf_status st = hf_database_list(p, false, &res, &why);

	works(st);
	ck_assert(find(res, name, &row));
	ck_assert_str_eq(hf_row_text(row, hf_result_column(res, "encoding")), "UTF8");
	ck_assert(!hf_row_bool(row, hf_result_column(res, "is_template"), true));
	ck_assert(hf_row_bool(row, hf_result_column(res, "may_connect"), false));
	ck_assert(find(res, "template1", &row));
	ck_assert(hf_row_bool(row, hf_result_column(res, "is_template"), false));
	ck_assert(!find(res, "template0", &row));
	hf_result_unref(res);
	st = hf_database_list(p, true, &res, &why);
	works(st);
	ck_assert(find(res, "template0", &row));
	ck_assert(!hf_row_bool(row, hf_result_column(res, "may_connect"), true));
	ck_assert_int_eq(
		(long long)hf_result_rows(res), t_psql_int("select count(*) from pg_database"));
	hf_result_unref(res);
	refused(hf_database_list(NULL, true, &res, &why), HF_E_MISUSE, "NULL");
	ck_assert_ptr_null(res);
	t_close(p);
	free(name);
}
END_TEST

static void let_in(const char *database, bool on)
{
	char sql[100];

	snprintf(sql, sizeof sql, "alter database %s allow_connections %s", database,
		on ? "true" : "false");
	free(t_psql(sql));
}

/* Where one may not connect to "postgres", "template1" will do, and then the pool's own. */
START_TEST(test_maintenance)
{
	hf_pool *p;
	bool there;

	t_need_pgctl();
	p = t_pool(NULL);
	let_in("postgres", false);
	ck_assert(exists(p, "postgres"));
	let_in("template1", false);
	ck_assert(exists(p, "postgres"));
	t_close(p);
	p = t_pool_on("host=/nonexistent", NULL);
	refused(hf_database_exists(p, "x", &there, &why), HF_E_CONNECT, "/nonexistent");
	t_close(p);
	let_in("postgres", true);
	let_in("template1", true);
}
END_TEST

/* --- without memory --- */

/* All verbs, each of which may fail for want of memory and nothing else. The database that is to be
 * made is there, and the one to be dropped is not: the server's part of it takes its time. */
static bool run_all(hf_pool *p, hf_engines *e, long *seen)
{
	hf_engines *made = hf_engines_create_database(
		e, "hf_poor", HF_DATABASE_OPTS(.if_missing = true), &why);
	hf_result *res = NULL;
	bool there = false, ok = made != NULL;
	char *url = NULL;

	ok = ok && (url = hf_pool_url(p)) != NULL;
	ok = ok && hf_database_exists(p, "hf_poor", &there, &why) == HF_OK && there;
	ok = ok && hf_database_list(p, true, &res, &why) == HF_OK;
	ok = ok && hf_engines_drop_database(
			   made, "hf_rich", HF_DROP_OPTS(.if_exists = true), &why) == HF_OK;
	*seen = hf__mem_seen();
	hf__mem_fail(0, 0);
	ck_assert_msg(ok || (made && !url) || hf_error_status(why) == HF_E_NOMEM, "%s",
		hf_error_message(why));
	why = hf_error_unref(why);
	hf_result_unref(res);
	if (made)
		close_all(made);
	free(url);
	return ok;
}

START_TEST(test_every_allocation_failing)
{
	hf_pool_opts lazy = *HF_POOL_OPTS(.min_conns = HF_NONE, .max_conns = 1);
	hf_pool *p = t_pool(&lazy);
	hf_engines *e = hf_engines_new();
	long seen, n = 0, failed = 0;

	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	works(hf_engines_open(e, "writer", t_dsn(), HF_ENGINE_OPTS(.pool = &lazy), &why));
	works(hf_database_create(p, "hf_poor", NULL, &why));
	do {
		hf__mem_fail(n, 1);
		failed += !run_all(p, e, &seen);
	} while (seen > n++);
	ck_assert_int_gt(failed, 100);
	ck_assert_int_lt(failed, n);
	works(hf_database_drop(p, "hf_poor", NULL, &why));
	hf_pool_unref(p);
	close_all(e);
}
END_TEST

T_MAIN("databases",
	{ "F30 F35 F37 a random database is made, used, closed and dropped",
		test_set_up_and_tear_down, 0 },
	{ "F30 what cannot be made on every server is made on none", test_all_or_none, 0 },
	{ "F30 options, and a database that is there", test_options, 0 },
	{ "F30 F31 names that no database can have", test_bad_names, 0 },
	{ "F30 several make the same database", test_race, 0 },
	{ "F30 a read-only pool makes none", test_read_only, 0 },
	{ "F32 the current database exists, a random one does not", test_database_exist, 0 },
	{ "F33 the list has the current database, and flags templates", test_databases, 0 },
	{ "F32 the database to connect to is one that lets us in", test_maintenance, 0 },
	{ "F30 F31 every allocation failing in turn", test_every_allocation_failing, 120 })
