/* SPDX-License-Identifier: MIT */
/* What is told at INFO: the life of pools, and what changes a schema. */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	pthread_mutex_t lock;
	char text[64 * 1024];
	size_t n;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hear(hf_log_level level, const char *message, void *arg)
{
	(void)arg;
	pthread_mutex_lock(&heard.lock);
	if (heard.n + strlen(message) + 8 < sizeof heard.text)
		heard.n += (size_t)snprintf(heard.text + heard.n, sizeof heard.text - heard.n,
			"%d %s\n", (int)level, message);
	pthread_mutex_unlock(&heard.lock);
}

/* Whether such a line was heard at this level. */
static bool told(hf_log_level level, const char *words)
{
	char *at;
	bool found = false;

	pthread_mutex_lock(&heard.lock);
	for (at = strstr(heard.text, words); at && !found; at = strstr(at + 1, words)) {
		const char *line = at;

		while (line > heard.text && line[-1] != '\n')
			line--;
		found = *line == '0' + (int)level;
	}
	pthread_mutex_unlock(&heard.lock);
	return found;
}

static void forget(void)
{
	pthread_mutex_lock(&heard.lock);
	heard.text[heard.n = 0] = '\0';
	pthread_mutex_unlock(&heard.lock);
}

static hf_pool *pool(hf_log_level level)
{
	return t_pool(
		HF_POOL_OPTS(.name = "tale", .max_conns = 3, .log = hear, .log_level = level));
}

START_TEST(test_life_of_a_pool)
{
	hf_pool *p = pool(HF_LOG_INFO);

	ck_assert(told(HF_LOG_INFO, "pool \"tale\": opened: "));
	ck_assert(told(HF_LOG_INFO, ", 1 to 3 connections"));
	t_done(hf_query(p, "select 1"));
	ck_assert_int_eq(hf_pool_resize(p, 1, 2), HF_OK);
	ck_assert(told(HF_LOG_INFO, "pool \"tale\": resized: 1 to 2 connections"));
	ck_assert(!told(HF_LOG_INFO, "pool \"tale\": closed"));
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	ck_assert(told(HF_LOG_INFO, "pool \"tale\": closed"));
	ck_assert_int_eq(hf_pool_reopen(p, NULL), HF_OK);
	ck_assert(told(HF_LOG_INFO, "pool \"tale\": opened again: "));
	t_close(p);
	ck_assert_ptr_null(strstr(heard.text, "select 1"));
}
END_TEST

static hf_status define(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_query(c, NULL, "alter table hf_tale add what text");
}

START_TEST(test_definitions)
{
	hf_pool *p = pool(HF_LOG_INFO);

	free(t_psql("set client_min_messages to warning;"
		    "drop table if exists hf_tale; drop role if exists hf_teller"));
	t_done(hf_query(p, "create table hf_tale (id int)"));
	ck_assert(told(HF_LOG_INFO, "test_log_life.c:"));
	ck_assert(told(HF_LOG_INFO, ": CREATE TABLE"));
	t_done(hf_submit(p, HF_JOB(.fn = define, .label = "by hand")));
	ck_assert(told(HF_LOG_INFO, "\"by hand\""));
	ck_assert(told(HF_LOG_INFO, ": ALTER TABLE"));
	t_done(hf_script(p, "select 1; drop table hf_tale"));
	ck_assert(told(HF_LOG_INFO, ": DROP TABLE"));
	/* The text of it is nobody's to read. */
	t_done(hf_query(p, "create role hf_teller password 's3cret'"));
	t_done(hf_query(p, "drop role hf_teller"));
	ck_assert(told(HF_LOG_INFO, ": CREATE ROLE"));
	t_failed(hf_query(p, "drop table hf_tale"), HF_E_SQL);
	t_done(hf_query(p, "select 'CREATE TABLE'"));
	t_close(p);
	ck_assert_ptr_null(strstr(heard.text, "s3cret"));
	ck_assert_ptr_null(strstr(heard.text, "hf_tale"));
	ck_assert_ptr_null(strstr(heard.text, "select"));
}
END_TEST

START_TEST(test_databases)
{
	hf_pool *p = pool(HF_LOG_INFO);
	hf_error *why = NULL;

	ck_assert_int_eq(hf_database_create(p, "hf_tale", NULL, &why), HF_OK);
	ck_assert(told(HF_LOG_INFO, "pool \"tale\": database \"hf_tale\" created"));
	ck_assert_int_eq(
		hf_database_create(p, "hf_tale", HF_DATABASE_OPTS(.if_missing = true), &why),
		HF_OK);
	ck_assert_int_eq(hf_database_drop(p, "hf_tale", NULL, &why), HF_OK);
	ck_assert(told(HF_LOG_INFO, "pool \"tale\": database \"hf_tale\" dropped"));
	forget();
	ck_assert_int_eq(
		hf_database_drop(p, "hf_tale", HF_DROP_OPTS(.if_exists = true), &why), HF_OK);
	t_close(p);
	ck_assert_ptr_null(strstr(heard.text, "hf_tale"));
}
END_TEST

/* Whoever wants warnings only is not told of any of this. */
START_TEST(test_level)
{
	hf_pool *p = pool(HF_LOG_WARN);
	hf_error *why = NULL;

	ck_assert_int_eq(hf_database_create(p, "hf_tale", NULL, &why), HF_OK);
	ck_assert_int_eq(hf_database_drop(p, "hf_tale", NULL, &why), HF_OK);
	t_done(hf_query(p, "create temp table hf_tale ()"));
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	ck_assert_int_eq(hf_pool_reopen(p, NULL), HF_OK);
	t_close(p);
	ck_assert_str_eq(heard.text, "");
}
END_TEST

T_MAIN("log_life",
	{ "F40 a pool is opened, resized, closed and opened again", test_life_of_a_pool, 0 },
	{ "F40 what changes a schema, without its text", test_definitions, 0 },
	{ "F40 databases that are made and dropped", test_databases, 0 },
	{ "F40 nothing of it below INFO", test_level, 0 })
