/* SPDX-License-Identifier: MIT */
/* What tests against a server share. */
#include "helpers.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *t_dsn(void)
{
	const char *dsn = getenv("HOLDFAST_TEST_DSN");

	if (!dsn)
		ck_abort_msg("HOLDFAST_TEST_DSN is not set: run this program with tests/with-pg");
	return dsn;
}

void t_need_pgctl(void)
{
	if (!getenv("HOLDFAST_TEST_PGCTL"))
		t_skip("no server of its own");
}

bool t_pgctl(const char *fmt, ...)
{
	char args[256], command[320];
	va_list ap;

	t_need_pgctl();
	va_start(ap, fmt);
	vsnprintf(args, sizeof args, fmt, ap);
	va_end(ap);
	snprintf(command, sizeof command, "\"$HOLDFAST_TEST_PGCTL\" %s", args);
	return system(command) == 0;
}

const char *t_standby_dsn(void)
{
	static char dsn[320];

	if (!t_pgctl("standby"))
		ck_abort_msg("there is no standby: see ctl.log and standby.log beside %s",
			getenv("HOLDFAST_TEST_PGDATA"));
	snprintf(dsn, sizeof dsn, "%s port=5433", t_dsn());
	return dsn;
}

/* A server that recovers from a crash is waited for, up to a minute. */
static PGconn *connect_patiently(void)
{
	PGconn *conn = PQconnectdb(t_dsn());

	for (int i = 0; i < 600 && PQstatus(conn) != CONNECTION_OK; i++) {
		t_sleep_ms(100);
		PQreset(conn);
	}
	if (PQstatus(conn) != CONNECTION_OK)
		ck_abort_msg("t_psql cannot connect: %s", PQerrorMessage(conn));
	return conn;
}

char *t_psql(const char *sql)
{
	PGconn *conn = connect_patiently();
	PGresult *res;
	char *text = NULL;

	res = PQexec(conn, sql);
	if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK)
		ck_abort_msg("%s: %s", sql, PQerrorMessage(conn));
	if (PQntuples(res) > 0 && PQnfields(res) > 0 && !PQgetisnull(res, 0, 0)) {
		text = strdup(PQgetvalue(res, 0, 0));
		ck_assert_ptr_nonnull(text);
	}
	PQclear(res);
	PQfinish(conn);
	return text;
}

long long t_psql_int(const char *sql)
{
	char *text = t_psql(sql), *end = NULL;
	long long n;

	if (!text)
		ck_abort_msg("%s: no value", sql);
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || end == text)
		ck_abort_msg("%s: \"%s\" is no integer", sql, text);
	free(text);
	return n;
}

void t_sleep_ms(int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000L };

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		;
}

/* --- the machine's own lateness --- */

static long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void *watch(void *arg)
{
	struct t_watch *w = arg;

	while (!atomic_load(&w->over)) {
		long long began = now_ns(), late;

		t_sleep_ms(1);
		late = now_ns() - began - 1000000;
		if (late > w->worst_ns)
			w->worst_ns = late;
	}
	return NULL;
}

void t_watch_begin(struct t_watch *w)
{
	atomic_store(&w->over, false);
	w->worst_ns = 0;
	ck_assert_int_eq(pthread_create(&w->thread, NULL, watch, w), 0);
}

long long t_watch_end(struct t_watch *w)
{
	atomic_store(&w->over, true);
	pthread_join(w->thread, NULL);
	return w->worst_ns / 1000000;
}
