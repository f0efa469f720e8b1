/* SPDX-License-Identifier: MIT */
/* What one piece of work leaves in the session is gone for the next, on the same session. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- rule 82 -------------------------------------------------------------------------------------
 */

/* A way to leave something behind, and a query whose answer shows it. What a SELECT does through a
 * function cannot be seen by a library, but for the server's own that are known: it is reset with
 * what is seen. */
static const struct dirt {
	const char *sql, *probe;
	bool hidden;
} dirt[] = {
	{ "set work_mem = '3MB'", "select current_setting('work_mem')", false },
	{ "set search_path = pg_temp, public", "select current_setting('search_path')", false },
	{ "set statement_timeout = 54321", "select current_setting('statement_timeout')", false },
	{ "set lock_timeout = 54321", "select current_setting('lock_timeout')", false },
	{ "set DateStyle = 'SQL, DMY'", "select current_setting('DateStyle')", false },
	{ "set TimeZone = 'Asia/Tokyo'", "select current_setting('TimeZone')", false },
	{ "set IntervalStyle = iso_8601", "select current_setting('IntervalStyle')", false },
	{ "set bytea_output = escape", "select current_setting('bytea_output')", false },
	{ "set client_min_messages = error", "select current_setting('client_min_messages')",
		false },
	{ "set extra_float_digits = 0", "select current_setting('extra_float_digits')", false },
	{ "set enable_seqscan = off", "select current_setting('enable_seqscan')", false },
	{ "set application_name = leaked", "select current_setting('application_name')", false },
	{ "set session characteristics as transaction isolation level serializable",
		"select current_setting('default_transaction_isolation')", false },
	{ "set leak.setting = 'x'",
		"select coalesce(nullif(current_setting('leak.setting', true), ''), 'none')",
		false },
	{ "do $$begin perform set_config('leak.other', 'x', false); end$$",
		"select coalesce(nullif(current_setting('leak.other', true), ''), 'none')", false },
	{ "select set_config('row_security', 'off', false)",
		"select current_setting('row_security')", false },
	{ "create temp table leak_table (a int)",
		"select count(*) from pg_class where "
		"relname = 'leak_table'",
		false },
	{ "create temp sequence leak_temp_sequence",
		"select count(*) from pg_class where relname = 'leak_temp_sequence'", false },
	{ "select 1 as a into temp leak_into",
		"select count(*) from pg_class where relname = 'leak_into'", false },
	{ "select nextval('public.leak_sequence')", "select public.leak_currval()", true },
	{ "select pg_advisory_lock(4711)",
		"select count(*) from pg_locks where locktype = 'advisory' and objid = 4711",
		false },
	{ "select pg_advisory_lock_shared(4712)",
		"select count(*) from pg_locks where locktype = 'advisory' and objid = 4712",
		false },
	{ "listen leak_channel", "select count(*) from pg_listening_channels()", false },
	{ "declare leak_cursor cursor with hold for select 1",
		"select count(*) from pg_cursors where name = 'leak_cursor'", false },
	{ "prepare leak_statement as select 1",
		"select count(*) from pg_prepared_statements where name = 'leak_statement'",
		false },
	{ "set role leak_role", "select current_user", false },
	{ "set session authorization leak_role", "select session_user", false },
	{ "set session characteristics as transaction read only",
		"select current_setting('default_transaction_read_only')", false },
};

#define WAYS (sizeof dirt / sizeof *dirt)

static char clean[WAYS][100];
static int pid;

static void look(char *out, const hf_result *res)
{
	const char *text = hf_row_text(hf_result_row(res, 0), 0);

	ck_assert_uint_eq(hf_result_rows(res), 1);
	snprintf(out, sizeof clean[0], "%s", text ? text : "NULL");
}

static void probe(hf_pool *p, size_t i, char *out)
{
	hf_future *f = hf_query(p, dirt[i].probe);

	look(out, t_ok(f));
	hf_future_unref(f);
}

/* A pool of one, and what a clean session answers. */
static hf_pool *clean_pool(void)
{
	hf_pool *p;

	free(t_psql("create role leak_role; create sequence leak_sequence;"
		    "create function leak_currval() returns text language plpgsql as $$"
		    " begin return currval('public.leak_sequence');"
		    " exception when others then return 'none'; end $$"));
	p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));
	for (size_t i = 0; i < WAYS; i++)
		probe(p, i, clean[i]);
	pid = (int)t_int(hf_query(p, "select pg_backend_pid()"));
	ck_assert_uint_eq(t_stats(p).resets, 0);
	return p;
}

static void must_be_clean(hf_pool *p, const char *after)
{
	char now[sizeof clean[0]];

	for (size_t i = 0; i < WAYS; i++) {
		probe(p, i, now);
		if (strcmp(now, clean[i]) != 0)
			ck_abort_msg("after %s, \"%s\" leaks: %s instead of %s", after, dirt[i].sql,
				now, clean[i]);
	}
	ck_assert_int_eq(t_int(hf_query(p, "select pg_backend_pid()")), pid);
	ck_assert_uint_eq(t_stats(p).discards, 0);
}

static void leave_nothing(hf_pool *p)
{
	t_close(p);
	free(t_psql("drop function leak_currval; drop sequence leak_sequence; drop role "
		    "leak_role"));
}

/* Every way, each seen to work. */
static hf_status dirty(hf_conn *c, void *arg, hf_reply *r)
{
	char now[sizeof clean[0]];
	const hf_result *res;
	hf_status st;

	(void)arg;
	for (size_t i = 0; i < WAYS; i++) {
		st = hf_conn_query(c, NULL, dirt[i].sql);
		if (st == HF_OK)
			st = hf_conn_query(c, &res, dirt[i].probe);
		if (st != HF_OK)
			return st;
		look(now, res);
		if (strcmp(now, clean[i]) == 0)
			return hf_fail(r, "\"%s\" left nothing behind", dirt[i].sql);
	}
	return HF_OK;
}

START_TEST(test_leaks_together)
{
	hf_pool *p = clean_pool();

	ck_assert_uint_ge(WAYS, 25);
	for (int i = 0; i < 5; i++) {
		t_done(hf_submit(p, HF_JOB(.fn = dirty, .manual = true)));
		must_be_clean(p, "an interaction");
	}
	ck_assert_uint_eq(t_stats(p).resets, 5);
	leave_nothing(p);
}
END_TEST

START_TEST(test_leaks_alone)
{
	hf_pool *p = clean_pool();

	for (size_t i = 0; i < WAYS; i++) {
		if (dirt[i].hidden)
			continue;
		t_done(hf_query(p, dirt[i].sql));
		must_be_clean(p, dirt[i].sql);
	}
	leave_nothing(p);
}
END_TEST

START_TEST(test_leaks_script)
{
	hf_pool *p = clean_pool();
	char text[8192] = "";
	size_t n = 0;

	for (size_t i = 0; i < WAYS; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s; ", dirt[i].sql);
	ck_assert_uint_lt(n, sizeof text);
	t_done(hf_script(p, text));
	must_be_clean(p, "a script");
	/* What is not undone with its transaction stays even where the script fails. */
	t_failed(hf_script(p, "prepare leak_statement as select 1; select pg_advisory_lock(4711); "
			      "select 1/0"),
		HF_E_SQL);
	must_be_clean(p, "a script that failed");
	leave_nothing(p);
}
END_TEST

/* --- B9 ------------------------------------------------------------------------------------------
 */

static hf_status three_ways(hf_conn *c, void *arg, hf_reply *r)
{
	hf_status st = hf_conn_query(c, NULL, "set work_mem = '3MB'");

	(void)arg;
	(void)r;
	if (st == HF_OK)
		st = hf_conn_query(c, NULL, "listen leak_channel");
	if (st == HF_OK)
		st = hf_conn_query(c, NULL, "create temp table leak_table as select 1 as a");
	return st == HF_OK ? hf_conn_query(c, NULL, "select a from leak_table") : st;
}

START_TEST(test_reset)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));
	const char *work_mem = "select setting::int8 from pg_settings where name = 'work_mem'";
	long long was = t_int(hf_query(p, work_mem)),
		  backend = t_int(hf_query(p, "select pg_backend_pid()"));

	for (int i = 0; i < 10; i++)
		t_done(hf_query(p, "select 1"));
	ck_assert_uint_eq(t_stats(p).resets, 0); /* a clean session costs nothing */
	t_done(hf_run(p, three_ways, NULL, NULL));
	ck_assert_int_eq(t_int(hf_query(p, work_mem)), was);
	ck_assert_int_eq(t_int(hf_query(p, "select count(*) from pg_listening_channels()")), 0);
	t_failed(hf_query(p, "select a from leak_table"), HF_E_SQL);
	ck_assert_int_eq(t_int(hf_query(p, "select pg_backend_pid()")), backend);
	ck_assert_uint_eq(t_stats(p).resets, 1);
	t_close(p);
}
END_TEST

/* Statements that the library prepared for itself live through a reset, or are made again. */
START_TEST(test_cache_survives)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));

	for (int i = 0; i < 30; i++) {
		ck_assert_int_eq(t_int(hf_query(p, "select $1::int + 1", i)), i + 1);
		if (i % 5 == 4)
			t_done(hf_query(p, "set work_mem = '3MB'"));
		if (i % 10 == 9)
			t_done(hf_query(p, "prepare mine as select 1"));
	}
	ck_assert_uint_eq(t_stats(p).discards, 0);
	t_close(p);
}
END_TEST

/* --- B10 -----------------------------------------------------------------------------------------
 */

static hf_status reply_isolation(hf_conn *c, void *arg, hf_reply *r)
{
	const hf_result *res;
	hf_status st = hf_conn_query(c, &res, "show transaction_isolation");

	(void)arg;
	if (st == HF_OK)
		hf_reply_result(r, res);
	return st;
}

static void must_read(hf_future *f, const char *want)
{
	ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(f), 0), 0), want);
	hf_future_unref(f);
}

/* Twin of the seed's test: checkout SERIALIZABLE, return, the next checkout is read committed. */
START_TEST(test_isolation)
{
	static const struct {
		hf_isolation level;
		const char *name;
	} levels[] = {
		{ HF_ISO_SERIALIZABLE, "serializable" },
		{ HF_ISO_REPEATABLE_READ, "repeatable read" },
		{ HF_ISO_READ_COMMITTED, "read committed" },
	};
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .strict = true));

	for (size_t i = 0; i < T_COUNT(levels); i++) {
		must_read(hf_submit(p, HF_JOB(.fn = reply_isolation, .isolation = levels[i].level)),
			levels[i].name);
		must_read(hf_run(p, reply_isolation, NULL, NULL), "read committed");
		must_read(hf_query_with(p, HF_QUERY_OPTS(.isolation = levels[i].level),
				  "show transaction_isolation"),
			levels[i].name);
		must_read(hf_query(p, "show transaction_isolation"), "read committed");
		must_read(hf_query(p, "show default_transaction_isolation"), "read committed");
	}
	t_close(p);
}
END_TEST

/* --- B20 -----------------------------------------------------------------------------------------
 */

static atomic_int warnings;

static void count_warnings(hf_log_level level, const char *message, void *arg)
{
	(void)arg;
	if (level == HF_LOG_WARN && strstr(message, "left a transaction open") &&
		strstr(message, "\"careless\"") && strstr(message, "test_session_reset.c:"))
		atomic_fetch_add(&warnings, 1);
}

static hf_status leave_open(hf_conn *c, void *arg, hf_reply *r)
{
	const bool *raw = arg;
	hf_status st = *raw ? hf_conn_query(c, NULL, "BEGIN") : hf_conn_begin(c);

	(void)r;
	return st == HF_OK ? hf_conn_query(c, NULL, "insert into left_open values (1)") : st;
}

START_TEST(test_left_in_transaction)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .log = count_warnings,
		.log_level = HF_LOG_WARN, .strict = true));
	long long backend = t_int(hf_query(p, "select pg_backend_pid()"));
	bool raw[2] = { false, true };

	free(t_psql("create table left_open (a int)"));
	for (int i = 0; i < 2; i++) {
		t_done(hf_submit(p, HF_JOB(.fn = leave_open, .arg = &raw[i], .manual = true,
					    .label = "careless")));
		ck_assert_int_eq(atomic_load(&warnings), i + 1);
		/* Idle: nothing is open around this, so now() moves on from one to the next. */
		ck_assert_int_eq(t_int(hf_query(p, "select count(*) from pg_stat_activity where "
						   "state like 'idle in transaction%'")),
			0);
		ck_assert_int_eq(t_int(hf_query(p, "select count(*) from left_open")), 0);
		ck_assert_int_eq(t_psql_int("select count(*) from left_open"), 0);
	}
	ck_assert_int_eq(t_int(hf_query(p, "select pg_backend_pid()")), backend);
	t_close(p);
	ck_assert_int_eq(t_psql_int("select count(*) from left_open"), 0);
}
END_TEST

/* --- B28 -----------------------------------------------------------------------------------------
 */

static atomic_int hook_calls;

static hf_status set_path(hf_conn *c, void *arg, hf_reply *r)
{
	(void)arg;
	(void)r;
	return hf_conn_query(c, NULL, "set search_path = hook_schema, public");
}

static hf_status hook(hf_conn *c, void *arg)
{
	atomic_fetch_add(&hook_calls, 1);
	return set_path(c, arg, NULL);
}

START_TEST(test_hook)
{
	hf_pool *p;

	free(t_psql("create schema hook_schema; create table hook_schema.here as select 7 as a"));
	p = t_pool(
		HF_POOL_OPTS(.min_conns = 3, .max_conns = 3, .on_connect = hook, .strict = true));
	ck_assert_int_eq(atomic_load(&hook_calls), 3);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(t_int(hf_query(p, "select a from here")), 7);
	ck_assert_uint_eq(t_stats(p).resets, 0); /* what the hook set is no dirt */
	t_done(hf_query(p, "set search_path = public"));
	t_wait_idle(p, 3);
	ck_assert_int_eq(atomic_load(&hook_calls), 4);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(t_int(hf_query(p, "select a from here")), 7);
	t_close(p);
}
END_TEST

static hf_status failing_hook(hf_conn *c, void *arg)
{
	const int *how = arg;

	atomic_fetch_add(&hook_calls, 1);
	if (*how == 0)
		return hf_conn_query(c, NULL, "select * from no_such_table");
	return *how == 1 ? HF_E_USER : HF_E_CONN_LOST;
}

static bool hook_called_again(void *arg)
{
	const int *before = arg;

	return atomic_load(&hook_calls) >= *before + 3;
}

START_TEST(test_failing_hook)
{
	for (int how = 0; how < 3; how++) {
		hf_error *why = NULL;
		hf_pool *p = NULL;
		hf_future *f;
		int calls;

		ck_assert_int_eq(hf_pool_open(t_dsn(),
					 HF_POOL_OPTS(.name = t_name(), .min_conns = 2,
						 .on_connect = failing_hook, .hook_arg = &how,
						 .strict = true),
					 &p, &why),
			HF_E_CONNECT);
		ck_assert_ptr_nonnull(strstr(hf_error_message(why), "the on_connect hook failed"));
		if (how == 0)
			ck_assert_ptr_nonnull(strstr(hf_error_message(why), "no_such_table"));
		hf_error_unref(why);
		t_wait_backends(0);
		p = t_pool(HF_POOL_OPTS(.min_conns = HF_NONE, .on_connect = failing_hook,
			.hook_arg = &how));
		for (int i = 0; i < 3; i++) {
			f = hf_query(p, "select 1");
			ck_assert_ptr_nonnull(strstr(
				hf_error_message(t_fails(f, HF_E_CONNECT)), "on_connect hook"));
			hf_future_unref(f);
		}
		t_wait_backends(0);
		t_close(p);
		calls = atomic_load(&hook_calls);
		p = t_pool(HF_POOL_OPTS(.min_conns = 1, .max_conns = 1, .on_connect = failing_hook,
			.hook_arg = &how));
		ck_assert(t_wait_until(hook_called_again, &calls, 15000));
		ck_assert_int_le(t_backends(), 1); /* tried again, one at a time */
		t_close(p);
		t_wait_backends(0);
	}
}
END_TEST

T_MAIN("session_reset",
	{ "B9 rule-82 28 ways to leave something behind, in one interaction", test_leaks_together,
		40 },
	{ "B9 rule-82 each of the ways alone", test_leaks_alone, 40 },
	{ "B9 rule-82 the ways in a script", test_leaks_script, 40 },
	{ "B9 SET, LISTEN and a temp table are gone for the next", test_reset, 0 },
	{ "B9 prepared statements and resets", test_cache_survives, 0 },
	{ "B10 an isolation level ends with its checkout", test_isolation, 0 },
	{ "B20 a transaction left open is rolled back with a warning", test_left_in_transaction,
		0 },
	{ "B28 a hook sets every session up", test_hook, 0 },
	{ "B28 a failing hook is a connect error and leaks nothing", test_failing_hook, 60 })
