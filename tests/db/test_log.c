/* SPDX-License-Identifier: MIT */
/* What the log hook hears. */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every line, with its level in front: "3 pool ...\n". */
static struct {
	pthread_mutex_t lock;
	char text[64 * 1024];
	size_t n;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hear(hf_log_level level, const char *message, void *arg)
{
	ck_assert_ptr_eq(arg, &heard);
	ck_assert_ptr_null(strpbrk(message, "\n\r\t"));
	pthread_mutex_lock(&heard.lock);
	if (heard.n + strlen(message) + 8 < sizeof heard.text)
		heard.n += (size_t)snprintf(heard.text + heard.n, sizeof heard.text - heard.n,
			"%d %s\n", (int)level, message);
	pthread_mutex_unlock(&heard.lock);
}

static hf_pool *logging(hf_log_level level, bool params)
{
	return t_pool(HF_POOL_OPTS(.max_conns = 1, .log = hear, .log_arg = &heard,
		.log_level = level, .log_params = params));
}

/* The line with these words, or NULL; terminated by its newline. */
static const char *line_with(const char *words)
{
	const char *at;

	pthread_mutex_lock(&heard.lock);
	at = strstr(heard.text, words);
	while (at && at > heard.text && at[-1] != '\n')
		at--;
	pthread_mutex_unlock(&heard.lock);
	return at;
}

static int lines_of(hf_log_level level)
{
	int n = 0;

	pthread_mutex_lock(&heard.lock);
	for (const char *at = heard.text; *at; at = strchr(at, '\n') + 1)
		n += atoi(at) == (int)level;
	pthread_mutex_unlock(&heard.lock);
	return n;
}

static void make_table(void)
{
	free(t_psql("set client_min_messages to warning; drop table if exists testmodel; "
		    "create table testmodel (id serial primary key, name text)"));
}

/* The twin of peewee-async's test_logging: the statement's text is in the debug log. */
START_TEST(test_logging)
{
	hf_pool *p;
	const char *line;
	double ms;
	char shape[20];

	make_table();
	p = logging(HF_LOG_DEBUG, false);
	t_done(hf_query(p, "INSERT INTO \"testmodel\" (\"name\") VALUES ($1)", "s3cret"));
	line = line_with("INSERT INTO \"testmodel\"");
	ck_assert_ptr_nonnull(line);
	ck_assert_int_eq(line[0], '0' + (int)HF_LOG_DEBUG);
	/* 3 pool "t1": 1.234 ms file:line: text */
	ck_assert_int_eq(sscanf(line, "%*d pool %19s %lf ms", shape, &ms), 2);
	ck_assert_double_gt(ms, 0);
	ck_assert_double_lt(ms, 10000.0 * t_slow());
	ck_assert_ptr_nonnull(line_with("test_log.c:"));
	/* Values are people's data. */
	ck_assert_ptr_null(line_with("s3cret"));
	t_close(p);
}
END_TEST

static hf_status insert(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_query(
		c, NULL, "INSERT INTO \"testmodel\" (name) VALUES ($1)", "by function");
}

START_TEST(test_log_params)
{
	static const int32_t numbers[] = { 1, -2 };
	static const char *const words[] = { "a b", NULL };
	hf_pool *p;

	make_table();
	p = logging(HF_LOG_DEBUG, true);
	t_done(hf_query(
		p, "INSERT INTO \"testmodel\" (id, name) VALUES ($1, $2)", 77, "two\nlines"));
	ck_assert_ptr_nonnull(line_with("['77', 'two lines']"));
	t_done(hf_query(p, "select $1::text, $2::bytea", (const char *)NULL, hf_blob("x", 1)));
	ck_assert_ptr_nonnull(line_with("select $1::text, $2::bytea [NULL, (bytes)]"));
	t_done(hf_query(
		p, "select $1, $2", &HF_ARRAY(int4, numbers, 2), &HF_ARRAY(text, words, 2)));
	ck_assert_ptr_nonnull(line_with("select $1, $2 ['{1,-2}', '{\"a b\",NULL}']"));
	t_done(hf_submit(p, HF_JOB(.fn = insert, .label = "by hand")));
	ck_assert_ptr_nonnull(line_with("\"by hand\""));
	ck_assert_ptr_nonnull(line_with("'by function'"));
	t_failed(hf_query(p, "select 1 / $1::int", 0), HF_E_SQL);
	ck_assert_ptr_nonnull(line_with("failed: division by zero"));
	ck_assert_ptr_nonnull(strstr(line_with("failed: division"), "select 1 / $1::int"));
	t_close(p);
}
END_TEST

static hf_status failing(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	if (hf_conn_query(c, NULL, "select 1") != HF_OK)
		return HF_E_SQL;
	return hf_fail(reply, "no");
}

/* The level that the first such line was written at; -1: there is none. */
static int level_of(const char *words)
{
	const char *line = line_with(words);

	return line ? line[0] - '0' : -1;
}

START_TEST(test_pool_events)
{
	hf_pool *p;
	char kill[80];
	int pid;

	make_table();
	p = logging(HF_LOG_INFO, false);
	pid = (int)t_int(hf_query(p, "select pg_backend_pid()"));
	ck_assert_ptr_nonnull(line_with("connection 1 up"));
	ck_assert_int_eq(level_of("connection 1 up"), HF_LOG_INFO);
	snprintf(kill, sizeof kill, "select pg_terminate_backend(%d)", pid);
	free(t_psql(kill));
	/* Its idle connection is missed by event, not by the next query. */
	for (int i = 0; i < 500 && !line_with("closed: 57P01"); i++)
		t_sleep_ms(10);
	ck_assert_int_ne((int)t_int(hf_query(p, "select pg_backend_pid()")), pid);
	/* Something was wrong with it: a warning. */
	ck_assert_ptr_nonnull(line_with("closed: 57P01"));
	ck_assert_int_eq(level_of("closed: 57P01"), HF_LOG_WARN);
	/* Statements are for DEBUG. */
	ck_assert_int_eq(lines_of(HF_LOG_DEBUG), 0);
	ck_assert_ptr_null(line_with("pg_backend_pid"));
	t_close(p);
}
END_TEST

START_TEST(test_levels)
{
	hf_pool *p = logging(HF_LOG_ERROR, false);

	t_done(hf_query(p, "select 1"));
	t_failed(hf_query(p, "ESLECT 1"), HF_E_SQL);
	t_close(p);
	ck_assert_uint_eq(heard.n, 0);
}
END_TEST

/* What fails and is rolled back as it should be is nobody's to warn of. */
START_TEST(test_no_warning)
{
	hf_pool *p = logging(HF_LOG_WARN, false);

	t_failed(hf_query_with(p, HF_QUERY_OPTS(.isolation = HF_ISO_SERIALIZABLE), "select 1 / 0"),
		HF_E_SQL);
	t_failed(hf_run(p, failing, NULL, NULL), HF_E_USER);
	t_done(hf_query(p, "select 1"));
	t_close(p);
	ck_assert_str_eq(heard.text, "");
}
END_TEST

T_MAIN("log", { "C20 the text of a statement, its place and duration", test_logging, 0 },
	{ "C20 parameters are shown on request", test_log_params, 0 },
	{ "C20 connections come and go at INFO and WARN", test_pool_events, 0 },
	{ "C20 no more than the level asked for", test_levels, 0 },
	{ "C20 a failure that was undone is no warning", test_no_warning, 0 })
