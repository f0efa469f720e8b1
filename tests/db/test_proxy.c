/* SPDX-License-Identifier: MIT */
/* The proxy: what tests of broken links rely on. */
#include "fixture.h"
#include "proxy.h"

#include <holdfast/txn.h>

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static hf_pool *setup(int conns)
{
	free(t_psql("set client_min_messages to warning; drop table if exists marks;"
		    "create table marks (n int)"));
	return t_pool_on(t_proxy_dsn(), HF_POOL_OPTS(.min_conns = conns, .max_conns = conns));
}

static long long marks_of(int n)
{
	char sql[80];

	snprintf(sql, sizeof sql, "select count(*) from marks where n = %d", n);
	return t_psql_int(sql);
}

/* Lost COMMITs are not asked after here: that would take sessions of its own. */
static hf_txn *begin(hf_pool *p)
{
	return hf_txn_begin(p, HF_TXN_OPTS(.outcome = HF_OUTCOME_FAST));
}

/* Writes mark n in a transaction, and gives its COMMIT, which the caller has armed the proxy for.
 */
static hf_future *commit_mark(hf_pool *p, int n)
{
	hf_txn *t = begin(p);
	hf_future *f;

	t_done(hf_txn_query(t, "insert into marks values ($1)", n));
	f = hf_txn_commit(t);
	hf_txn_unref(t);
	return f;
}

static struct t_exchange measure(hf_pool *p)
{
	t_proxy_arm(T_MEASURE, "COMMIT", 0);
	t_done(commit_mark(p, -1));
	return t_proxy_await();
}

static hf_status outcome(hf_future *f)
{
	hf_status st = hf_future_get_for(f, 10000 * t_slow(), NULL);

	hf_future_unref(f);
	return st;
}

START_TEST(test_unharmed)
{
	hf_pool *p = setup(4);
	hf_future *f[40];
	struct t_exchange first;
	hf_result *r;

	ck_assert_ptr_nonnull(strstr(t_proxy_dsn(), ".proxy."));
	for (int i = 0; i < 40; i++)
		f[i] = hf_query(p, "select $1::int + 1 from pg_sleep(0.01)", i);
	for (int i = 0; i < 40; i++)
		hf_future_unref(f[i]);
	for (int i = 0; i < 40; i++)
		f[i] = hf_query(p, "select $1::int + 1", i);
	for (int i = 0; i < 40; i++)
		ck_assert_int_eq(t_int(f[i]), i + 1);
	/* Answers longer than every buffer on the way, both ways. */
	f[0] = hf_query(p, "select repeat('x', 10000000)");
	r = hf_future_take(f[0]);
	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(
		t_int(hf_query(p, "select length($1)", hf_row_text(hf_result_row(r, 0), 0))),
		10000000);
	hf_result_unref(r);
	hf_future_unref(f[0]);
	t_failed(hf_query(p, "select 1 / 0"), HF_E_SQL);
	/* It measures the same each time. */
	first = measure(p);
	ck_assert_uint_gt(first.request, 0);
	ck_assert_uint_gt(first.answer, 0);
	ck_assert_uint_le(first.needed, first.request);
	for (int i = 0; i < 3; i++) {
		struct t_exchange again = measure(p);

		ck_assert_uint_eq(again.request, first.request);
		ck_assert_uint_eq(again.needed, first.needed);
		ck_assert_uint_eq(again.answer, first.answer);
	}
	ck_assert_int_eq(marks_of(-1), 4);
	ck_assert_uint_eq(t_proxy_accepted(), 4);
	t_close(p);
}
END_TEST

static bool no_sessions(void *arg)
{
	(void)arg;
	return t_psql_int("select count(*) from pg_stat_activity where backend_type = "
			  "'client backend' and pid <> pg_backend_pid() and state <> 'idle'") == 0;
}

/* Every length: what the server has not read in full it does not do. */
START_TEST(test_cut_request)
{
	hf_pool *p = setup(1);
	struct t_exchange x = measure(p);
	unsigned sessions = t_proxy_accepted();

	for (size_t n = 0; n <= x.request; n++) {
		hf_future *f;
		struct t_exchange y;

		t_proxy_arm(T_CUT_REQUEST, "COMMIT", n);
		f = commit_mark(p, (int)n);
		y = t_proxy_await();
		ck_assert_uint_eq(y.request, x.request);
		ck_assert_uint_eq(y.answer, 0);
		ck_assert_int_ne(outcome(f), HF_OK);
		ck_assert(t_wait_until(no_sessions, NULL, 10000));
		ck_assert_int_eq(marks_of((int)n), n >= x.needed);
		t_wait_idle(p, 1);
		ck_assert_uint_eq(t_proxy_accepted() - sessions, n + 1);
	}
	t_close(p);
}
END_TEST

/* Every length of the answer: it is done, whatever of it arrives. */
START_TEST(test_cut_answer)
{
	hf_pool *p = setup(1);
	struct t_exchange x = measure(p);

	for (size_t n = 0; n <= x.answer; n++) {
		hf_future *f;

		t_proxy_arm(T_CUT_ANSWER, "COMMIT", n);
		f = commit_mark(p, (int)n);
		ck_assert_uint_eq(t_proxy_await().answer, x.answer);
		ck_assert_int_eq(marks_of((int)n), 1);
		if (n == x.answer)
			ck_assert_int_eq(outcome(f), HF_OK);
		else if (n == 0)
			ck_assert_int_ne(outcome(f), HF_OK);
		else
			hf_future_unref(f);
	}
	t_close(p);
}
END_TEST

/* Sends a request by hand and reads until the link ends or `size` bytes have come. */
static size_t ask(PGconn *conn, const char *sql, unsigned char *answer, size_t size)
{
	struct pollfd fd = { PQsocket(conn), POLLIN, 0 };
	unsigned char request[64] = { 'Q' };
	size_t len = 5 + strlen(sql) + 1, got = 0;
	ssize_t n = 1;

	request[4] = (unsigned char)(len - 1);
	memcpy(request + 5, sql, strlen(sql) + 1);
	ck_assert_int_eq(send(fd.fd, request, len, MSG_NOSIGNAL), (ssize_t)len);
	while (got < size && n > 0) {
		ck_assert_int_eq(poll(&fd, 1, 10000 * t_slow()), 1);
		n = recv(fd.fd, answer + got, size - got, 0);
		got += n > 0 ? (size_t)n : 0;
	}
	return got;
}

/* Not a byte more nor less, and none changed. */
START_TEST(test_exact)
{
	const char *sql = "select 'COMMIT', 2";
	unsigned char whole[256], part[256];
	struct t_exchange x;
	PGconn *conn = PQconnectdb(t_proxy_dsn());

	t_proxy_arm(T_MEASURE, "COMMIT", 0);
	ck_assert_uint_gt(ask(conn, sql, whole, 1), 0);
	x = t_proxy_await();
	ck_assert_uint_eq(x.request, 5 + strlen(sql) + 1);
	ck_assert_uint_eq(x.needed, x.request);
	ck_assert_uint_lt(x.answer, sizeof whole);
	PQfinish(conn);
	conn = PQconnectdb(t_dsn());
	ck_assert_uint_eq(ask(conn, sql, whole, x.answer), x.answer);
	PQfinish(conn);
	for (size_t n = 0; n <= x.answer; n++) {
		conn = PQconnectdb(t_proxy_dsn());
		t_proxy_arm(T_CUT_ANSWER, "COMMIT", n);
		ck_assert_uint_eq(ask(conn, sql, part, sizeof part), n);
		ck_assert_mem_eq(part, whole, n);
		PQfinish(conn);
	}
}
END_TEST

static bool is_ready(void *arg)
{
	return hf_future_ready(arg);
}

START_TEST(test_hold)
{
	hf_pool *p = setup(2);
	hf_future *f;

	for (int mode = 0; mode < 2; mode++) {
		t_proxy_arm(mode ? T_HOLD_ANSWER : T_HOLD_REQUEST, "COMMIT", 3);
		f = commit_mark(p, mode);
		t_proxy_await();
		ck_assert_int_eq(marks_of(mode), mode);
		ck_assert(!hf_future_ready(f));
		/* The other link is not held. */
		ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
		ck_assert(!hf_future_ready(f));
		t_proxy_go_on();
		t_done(f);
		ck_assert_int_eq(marks_of(mode), 1);
	}
	ck_assert_uint_eq(t_proxy_accepted(), 2);
	t_close(p);
}
END_TEST

static bool session_of(void *arg)
{
	const int *pid = arg;
	char sql[100];

	snprintf(sql, sizeof sql, "select count(*) from pg_stat_activity where pid = %d", *pid);
	return t_psql_int(sql) > 0;
}

static bool no_session_of(void *arg)
{
	return !session_of(arg);
}

/* A link that is gone for the client only: its session sits in the transaction. */
START_TEST(test_half_open)
{
	hf_pool *p = setup(1);
	hf_txn *t = begin(p);
	int pid = (int)t_int(hf_txn_query(t, "select pg_backend_pid()"));
	hf_future *f;

	t_done(hf_txn_query(t, "insert into marks values (7)"));
	t_proxy_arm(T_HOLD_REQUEST, "COMMIT", 0);
	f = hf_txn_commit(t);
	t_proxy_await();
	t_proxy_cut(T_CLIENT);
	ck_assert_int_ne(outcome(f), HF_OK);
	hf_txn_unref(t);
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	ck_assert(session_of(&pid));
	ck_assert_int_eq(marks_of(7), 0);
	t_proxy_cut(T_SERVER);
	ck_assert(t_wait_until(no_session_of, &pid, 10000));
	/* And gone for the server only. */
	t_proxy_arm(T_HOLD_ANSWER, "COMMIT", 0);
	f = commit_mark(p, 8);
	t_proxy_await();
	t_proxy_cut(T_SERVER);
	ck_assert_int_eq(marks_of(8), 1);
	ck_assert(!hf_future_ready(f));
	t_proxy_cut(T_CLIENT);
	ck_assert(t_wait_until(is_ready, f, 10000));
	hf_future_unref(f);
	t_close(p);
}
END_TEST

START_TEST(test_refuse)
{
	hf_pool *p = setup(2);
	hf_pool *other = NULL;
	hf_error *why = NULL;

	ck_assert_int_eq(hf_pool_ready(p, 10000, NULL), HF_OK);
	t_wait_idle(p, 2);
	t_proxy_refuse(true);
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	ck_assert_int_eq(hf_pool_open(t_proxy_dsn(), HF_POOL_OPTS(.name = t_name(), .strict = true),
				 &other, &why),
		HF_E_CONNECT);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "refused"));
	hf_error_unref(why);
	ck_assert_uint_eq(t_proxy_accepted(), 2);
	t_proxy_kill_all();
	t_wait_backends(0);
	t_proxy_refuse(false);
	t_wait_idle(p, 2);
	ck_assert_int_eq(t_int(hf_query(p, "select 1")), 1);
	ck_assert_uint_eq(t_proxy_accepted(), 4);
	t_close(p);
}
END_TEST

/* A request to cancel comes on a connection of its own. */
START_TEST(test_cancel)
{
	hf_pool *p = setup(1);
	hf_future *f = hf_query(p, "select pg_sleep(60)");

	t_wait_busy(p, 1);
	ck_assert_int_eq(hf_future_cancel(f), HF_PENDING);
	t_failed(f, HF_E_CANCELED);
	ck_assert_uint_eq(t_proxy_accepted(), 1);
	t_close(p);
}
END_TEST

T_MAIN("proxy", { "nothing armed, nothing harmed", test_unharmed, 0 },
	{ "a COMMIT cut at each of its bytes", test_cut_request, 60 },
	{ "the answer to a COMMIT cut at each of its bytes", test_cut_answer, 60 },
	{ "a cut answer has so many bytes", test_exact, 0 },
	{ "a held link goes on", test_hold, 0 },
	{ "a held link loses one side", test_half_open, 0 },
	{ "connections are refused, ended and taken again", test_refuse, 0 },
	{ "a request to cancel passes", test_cancel, 0 })
