/* SPDX-License-Identifier: MIT */
/* Opening a pool: strictly or lazily, on servers that refuse, from strings with the pool's own
 * settings in them. */
#include "fixture.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the server's other addresses ----------------------------------------------------------------
 */

/* A port of this machine where nobody listens, taken so that nobody can. */
static int closed_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	return ntohs(a.sin_port);
}

static const char *dsn_with(const char *more)
{
	static char dsn[512];

	snprintf(dsn, sizeof dsn, "%s %s", t_dsn(), more);
	return dsn;
}

/* t_dsn() as a URI, with these parameters behind it. */
static const char *uri_with(const char *parameters)
{
	static char uri[512];
	PQconninfoOption *o = PQconninfoParse(t_dsn(), NULL);
	const char *db = "", *host = "", *port = "", *user = "";

	ck_assert_ptr_nonnull(o);
	for (PQconninfoOption *k = o; k->keyword; k++) {
		const char *v = k->val ? k->val : "";

		if (strcmp(k->keyword, "dbname") == 0)
			db = v;
		else if (strcmp(k->keyword, "host") == 0)
			host = v;
		else if (strcmp(k->keyword, "port") == 0)
			port = v;
		else if (strcmp(k->keyword, "user") == 0)
			user = v;
	}
	snprintf(uri, sizeof uri, "postgresql:///%s?host=%s&port=%s&user=%s&%s", db, host, port,
		user, parameters);
	PQconninfoFree(o);
	return uri;
}

/* Opening must fail like this; the story is yours to unref. */
static hf_error *refused(const char *dsn, const hf_pool_opts *opts, hf_status st)
{
	hf_pool *p = NULL;
	hf_error *why = NULL;
	hf_status got = hf_pool_open(dsn, opts, &p, &why);

	if (got != st)
		ck_abort_msg("%s instead of %s: %s", hf_status_name(got), hf_status_name(st),
			hf_error_message(why));
	ck_assert_ptr_null(p);
	ck_assert_ptr_nonnull(why);
	return why;
}

static void must_say(const hf_error *e, const char *text)
{
	if (!strstr(hf_error_message(e), text))
		ck_abort_msg("\"%s\" is not in \"%s\"", text, hf_error_message(e));
}

/* The number of a query that counts this case's sessions, after it has slept. */
#define SLEEP_AND_COUNT                                                                            \
	"select count(*) from pg_stat_activity, (select pg_sleep(0.05)) s where application_name " \
	"= $1"

static long long most_sessions(hf_pool *p, int n)
{
	hf_future *f[32];
	long long most = 0;

	for (int i = 0; i < n; i++)
		f[i] = hf_query(p, SLEEP_AND_COUNT, t_name());
	for (int i = 0; i < n; i++) {
		long long one = t_int(f[i]);

		most = one > most ? one : most;
	}
	return most;
}

/* --- B1, B2: strictly ----------------------------------------------------------------------------
 */

/* The seed's test of that name: a pool on a closed port is an error. */
START_TEST(test_connect_nonexisting_host_port)
{
	char dsn[128];
	int64_t began = hf_now_ns();
	hf_error *why;
	hf_pool *p;
	hf_future *f;

	snprintf(dsn, sizeof dsn, "host=127.0.0.1 port=%d user=holdfast dbname=holdfast",
		closed_port());
	why = refused(dsn, HF_POOL_OPTS(.max_conns = 1, .strict = true), HF_E_CONNECT);
	ck_assert(hf_error_is(why, HF_CONNECTION));
	must_say(why, "127.0.0.1");
	must_say(why, "refused");
	hf_error_unref(why);
	p = t_pool_on(dsn, HF_POOL_OPTS(.max_conns = 1));
	f = hf_query(p, "select 1");
	must_say(t_fails(f, HF_E_CONNECT), "refused");
	hf_future_unref(f);
	ck_assert_int_lt(t_ms_since(began), 5000 * t_slow());
	t_close(p);
}
END_TEST

/* The seed's test of that name: a pool on a missing database is an error. */
START_TEST(test_connect_nonexisting_db)
{
	const char *dsn = dsn_with("dbname=no_such_database");
	hf_error *why;
	hf_pool *p;

	why = refused(
		dsn, HF_POOL_OPTS(.name = t_name(), .max_conns = 1, .strict = true), HF_E_CONNECT);
	ck_assert_str_eq(hf_error_sqlstate(why), "3D000");
	must_say(why, "no_such_database");
	why = hf_error_unref(why);
	p = t_pool_on(dsn, NULL);
	t_failed(hf_query(p, "select 1"), HF_E_CONNECT);
	ck_assert_int_eq(hf_pool_ready(p, 10000, &why), HF_E_CONNECT);
	ck_assert_str_eq(hf_error_sqlstate(why), "3D000");
	hf_error_unref(why);
	t_close(p);
	t_wait_backends(0);
}
END_TEST

START_TEST(test_strict_fills)
{
	int64_t began = hf_now_ns();
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = 5, .max_conns = 5, .strict = true));
	hf_pool_stats s = t_stats(p);

	ck_assert_int_le(t_ms_since(began), 10000);
	ck_assert_uint_eq(s.conns, 5);
	ck_assert_uint_eq(s.idle, 5);
	ck_assert_uint_eq(s.busy, 0);
	ck_assert_uint_eq(s.connecting, 0);
	ck_assert_int_eq(t_backends(), 5);
	t_close(p);
}
END_TEST

START_TEST(test_strict_leaves_nothing)
{
	hf_error *why;

	t_need_pgctl();
	free(t_psql("create role three_only login connection limit 3"));
	why = refused(dsn_with("user=three_only"),
		HF_POOL_OPTS(.name = t_name(), .min_conns = 5, .max_conns = 5, .strict = true),
		HF_E_CONNECT);
	ck_assert_str_eq(hf_error_sqlstate(why), "53300");
	hf_error_unref(why);
	t_wait_backends(0);
}
END_TEST

/* The seed's placeholder _test_connect_pool_size_too_big, with a body. */
START_TEST(_test_connect_pool_size_too_big)
{
	int many = (int)t_psql_int("show max_connections") + 10;
	hf_error *why = refused(t_dsn(),
		HF_POOL_OPTS(.name = t_name(), .min_conns = many, .max_conns = many,
			.connect_ms = 30000 * t_slow(), .strict = true),
		HF_E_CONNECT);

	ck_assert_str_eq(hf_error_sqlstate(why), "53300");
	must_say(why, "too many clients");
	hf_error_unref(why);
	t_wait_backends(0);
}
END_TEST

static bool has_failed_connects(void *pool)
{
	return t_stats(pool).connect_failures > 0;
}

START_TEST(test_works_with_what_it_has)
{
	hf_pool *p;

	t_need_pgctl();
	free(t_psql("create role two_only login connection limit 2"));
	p = t_pool_on(dsn_with("user=two_only"), HF_POOL_OPTS(.min_conns = 4, .max_conns = 4));
	ck_assert(t_wait_until(has_failed_connects, p, 10000));
	ck_assert_int_le(most_sessions(p, 10), 2);
	ck_assert_uint_eq(t_stats(p).conns, 2);
	free(t_psql("alter role two_only connection limit 10"));
	t_wait_idle(p, 4);
	t_close(p);
}
END_TEST

/* --- B3, B4, B6: lazily, and never beyond --------------------------------------------------------
 */

START_TEST(test_lazy)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = HF_NONE, .max_conns = 5));
	long long most;

	ck_assert_int_eq(t_backends(), 0);
	ck_assert_uint_eq(t_stats(p).conns + t_stats(p).connecting, 0);
	ck_assert_int_eq(t_int(hf_query(p, "select 42")), 42);
	ck_assert_uint_eq(t_stats(p).conns, 1);
	most = most_sessions(p, 20);
	ck_assert_int_le(most, 5);
	ck_assert_int_gt(most, 1);
	ck_assert_uint_le(t_stats(p).connects, 5);
	t_close(p);
}
END_TEST

/* Twin of the seed's test_pool: size 7 and timeout 15 from the URL. */
START_TEST(test_pool)
{
	hf_pool *p = t_pool_on(uri_with("pool_size=7&pool_timeout=15"), NULL);
	char *text = hf_pool_describe(p);

	ck_assert_uint_eq(t_stats(p).max_conns, 7);
	ck_assert_ptr_nonnull(strstr(text, "1 to 7 allowed"));
	ck_assert_ptr_nonnull(strstr(text, "15000 ms"));
	free(text);
	ck_assert_int_le(most_sessions(p, 20), 7);
	ck_assert_uint_le(t_stats(p).connects, 7);
	ck_assert_int_le(t_backends(), 7);
	t_close(p);
}
END_TEST

START_TEST(test_timeout_from_uri)
{
	hf_pool *p = t_pool_on(uri_with("pool_size=1&pool_timeout=1"), NULL);
	hf_future *holder = hf_query(p, "select pg_sleep(3)"), *f;
	int64_t began;

	t_wait_busy(p, 1);
	began = hf_now_ns();
	f = hf_query(p, "select 1");
	must_say(t_fails(f, HF_E_BUSY), "1 of 1 busy");
	ck_assert_int_ge(t_ms_since(began), 1000);
	ck_assert_int_lt(t_ms_since(began), 1000 + 500 * t_slow());
	hf_future_unref(f);
	hf_future_cancel(holder);
	hf_future_unref(holder);
	t_close(p);
}
END_TEST

struct starter {
	hf_pool *pool;
	pthread_barrier_t *gate;
	hf_status st;
};

static void *connect_now(void *arg)
{
	struct starter *s = arg;

	pthread_barrier_wait(s->gate);
	s->st = hf_await(hf_query(s->pool, "select 1"), NULL);
	return NULL;
}

static void race(int max_conns)
{
	struct starter s[3];
	pthread_barrier_t gate;
	pthread_t t[3];
	hf_pool *p = t_pool(HF_POOL_OPTS(.min_conns = HF_NONE, .max_conns = max_conns));
	uint64_t most = max_conns < 3 ? (uint64_t)max_conns : 3;

	pthread_barrier_init(&gate, NULL, 3);
	for (int i = 0; i < 3; i++) {
		s[i] = (struct starter){ p, &gate, HF_PENDING };
		ck_assert_int_eq(pthread_create(&t[i], NULL, connect_now, &s[i]), 0);
	}
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
		ck_assert_int_eq(s[i].st, HF_OK);
	}
	pthread_barrier_destroy(&gate);
	ck_assert_uint_le(t_stats(p).connects, most);
	ck_assert_int_le(t_backends(), (int)most);
	t_close(p);
}

/* Twin of the seeds' tests of concurrent connects. */
START_TEST(test_concurrent_connects)
{
	for (int i = 0; i < 10; i++)
		race(i % 2 ? 8 : 1);
}
END_TEST

/* --- B25, B26: settings --------------------------------------------------------------------------
 */

/* Twin of the seed's test of deferred initialisation: use before init, then init, then use. */
START_TEST(test_deferred_init)
{
	hf_pool *p = NULL;
	hf_future *f = hf_query(p, "select 1");

	must_say(t_fails(f, HF_E_MISUSE), "hf_pool_open was not called");
	hf_future_unref(f);
	hf_error_unref(refused(NULL, NULL, HF_E_MISUSE));
	p = t_pool(NULL);
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	t_close(p);
}
END_TEST

/* Two connections busy, and one place in the queue. */
static void must_be_full_after_one(hf_pool *p)
{
	hf_future *f[3];

	f[0] = hf_query(p, "select pg_sleep(0.3)");
	t_wait_busy(p, 1);
	f[1] = hf_query(p, "select pg_sleep(0.3)");
	t_wait_busy(p, 2);
	f[2] = hf_query(p, "select 1");
	t_failed(hf_query(p, "select 2"), HF_E_BUSY);
	for (int i = 0; i < 3; i++)
		t_done(f[i]);
}

START_TEST(test_settings)
{
	hf_pool *p = t_pool_on(uri_with("pool_size=3&pool_min=2&pool_queue=5&pool_recycle=60&"
					"pool_name=from%20dsn&pool_read_only=1"),
		HF_POOL_OPTS(.max_conns = 4, .name = t_name()));
	hf_pool_stats s = t_stats(p);

	ck_assert_uint_eq(s.max_conns, 4); /* the option wins */
	ck_assert_uint_eq(s.min_conns, 2);
	t_failed(hf_query(p, "create table never (a int)"), HF_E_SQL);
	t_close(p);
	ck_assert_int_eq(
		hf_pool_open(uri_with("pool_name=from%20dsn&pool_min=0"), NULL, &p, NULL), HF_OK);
	ck_assert_uint_eq(t_stats(p).min_conns, 0);
	{
		char *text = hf_pool_describe(p);

		ck_assert_ptr_nonnull(strstr(text, "pool \"from dsn\": open"));
		free(text);
	}
	t_close(p);
	p = t_pool_on(dsn_with("pool_size = 2 pool_queue='1'"), NULL);
	ck_assert_uint_eq(t_stats(p).max_conns, 2);
	must_be_full_after_one(p);
	t_close(p);
}
END_TEST

START_TEST(test_unknown_option)
{
	static const struct {
		bool uri;
		const char *text, *named;
	} cases[] = {
		{ false, "pool_sise=7", "\"pool_sise\"" },
		{ true, "pool_sise=7", "\"pool_sise\"" },
		{ false, "colour=red", "\"colour\"" },
		{ true, "colour=red&pool_size=7", "\"colour\"" },
		{ false, "pool_size=many", "\"pool_size\"" },
		{ true, "pool_size=many", "\"pool_size\"" },
		{ false, "pool_timeout=99999999999999999999", "\"pool_timeout\"" },
		{ true, "pool_size=0x7", "\"pool_size\"" },
		{ true, "pool_size=", "\"pool_size\"" },
		{ false, "pool_size=20000", "\"pool_size\"" },
		{ false, "pool_size=2 pool_min=3", "min_conns" },
	};

	for (size_t i = 0; i < T_COUNT(cases); i++) {
		hf_error *why =
			refused(cases[i].uri ? uri_with(cases[i].text) : dsn_with(cases[i].text),
				NULL, HF_E_MISUSE);

		must_say(why, cases[i].named);
		hf_error_unref(why);
	}
}
END_TEST

T_MAIN("open",
	{ "B1 a closed port is an error, strictly at once", test_connect_nonexisting_host_port, 0 },
	{ "B1 a missing database is an error", test_connect_nonexisting_db, 0 },
	{ "B1 B22 a strict pool is full and idle when it is open", test_strict_fills, 0 },
	{ "B1 a strict pool that fails leaves no session", test_strict_leaves_nothing, 0 },
	{ "B2 ten connections too many are an error with SQLSTATE", _test_connect_pool_size_too_big,
		60 },
	{ "B2 a pool that cannot grow works with what it has", test_works_with_what_it_has, 30 },
	{ "B3 no session before the first query, and never more than five", test_lazy, 0 },
	{ "B4 B26 size and timeout in a URI are reported and hold", test_pool, 0 },
	{ "B4 B26 the timeout in a URI is the one in force", test_timeout_from_uri, 0 },
	{ "B6 three threads connect at once", test_concurrent_connects, 0 },
	{ "B25 use before opening says so", test_deferred_init, 0 },
	{ "B26 settings stand in URIs and strings", test_settings, 0 },
	{ "B26 an unknown option is named", test_unknown_option, 0 })
