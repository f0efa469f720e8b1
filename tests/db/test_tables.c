/* SPDX-License-Identifier: MIT */
/* What is in a database, engine by engine, and where that is: without a password. */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANARY "c4naryS3cret"

/* All that this case was told. */
static struct {
	pthread_mutex_t lock;
	char text[64 * 1024];
	size_t n;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hear(const char *text)
{
	pthread_mutex_lock(&heard.lock);
	if (heard.n + strlen(text) + 2 < sizeof heard.text)
		heard.n += (size_t)snprintf(
			heard.text + heard.n, sizeof heard.text - heard.n, "%s\n", text);
	pthread_mutex_unlock(&heard.lock);
}

static void hear_line(hf_log_level level, const char *message, void *arg)
{
	(void)level;
	(void)arg;
	hear(message);
}

static void hear_error(hf_error *e)
{
	ck_assert_ptr_nonnull(e);
	hear(hf_error_message(e));
	hf_error_unref(e);
}

/* Three tables and a view of four models, as in the source; and some elsewhere. */
static void make_tables(void)
{
	free(t_psql(
		"set client_min_messages to warning;"
		"drop schema if exists hf_odm cascade; drop schema if exists \"hf o'ther\" cascade;"
		"create schema hf_odm; create schema \"hf o'ther\";"
		"create table hf_odm.task (id int primary key, done bool);"
		"create table hf_odm.employee (id int primary key);"
		"create table hf_odm.vehicle (id int) partition by range (id);"
		"create view hf_odm.open_task as select * from hf_odm.task where not done;"
		"create table \"hf o'ther\".wheel partition of hf_odm.vehicle default"));
}

static void drop_tables(void)
{
	free(t_psql("set client_min_messages to warning;"
		    "drop schema hf_odm, \"hf o'ther\" cascade"));
}

/* † The twin of test_tables, and of peewee-async's test_aio_get_tables: exactly three tables, the
 * view is none. */
START_TEST(test_tables)
{
	static const char *const names[] = { "employee", "task", "vehicle" };
	hf_pool *p = t_pool(NULL);
	hf_future *f;
	const hf_result *res;

	make_tables();
	f = hf_tables(p, "hf_odm");
	res = t_ok(f);
	ck_assert_uint_eq(hf_result_rows(res), 3);
	for (size_t i = 0; i < 3; i++) {
		hf_row row = hf_result_row(res, i);

		ck_assert_str_eq(hf_row_text(row, hf_result_column(res, "schema")), "hf_odm");
		ck_assert_str_eq(hf_row_text(row, hf_result_column(res, "name")), names[i]);
		ck_assert(hf_row_bool(row, hf_result_column(res, "is_partitioned"), false) ==
			  (i == 2));
		ck_assert(!hf_row_bool(row, hf_result_column(res, "is_partition"), true));
	}
	hf_future_unref(f);
	drop_tables();
	t_close(p);
}
END_TEST

static size_t rows(hf_future *f)
{
	size_t n = hf_result_rows(t_ok(f));

	hf_future_unref(f);
	return n;
}

START_TEST(test_schemas)
{
	hf_pool *p = t_pool(NULL);
	size_t schemas, all;
	hf_future *f;
	bool found = false;

	schemas = rows(hf_schemas(p));
	all = rows(hf_tables(p, NULL));
	make_tables();
	ck_assert_uint_eq(rows(hf_schemas(p)), schemas + 2);
	ck_assert_uint_eq(rows(hf_tables(p, NULL)), all + 4);
	ck_assert_uint_eq(rows(hf_tables(p, "hf o'ther")), 1);
	ck_assert_uint_eq(rows(hf_tables(p, "hf_nowhere")), 0);
	ck_assert_uint_eq(rows(hf_tables(p, "")), 0);
	ck_assert_uint_gt(rows(hf_tables(p, "pg_catalog")), 50);
	f = hf_schemas(p);
	HF_FOREACH_ROW (row, t_ok(f)) {
		found = found || strcmp(hf_row_text(row, 0), "hf_odm") == 0;
		ck_assert_int_ne(strncmp(hf_row_text(row, 0), "pg_", 3), 0);
	}
	ck_assert(found);
	hf_future_unref(f);
	t_failed(hf_tables(NULL, NULL), HF_E_MISUSE);
	t_failed(hf_schemas(NULL), HF_E_MISUSE);
	drop_tables();
	t_close(p);
}
END_TEST

/* --- of all engines --- */

static hf_status note(const char *engine, const char *url, const hf_result *tables, void *arg)
{
	const char *last = arg;
	char line[1200];

	snprintf(line, sizeof line, "<%s %s %zu>", engine, url, hf_result_rows(tables));
	hear(line);
	return last && strcmp(engine, last) == 0 ? HF_E_USER : HF_OK;
}

static hf_pool_opts listening(void)
{
	return *HF_POOL_OPTS(.max_conns = 1, .acquire_ms = 2000, .log = hear_line,
		.log_level = HF_LOG_DEBUG);
}

static void provoke(hf_pool *p)
{
	hf_error *why = NULL;
	hf_result *res = NULL;
	bool there;
	char *url = hf_pool_url(p);

	hear(url);
	free(url);
	ck_assert_int_eq(hf_database_create(p, "hf_never", NULL, &why), HF_E_SQL);
	hear_error(why);
	ck_assert_int_eq(hf_database_drop(p, "postgres", NULL, &why), HF_E_SQL);
	hear_error(why);
	ck_assert_int_eq(hf_database_exists(p, "postgres", &there, &why), HF_OK);
	ck_assert_int_eq(hf_database_list(p, true, &res, &why), HF_OK);
	HF_FOREACH_ROW (row, res)
		for (int i = 0; i < hf_result_columns(res); i++)
			hear(hf_row_text(row, i));
	hf_result_unref(res);
}

START_TEST(test_no_password)
{
	hf_engines *e;
	hf_pool_opts o = listening();
	hf_error *why = NULL;
	hf_pool *p;
	char dsn[1100], *names, last[] = "writer";

	t_need_pgctl();
	make_tables();
	free(t_psql("alter role needs_password password '" CANARY "'"));
	snprintf(dsn, sizeof dsn, "%s user=needs_password password=" CANARY, t_dsn());
	e = hf_engines_new();
	ck_assert_int_eq(
		hf_engines_open(e, "writer", dsn, HF_ENGINE_OPTS(.pool = &o), &why), HF_OK);
	ck_assert_int_eq(
		hf_engines_open(e, "reader", t_dsn(), HF_ENGINE_OPTS(.pool = &o), &why), HF_OK);
	ck_assert_int_eq(hf_engines_tables(e, "hf_odm", note, NULL, &why), HF_OK);
	ck_assert_ptr_nonnull(strstr(heard.text, "<writer postgresql://needs_password@/"));
	ck_assert_ptr_nonnull(strstr(heard.text, "port=5432 3>\n"));
	ck_assert_ptr_nonnull(strstr(heard.text, "<reader postgresql://"));
	names = hf_engines_names(e);
	hear(names);
	free(names);
	p = hf_engines_get(e, "writer", NULL);
	provoke(p);
	/* The end of the listing is fn's to decide. */
	ck_assert_int_eq(hf_engines_tables(e, NULL, note, last, &why), HF_E_USER);
	hear_error(why);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_pool_unref(p);
	/* A wrong one does not show either. */
	free(t_psql("alter role needs_password password 'secret'"));
	ck_assert_int_eq(
		hf_engines_open(e, "writer", dsn, HF_ENGINE_OPTS(.pool = &o), &why), HF_OK);
	ck_assert_int_eq(hf_engines_tables(e, NULL, note, NULL, &why), HF_E_CONNECT);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "engine \"writer\""));
	hear_error(why);
	ck_assert_ptr_null(hf_engines_create_database(e, "hf_never", NULL, &why));
	hear_error(why);
	ck_assert_int_eq(hf_await(hf_engines_ping(e, "writer", 2000), &why), HF_E_CONNECT);
	hear_error(why);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
	drop_tables();
	ck_assert_ptr_nonnull(strstr(heard.text, "password authentication failed"));
	ck_assert_msg(!strstr(heard.text, CANARY), "%.200s", strstr(heard.text, CANARY) - 100);
}
END_TEST

T_MAIN("tables", { "F34 three tables, and views are none", test_tables, 0 },
	{ "F33 F34 schemas, and the tables of one or of all", test_schemas, 0 },
	{ "F34 promise-H25 the tables of each engine, and no password anywhere", test_no_password,
		0 })
