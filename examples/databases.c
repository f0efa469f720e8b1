/* SPDX-License-Identifier: MIT */
/* A database for one test run: made, filled, looked at, dropped.
 *
 *     cc databases.c $(pkg-config --cflags --libs holdfast)
 *     ./a.out "postgresql:///shop" */
#include <holdfast.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void complain(hf_error *why)
{
	fprintf(stderr, "%s\n", hf_error_message(why));
	hf_error_unref(why);
}

/* At INFO: pools and databases that come and go. */
static void say(hf_log_level level, const char *message, void *arg)
{
	(void)arg;
	if (level <= HF_LOG_WARN)
		fprintf(stderr, "%s\n", message);
}

/* The engines of the program under test. */
static hf_engines *open_engines(const char *dsn)
{
	static const char *const names[] = { "writer", "reader", "logger" };
	const hf_pool_opts *pool =
		HF_POOL_OPTS(.max_conns = 2, .log = say, .log_level = HF_LOG_INFO);
	hf_engines *e = hf_engines_new();
	hf_error *why;

	for (int i = 0; e && i < 3; i++)
		if (hf_engines_open(e, names[i], dsn, HF_ENGINE_OPTS(.pool = pool), &why) !=
			HF_OK) {
			complain(why);
			e = hf_engines_unref(e);
		}
	return e;
}

/* What runs in the database of its own: it knows nothing of that. */
static hf_status run_suite(hf_engines *e, hf_error **why)
{
	hf_scope *s = hf_scope_new(e, HF_SCOPE_OPTS(.label = "suite"));
	hf_status st;

	hf_future_unref(hf_session_query(hf_writer(s), "create table task (id int, done bool)"));
	hf_future_unref(hf_session_query(hf_writer(s), "create table employee (id int)"));
	hf_future_unref(hf_session_query(
		hf_writer(s), "create view open_task as select id from task where not done"));
	st = hf_scope_commit(s, why);
	if (st == HF_OK)
		st = hf_session_fetch(hf_reader(s), NULL, why, "select * from open_task");
	hf_scope_unref(s);
	return st;
}

static hf_status show(const char *engine, const char *url, const hf_result *tables, void *arg)
{
	bool with_urls = *(bool *)arg;

	printf("%s%s%s has %zu tables:", engine, with_urls ? " " : "", with_urls ? url : "",
		hf_result_rows(tables));
	HF_FOREACH_ROW (row, tables)
		printf(" %s", hf_row_text(row, hf_result_column(tables, "name")));
	printf("\n");
	return HF_OK;
}

/* How many of the server's databases one may connect to; -1: it is not there. */
static int count_databases(hf_pool *p, hf_error **why)
{
	hf_result *res;
	int n;

	if (hf_await(hf_ping(p, 5000), why) != HF_OK ||
		hf_database_list(p, false, &res, why) != HF_OK)
		return -1;
	n = (int)hf_result_rows(res);
	hf_result_unref(res);
	return n;
}

static hf_status run(hf_engines *e, const char *name, hf_error **why)
{
	hf_pool *p = hf_engines_get(e, "writer", why);
	hf_engines *own = hf_engines_create_database(e, name, NULL, why);
	bool there = true, with_urls = getenv("URLS") != NULL;
	int before = own ? count_databases(p, why) : -1;
	hf_status st = before < 0 ? HF_E_CONNECT : run_suite(own, why);

	if (st == HF_OK)
		st = hf_engines_tables(own, "public", show, &with_urls, why);
	if (st == HF_OK) /* closes the engines that lead there first */
		st = hf_engines_drop_database(own, name, NULL, why);
	if (st == HF_OK)
		st = hf_database_exists(p, name, &there, why);
	if (st == HF_OK && count_databases(p, why) >= 0)
		printf("dropped: %s\n", there ? "no" : "yes");
	hf_engines_unref(own);
	hf_pool_unref(p);
	return st;
}

int main(int argc, char **argv)
{
	hf_engines *e = open_engines(argc > 1 ? argv[1] : "");
	hf_error *why = NULL;
	char name[64];
	hf_status st = HF_E_CONNECT;

	snprintf(name, sizeof name, "suite_%d", (int)getpid());
	if (e)
		st = run(e, name, &why);
	if (why)
		complain(why);
	if (e && hf_engines_close(e, 0) != HF_OK)
		fprintf(stderr, "some engines are still open\n");
	hf_engines_unref(e);
	return st == HF_OK ? 0 : 1;
}
