/* SPDX-License-Identifier: MIT */
/* Engines from an ini file that leads to a server: they answer, and what the file says of them
 * holds. */
#include "fixture.h"

#include <holdfast/ini.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static hf_engines *open_file(const char *text)
{
	char path[] = "/tmp/hf-test-ini-XXXXXX";
	hf_engines *e = hf_engines_new();
	int fd = mkstemp(path);
	hf_error *why;
	hf_status st;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	st = hf_engines_open_ini(e, path, "app:main", "sqlalchemy_", &why);
	unlink(path);
	if (st != HF_OK)
		ck_abort_msg("%s", hf_error_message(why));
	return e;
}

static uint32_t most(hf_engines *e, const char *name)
{
	hf_pool *p = hf_engines_get(e, name, NULL);
	uint32_t n = t_stats(p).max_conns;

	hf_pool_unref(p);
	return n;
}

static long long sessions(const char *application)
{
	char sql[120];

	snprintf(sql, sizeof sql,
		"select count(*) from pg_stat_activity where application_name = '%s'", application);
	return t_psql_int(sql);
}

struct wanted {
	const char *application;
	long long n;
};

static bool are_there(void *arg)
{
	const struct wanted *w = arg;

	return sessions(w->application) == w->n;
}

/* More at once than there may be connections. */
static void press(hf_engines *e, const char *name, long long conns)
{
	hf_scope *s[8];
	hf_future *fs[8];

	for (int i = 0; i < 8; i++) {
		s[i] = hf_scope_new(e, NULL);
		fs[i] = hf_session_query(
			hf_scope_session(s[i], name), "select 42 from pg_sleep(0.3)");
	}
	ck_assert(t_wait_until(are_there, &(struct wanted){ name, conns }, 10000));
	t_sleep_ms(100); /* so that what is too many would be there; never too few */
	ck_assert_int_le(sessions(name), conns);
	for (int i = 0; i < 8; i++) {
		ck_assert_int_eq(t_int(fs[i]), 42);
		hf_scope_unref(s[i]);
	}
	ck_assert_int_le(sessions(name), conns);
}

START_TEST(test_file)
{
	char text[1000];
	hf_engines *e;
	hf_scope *s;
	hf_error *why;

	free(t_psql("set client_min_messages to warning; drop table if exists part;"
		    "create table part (id int)"));
	snprintf(text, sizeof text,
		"[app:main]\nuse = egg:shop\n"
		"sqlalchemy_reader.url = %s\nsqlalchemy_reader.pool_size = 2\n"
		"sqlalchemy_writer.url = %s\nsqlalchemy_writer.pool_size = 3\n"
		"sqlalchemy_writer.pool_timeout = 10\n",
		t_dsn(), t_dsn());
	e = open_file(text);
	ck_assert_uint_eq(most(e, "reader"), 2);
	ck_assert_uint_eq(most(e, "writer"), 3);
	s = hf_scope_new(e, NULL);
	ck_assert_int_eq(t_int(hf_session_query(hf_reader(s), "select 42")), 42);
	ck_assert_int_eq(hf_session_fetch(hf_reader(s), NULL, &why, "insert into part values (1)"),
		HF_E_SQL);
	ck_assert_str_eq(hf_error_sqlstate(why), "25006");
	hf_error_unref(why);
	t_done(hf_session_query(hf_writer(s), "insert into part values (2)"));
	ck_assert_int_eq(hf_scope_commit(s, NULL), HF_OK);
	ck_assert_int_eq(t_psql_int("select sum(id) from part"), 2);
	hf_scope_unref(s);
	press(e, "reader", 2);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}
END_TEST

T_MAIN("ini_server", { "F7 an ini file leads to a server, and its settings hold", test_file, 0 })
