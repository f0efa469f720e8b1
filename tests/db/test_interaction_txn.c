/* SPDX-License-Identifier: MIT */
/* The transaction around an interaction: its end, its savepoints, and who is in charge of it. */
#include "interaction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_commit_policy)
{
	hf_status then = HF_OK;

	setup(NULL);
	t_done(hf_run(pool, insert_then, &then, NULL));
	ck_assert_int_eq(stored(), 1);
	for (then = HF_PENDING; then <= HF_E_PARK_LIMIT; then++) {
		hf_future *f = hf_run(pool, insert_then, &then, NULL);

		ck_assert_str_ne(
			hf_error_message(t_fails(f, then == HF_PENDING ? HF_E_USER : then)), "");
		hf_future_unref(f);
	}
	ck_assert_int_eq(stored(), 1);
	ck_assert_uint_eq(t_stats(pool).discards, 0);
	t_close(pool);
}
END_TEST

static char warning[400];

static void keep_warning(hf_log_level level, const char *message, void *arg)
{
	(void)arg;
	if (level == HF_LOG_WARN)
		snprintf(warning, sizeof warning, "%s", message);
}

static hf_status manual(hf_conn *c, void *arg, hf_reply *reply)
{
	const char *how = arg;
	hf_status st = hf_conn_begin(c);

	(void)reply;
	if (st == HF_OK)
		st = hf_conn_query(c, NULL, "insert into test_values (val1) values (2)");
	if (st == HF_OK && strcmp(how, "commit") == 0)
		st = hf_conn_commit(c);
	if (st == HF_OK && strcmp(how, "rollback") == 0)
		st = hf_conn_rollback(c);
	return st;
}

START_TEST(test_manual)
{
	char commit[] = "commit", rollback[] = "rollback", forget[] = "forget";

	setup(HF_POOL_OPTS(.max_conns = 1, .log = keep_warning, .log_level = HF_LOG_WARN));
	t_done(hf_submit(pool, HF_JOB(.fn = manual, .arg = commit, .manual = true)));
	ck_assert_int_eq(stored(), 1);
	t_done(hf_submit(pool, HF_JOB(.fn = manual, .arg = rollback, .manual = true)));
	ck_assert_int_eq(stored(), 1);
	ck_assert_str_eq(warning, "");
	t_done(hf_submit(
		pool, HF_JOB(.fn = manual, .arg = forget, .manual = true, .label = "forgetful")));
	ck_assert_int_eq(stored(), 1);
	ck_assert_ptr_nonnull(strstr(warning, "left a transaction open"));
	ck_assert_ptr_nonnull(strstr(warning, "forgetful"));
	/* Without the flag the calls are refused. */
	t_failed(hf_run(pool, manual, commit, NULL), HF_E_MISUSE);
	ck_assert_int_eq(stored(), 1);
	t_close(pool);
}
END_TEST

/* Its statements commit one by one when it opens no transaction. */
static hf_status manual_plain(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = hf_conn_query(c, NULL, "insert into test_values (val1) values (3)");

	(void)arg;
	return st == HF_OK ? hf_fail(reply, "changed my mind") : st;
}

START_TEST(test_manual_statements)
{
	setup(NULL);
	t_failed(hf_submit(pool, HF_JOB(.fn = manual_plain, .manual = true)), HF_E_USER);
	ck_assert_int_eq(stored(), 1);
	t_failed(hf_submit(pool, HF_JOB(.fn = manual_plain)), HF_E_USER);
	ck_assert_int_eq(stored(), 1);
	t_close(pool);
}
END_TEST

/* Swallows the error of a statement, goes on, and claims that all is well. */
static hf_status swallow(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status *later = arg;

	(void)reply;
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values (4)") != HF_OK)
		return HF_E_USER;
	if (hf_conn_query(c, NULL, "select 1 / 0") != HF_E_SQL)
		return HF_E_USER;
	later[0] = hf_conn_query(c, NULL, "insert into test_values (val1) values (5)");
	if (strcmp(hf_error_sqlstate(hf_conn_error(c)), "22012") != 0)
		return HF_E_USER;
	later[1] = hf_conn_savepoint(c, "late");
	return HF_OK;
}

START_TEST(test_swallowed_error)
{
	hf_status later[2] = { HF_OK, HF_OK };
	const hf_error *e;
	hf_future *f;

	setup(NULL);
	f = hf_run(pool, swallow, later, NULL);
	e = t_fails(f, HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(e), "22012");
	ck_assert_str_eq(hf_error_field(e, HF_ERR_QUERY), "select 1 / 0");
	ck_assert_int_eq(later[0], HF_E_SQL);
	ck_assert_int_eq(later[1], HF_E_SQL);
	hf_future_unref(f);
	ck_assert_int_eq(stored(), 0);
	t_close(pool);
}
END_TEST

static hf_status savepoints(hf_conn *c, void *arg, hf_reply *reply)
{
	const char *nasty = "a \"b\"; drop table test_values; --";

	(void)arg;
	(void)reply;
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values (1)") != HF_OK ||
		hf_conn_savepoint(c, nasty) != HF_OK ||
		hf_conn_query(c, NULL, "insert into test_values (val1) values (2)") != HF_OK)
		return HF_E_USER;
	if (hf_conn_query(c, NULL, "select 1 / 0") != HF_E_SQL ||
		hf_conn_query(c, NULL, "select 1") != HF_E_SQL)
		return HF_E_USER;
	if (hf_conn_rollback_to(c, nasty) != HF_OK ||
		hf_conn_query(c, NULL, "insert into test_values (val1) values (3)") != HF_OK ||
		hf_conn_rollback_to(c, nasty) != HF_OK || /* it stays */
		hf_conn_query(c, NULL, "insert into test_values (val1) values (4)") != HF_OK ||
		hf_conn_release(c, nasty) != HF_OK)
		return HF_E_USER;
	return HF_OK;
}

/* A name that no savepoint can have fails the interaction, though the server never saw it. */
static hf_status bad_savepoint(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values (9)") != HF_OK)
		return HF_E_USER;
	return hf_conn_savepoint(c, arg) == HF_E_MISUSE ? HF_OK : HF_E_USER;
}

static hf_status unknown_savepoint(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_release(c, "nobody");
}

START_TEST(test_savepoints)
{
	char long_name[65], empty[] = "";
	hf_future *f;
	char *left;

	setup(NULL);
	t_done(hf_run(pool, savepoints, NULL, NULL));
	left = t_psql("select string_agg(val1::text, ',' order by id) from test_values");
	ck_assert_str_eq(left, "1,4");
	free(left);
	f = hf_run(pool, unknown_savepoint, NULL, NULL);
	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "3B001");
	hf_future_unref(f);
	memset(long_name, 'x', 64);
	long_name[64] = '\0';
	t_failed(hf_run(pool, bad_savepoint, NULL, NULL), HF_E_MISUSE);
	t_failed(hf_run(pool, bad_savepoint, empty, NULL), HF_E_MISUSE);
	t_failed(hf_run(pool, bad_savepoint, long_name, NULL), HF_E_MISUSE);
	ck_assert_int_eq(stored(), 2);
	t_close(pool);
}
END_TEST

/* It returns HF_OK all the same. */
static hf_status refused_text(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values (1)") != HF_OK ||
		hf_conn_query_at(HF_HERE, c, NULL, arg, NULL, 0) != HF_E_MISUSE)
		return HF_E_USER;
	return HF_OK;
}

static hf_status refused_script(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)reply;
	if (hf_conn_query(c, NULL, "insert into test_values (val1) values (1)") != HF_OK ||
		hf_conn_script_at(HF_HERE, c, NULL, arg, NULL, 0) != HF_E_MISUSE)
		return HF_E_USER;
	return HF_OK;
}

START_TEST(test_control_is_refused)
{
	static const char *const texts[] = { "commit", "ROLLBACK", " begin", "end", "abort",
		"savepoint x", "rollback to x", "copy test_values from stdin" };
	static const char *const scripts[] = { "select 1; commit; select 2", "; /* ; */ end",
		"select ';'; ROLLBACK" };

	setup(NULL);
	for (size_t i = 0; i < T_COUNT(texts); i++)
		t_failed(hf_run(pool, refused_text, strdup(texts[i]), free), HF_E_MISUSE);
	for (size_t i = 0; i < T_COUNT(scripts); i++)
		t_failed(hf_run(pool, refused_script, strdup(scripts[i]), free), HF_E_MISUSE);
	ck_assert_int_eq(stored(), 0);
	t_close(pool);
}
END_TEST

T_MAIN("interaction and transaction",
	{ "C8 OK commits, anything else rolls back", test_commit_policy, 0 },
	{ "C8 .manual leaves the ends to the function, and warns", test_manual, 0 },
	{ "C8 .manual without a transaction commits each statement", test_manual_statements, 0 },
	{ "C8 C19 a swallowed error fails the interaction", test_swallowed_error, 0 },
	{ "C8 savepoints undo a part", test_savepoints, 0 },
	{ "C8 transaction control as text is refused", test_control_is_refused, 0 })
