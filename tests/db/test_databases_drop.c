/* SPDX-License-Identifier: MIT */
/* Dropping databases: what is one's own is closed first, what is others' is in the way. */
#include "fixture.h"

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "hf_to_drop"

static hf_error *why;

static void works(hf_status st)
{
	ck_assert_msg(st == HF_OK, "%s: %s", hf_status_name(st), hf_error_message(why));
	ck_assert_ptr_null(why);
}

static void refused(hf_status st, hf_status want, const char *text)
{
	ck_assert_msg(st == want, "%s instead of %s: %s", hf_status_name(st), hf_status_name(want),
		hf_error_message(why));
	ck_assert_msg(
		strstr(hf_error_message(why), text) || strcmp(hf_error_sqlstate(why), text) == 0,
		"\"%s\" (%s) is not \"%s\"", hf_error_message(why), hf_error_sqlstate(why), text);
	why = hf_error_unref(why);
}

static const char *dsn_to(const char *database)
{
	static char dsn[1024];

	snprintf(dsn, sizeof dsn, "%s dbname=%s", t_dsn(), database);
	return dsn;
}

static bool exists(void)
{
	return t_psql_int("select count(*) from pg_database where datname = '" NAME "'") == 1;
}

static hf_pool *pool_in_it(hf_pool *at)
{
	hf_pool *p;

	works(hf_database_create(at, NAME, HF_DATABASE_OPTS(.if_missing = true), &why));
	p = t_pool_on(dsn_to(NAME), NULL);
	t_done(hf_query(p, "select 1"));
	return p;
}

/* † The twin of test_database_drop_fail: its callable gives no name. */
START_TEST(test_database_drop_fail)
{
	static const char *const bad[] = { NULL, "",
		"a234567890123456789012345678901234567890123456789012345678901234", "\xff\xfe" };
	hf_engines *e = hf_engines_new();
	hf_pool *p;

	works(hf_engines_open(e, "main", t_dsn(), NULL, &why));
	p = hf_engines_get(e, "main", NULL);
	for (size_t i = 0; i < T_COUNT(bad); i++) {
		refused(hf_database_drop(p, bad[i], NULL, &why), HF_E_MISUSE,
			"the name of the database");
		refused(hf_database_drop(p, bad[i], HF_DROP_OPTS(.if_exists = true), &why),
			HF_E_MISUSE, "the name of the database");
		refused(hf_engines_drop_database(e, bad[i], NULL, &why), HF_E_MISUSE,
			"the name of the database");
	}
	refused(hf_database_drop(NULL, NAME, NULL, &why), HF_E_MISUSE, "NULL");
	refused(hf_engines_drop_database(NULL, NAME, NULL, &why), HF_E_MISUSE, "NULL");
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	hf_pool_unref(p);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}
END_TEST

START_TEST(test_closes_itself)
{
	hf_pool *at = t_pool(NULL), *p = pool_in_it(at);

	works(hf_database_drop(p, NAME, NULL, &why));
	ck_assert(!exists());
	ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_CLOSED);
	ck_assert_int_eq(hf_pool_get_state(at), HF_POOL_OPEN);
	works(hf_database_create(p, NAME, NULL, &why));
	works(hf_pool_reopen(p, &why));
	t_done(hf_query(p, "create table fresh ()"));
	works(hf_database_drop(p, NAME, NULL, &why));
	hf_pool_unref(p);
	t_close(at);
}
END_TEST

/* All that the registry has opened there, and nothing else: not what leads to a database of this
 * name on another server. */
START_TEST(test_closes_own_engines)
{
	static const char *const names[] = { "writer", "reader", "other" };
	hf_engines *e = hf_engines_new();
	hf_pool *at = t_pool(NULL), *pools[3], *far;

	works(hf_engines_open(e, "far", "host=/nonexistent dbname=" NAME,
		HF_ENGINE_OPTS(.mode = HF_MODE_READ), &why));
	far = hf_engines_get(e, "far", NULL);
	works(hf_database_create(at, NAME, HF_DATABASE_OPTS(.if_missing = true), &why));
	for (int i = 0; i < 3; i++) {
		works(hf_engines_open(e, names[i], i < 2 ? dsn_to(NAME) : t_dsn(), NULL, &why));
		pools[i] = hf_engines_get(e, names[i], NULL);
		t_done(hf_query(pools[i], "select 1"));
	}
	works(hf_engines_drop_database(e, NAME, HF_DROP_OPTS(.drain_ms = 2000), &why));
	ck_assert(!exists());
	ck_assert_int_eq(hf_pool_get_state(pools[0]), HF_POOL_CLOSED);
	ck_assert_int_eq(hf_pool_get_state(pools[1]), HF_POOL_CLOSED);
	ck_assert_int_eq(hf_pool_get_state(pools[2]), HF_POOL_OPEN);
	ck_assert_int_eq(hf_pool_get_state(far), HF_POOL_OPEN);
	t_failed(hf_query(pools[0], "select 1"), HF_E_CLOSED);
	/* The engines are still there, for when the database is. */
	works(hf_database_create(at, NAME, NULL, &why));
	works(hf_engines_reopen(e, "writer", &why));
	hf_pool_unref(pools[0]);
	pools[0] = hf_engines_get(e, "writer", NULL);
	t_done(hf_query(pools[0], "select 1"));
	works(hf_engines_drop_database(e, NAME, NULL, &why));
	refused(hf_engines_drop_database(e, NAME, NULL, &why), HF_E_SQL, "3D000");
	works(hf_engines_drop_database(e, NAME, HF_DROP_OPTS(.if_exists = true), &why));
	for (int i = 0; i < 3; i++)
		hf_pool_unref(pools[i]);
	hf_pool_unref(far);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
	t_close(at);
}
END_TEST

/* Its database stands in the file of services alone: it is closed all the same. */
START_TEST(test_by_service)
{
	char path[] = "/tmp/hf-test-drop-XXXXXX", text[400];
	const char *at_host = strstr(t_dsn(), "host=");
	hf_pool *at, *p, *elsewhere;
	int fd = mkstemp(path);

	ck_assert_ptr_nonnull(at_host);
	snprintf(text, sizeof text,
		"[to-drop]\n%.*s\nport=5432\nuser=holdfast\ndbname=" NAME
		"\n[other]\n%.*s\nport=5432\nuser=holdfast\ndbname=postgres\n",
		(int)strcspn(at_host, " "), at_host, (int)strcspn(at_host, " "), at_host);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	ck_assert_int_eq(setenv("PGSERVICEFILE", path, 1), 0);
	at = t_pool(NULL);
	works(hf_database_create(at, NAME, HF_DATABASE_OPTS(.if_missing = true), &why));
	p = t_pool_on("service=to-drop", NULL);
	elsewhere = t_pool_on("service=other", NULL);
	t_done(hf_query(p, "select 1"));
	t_done(hf_query(elsewhere, "select 1"));
	works(hf_database_drop(p, NAME, NULL, &why));
	ck_assert(!exists());
	ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_CLOSED);
	works(hf_database_create(at, NAME, NULL, &why));
	works(hf_database_drop(elsewhere, NAME, NULL, &why));
	ck_assert(!exists());
	ck_assert_int_eq(hf_pool_get_state(elsewhere), HF_POOL_OPEN);
	unlink(path);
	hf_pool_unref(p);
	t_close(elsewhere);
	t_close(at);
}
END_TEST

/* --- half made --- */

/* Lets the first few connections through. */
static hf_status refuse_later(hf_conn *c, void *left)
{
	(void)c;
	return atomic_fetch_sub((atomic_int *)left, 1) > 0 ? HF_OK : HF_E_USER;
}

static hf_status insist(hf_conn *c, void *arg)
{
	(void)arg;
	return hf_conn_query(c, NULL, "select pg_sleep(0.01)");
}

/* The copy's first pool is at the new database when its second fails: it is not in the way. */
START_TEST(test_half_made)
{
	hf_engines *e = hf_engines_new();
	atomic_int left = 1;

	works(hf_engines_open(e, "writer", t_dsn(),
		HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.max_conns = 2, .strict = true,
				       .on_connect = insist)),
		&why));
	works(hf_engines_open(e, "reader", t_dsn(),
		HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.max_conns = 1, .strict = true,
				       .on_connect = refuse_later, .hook_arg = &left)),
		&why));
	ck_assert_ptr_null(hf_engines_create_database(e, NAME, NULL, &why));
	ck_assert_ptr_null(strstr(hf_error_message(why), "not dropped"));
	refused(hf_error_status(why), HF_E_CONNECT, "engine \"reader\"");
	ck_assert(!exists());
	ck_assert_int_eq(
		t_psql_int("select count(*) from pg_stat_activity where datname = '" NAME "'"), 0);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}
END_TEST

/* And where it cannot be dropped again, that is told. */
static hf_status bar_the_way(hf_conn *c, void *left)
{
	if (atomic_fetch_sub((atomic_int *)left, 1) > 0)
		return HF_OK;
	free(t_psql("alter database " NAME " is_template true"));
	return refuse_later(c, left);
}

START_TEST(test_half_made_stays)
{
	hf_engines *e = hf_engines_new();
	atomic_int left = 1;

	works(hf_engines_open(e, "writer", t_dsn(),
		HF_ENGINE_OPTS(.pool = HF_POOL_OPTS(.max_conns = 1, .strict = true,
				       .on_connect = bar_the_way, .hook_arg = &left)),
		&why));
	ck_assert_ptr_null(hf_engines_create_database(e, NAME, NULL, &why));
	refused(hf_error_status(why), HF_E_CONNECT,
		"; and what was created is not dropped again: engine \"writer\": ");
	ck_assert(exists());
	free(t_psql("alter database " NAME " is_template false"));
	free(t_psql("drop database " NAME));
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	hf_engines_unref(e);
}
END_TEST

static void ignore(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

static bool is_gone(void *conn)
{
	PQconsumeInput(conn);
	PQclear(PQexec(conn, "select 1"));
	return PQstatus(conn) == CONNECTION_BAD;
}

START_TEST(test_others)
{
	hf_pool *at = t_pool(NULL);
	PGconn *other;

	if (t_psql_int("show server_version_num") < 130000)
		t_skip("force needs a server of 13 or later");
	works(hf_database_create(at, NAME, HF_DATABASE_OPTS(.if_missing = true), &why));
	other = PQconnectdb(dsn_to(NAME));
	PQsetNoticeProcessor(other, ignore, NULL);
	ck_assert_int_eq(PQstatus(other), CONNECTION_OK);
	refused(hf_database_drop(at, NAME, NULL, &why), HF_E_SQL, "55006");
	/* The limit is the server's: 5 s are what it waits for the other by itself. */
	refused(hf_database_drop(at, NAME, HF_DROP_OPTS(.timeout_ms = 200), &why), HF_E_TIMEOUT,
		"57014");
	ck_assert(exists());
	works(hf_database_drop(at, NAME, HF_DROP_OPTS(.force = true), &why));
	ck_assert(!exists());
	ck_assert(t_wait_until(is_gone, other, 5000));
	PQfinish(other);
	t_close(at);
}
END_TEST

/* What would be refused costs nobody a pool. */
START_TEST(test_refused_closes_nothing)
{
	hf_pool *at, *p, *stranger;
	char dsn[1100];

	t_need_pgctl();
	at = t_pool(NULL);
	p = pool_in_it(at);
	snprintf(dsn, sizeof dsn, "%s user=needs_password password=secret", dsn_to(NAME));
	stranger = t_pool_on(dsn, NULL);
	t_done(hf_query(stranger, "select 1"));
	refused(hf_database_drop(stranger, NAME, NULL, &why), HF_E_SQL, "42501");
	ck_assert_int_eq(hf_pool_get_state(stranger), HF_POOL_OPEN);
	t_close(stranger);
	free(t_psql("alter database " NAME " is_template true"));
	refused(hf_database_drop(p, NAME, NULL, &why), HF_E_SQL, "42809");
	ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_OPEN);
	free(t_psql("alter database " NAME " is_template false"));
	refused(hf_database_drop(p, "hf_never_was", NULL, &why), HF_E_SQL, "3D000");
	works(hf_database_drop(p, "hf_never_was", HF_DROP_OPTS(.if_exists = true), &why));
	refused(hf_database_drop(p, NAME, HF_DROP_OPTS(.drain_ms = -2), &why), HF_E_MISUSE, "-2");
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	works(hf_database_drop(p, NAME, NULL, &why));
	hf_pool_unref(p);
	t_close(at);
}
END_TEST

static hf_status drop_inside(hf_conn *c, void *pool, hf_reply *reply)
{
	(void)c;
	(void)reply;
	return hf_database_drop(pool, NAME, NULL, NULL) == HF_E_DEADLOCK ? HF_OK : HF_E_USER;
}

static hf_status sleep_long(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)arg;
	(void)reply;
	return hf_conn_query(c, NULL, "select pg_sleep(60)");
}

/* On a thread of its own pool it cannot be; and what runs there is given its time, and no more. */
START_TEST(test_busy_pool)
{
	hf_pool *at = t_pool(NULL), *p = pool_in_it(at);
	hf_future *f;

	t_done(hf_run(p, drop_inside, p, NULL));
	ck_assert(exists());
	f = hf_run(p, sleep_long, NULL, NULL);
	t_wait_busy(p, 1);
	works(hf_database_drop(p, NAME, HF_DROP_OPTS(.drain_ms = 100), &why));
	ck_assert(hf_future_ready(f));
	t_failed(f, HF_E_CLOSED);
	hf_pool_unref(p);
	t_close(at);
}
END_TEST

T_MAIN("databases_drop", { "F31 a name is needed", test_database_drop_fail, 0 },
	{ "F31 a pool that is in the database is closed first", test_closes_itself, 0 },
	{ "F31 F35 a registry's engines in it are closed first", test_closes_own_engines, 0 },
	{ "F31 a pool whose database stands in a service is closed first", test_by_service, 0 },
	{ "F30 a copy that is half made leaves nothing", test_half_made, 0 },
	{ "F30 what cannot be dropped again is told", test_half_made_stays, 0 },
	{ "F31 others are in the way, unless by force", test_others, 30 },
	{ "F31 what is refused closes nothing", test_refused_closes_nothing, 0 },
	{ "F31 a pool that is at work, and one's own thread", test_busy_pool, 0 })
