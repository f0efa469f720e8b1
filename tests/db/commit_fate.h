/* SPDX-License-Identifier: MIT */
/* What the tests of lost COMMITs share. Included once per program. */
#ifndef HF_TESTS_COMMIT_FATE_H
#define HF_TESTS_COMMIT_FATE_H

#include "fixture.h"
#include "proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WITH_PROXY(...) HF_POOL_OPTS(.max_conns = 1, __VA_ARGS__)

static char warnings[4000];

static inline void keep_warnings(hf_log_level level, const char *message, void *arg)
{
	size_t n = strlen(warnings);

	(void)arg;
	if (level == HF_LOG_WARN)
		snprintf(warnings + n, sizeof warnings - n, "%s\n", message);
}

/* COMMITs wait for nobody, and the table is empty. */
static inline void fresh_table(void)
{
	free(t_psql("alter system reset synchronous_standby_names"));
	free(t_psql("select pg_reload_conf()"));
	free(t_psql("set client_min_messages to warning; set synchronous_commit to local;"
		    "drop table if exists fates; create table fates (id int)"));
}

static inline long long fates(int id)
{
	char sql[80];

	snprintf(sql, sizeof sql, "select count(*) from fates where id = %d", id);
	return t_psql_int(sql);
}

/* A transaction that has written row `id`. */
static inline hf_txn *wrote(hf_pool *p, int id)
{
	hf_txn *t = hf_txn_begin(p, NULL);

	t_done(hf_txn_query(t, "insert into fates values ($1)", id));
	return t;
}

/* The same, and its COMMIT, which meets `act`. */
static inline hf_future *commit_into(hf_pool *p, int id, enum t_proxy_act act, hf_txn **t)
{
	hf_future *f;

	*t = wrote(p, id);
	t_proxy_arm(act, "COMMIT", 0);
	f = hf_txn_commit(*t);
	t_proxy_await();
	return f;
}

/* Lets go of both; what the future and the transaction say is that. */
static inline void rolled_back(hf_future *f, hf_txn *t)
{
	ck_assert(hf_error_is(t_fails(f, HF_E_CONN_LOST), HF_RETRYABLE));
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_ROLLED_BACK);
	hf_future_unref(f);
	hf_txn_unref(t);
}

static inline void committed(hf_future *f, hf_txn *t)
{
	t_done(f);
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_COMMITTED);
	hf_txn_unref(t);
}

static inline void unknown(hf_future *f, hf_txn *t, const char *why)
{
	const hf_error *e = t_fails(f, HF_E_CONN_LOST);

	ck_assert(hf_error_is(e, HF_MAYBE_COMMITTED) && !hf_error_is(e, HF_RETRYABLE));
	if (!strstr(hf_error_message(e), why))
		ck_abort_msg("\"%s\" does not say \"%s\"", hf_error_message(e), why);
	ck_assert_int_eq(hf_txn_get_state(t), HF_TXN_UNKNOWN);
	hf_future_unref(f);
	hf_txn_unref(t);
}

#endif
