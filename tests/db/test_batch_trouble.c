/* SPDX-License-Identifier: MIT */
/* A batch, or a borrowed connection, meets memory that is short, a server that says nothing, a log
 * that wants to know all, a session to be cleaned. */
#include "pipeline.h"
#include "silent.h"

#include "base/mem.h"

#include <dlfcn.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- memory --- */

#define WIDE 300000 /* more than goes out at once */

/* One allocation fails while a wide query is sent, alone or before another. Whatever becomes of it,
 * the pool goes on. */
static void fail_at(long skip, const char *wide, bool alone)
{
	hf_pool *p = t_pipe_pool(T_DEPTH);
	hf_future *f[2] = { NULL, NULL };
	struct t_dam dam;

	t_dam_shut(&dam, p);
	f[0] = hf_query(p, "select length($1)", wide);
	if (!alone)
		f[1] = hf_query(p, "select 1");
	hf__mem_fail(skip, 1);
	t_dam_burst(&dam);
	for (int i = 0; i < 2; i++)
		if (f[i] && hf_future_wait_for(f[i], 5000 * t_slow()) != HF_OK)
			ck_abort_msg("%d does not end when allocation %ld fails", i, skip);
	hf__mem_fail(0, 0);
	for (int i = 0; i < 2; i++) {
		hf_status st = f[i] ? hf_future_get(f[i], NULL) : HF_OK;

		if (st != HF_OK && st != HF_E_NOMEM && st != HF_E_CONN_LOST)
			ck_abort_msg("%s when allocation %ld fails", hf_status_name(st), skip);
		hf_future_unref(f[i]);
	}
	for (int i = 2; i < 5; i++)
		ck_assert_int_eq(t_int(hf_query(p, "select $1::int", i)), i);
	t_close(p);
}

START_TEST(test_memory)
{
	char *wide = malloc(WIDE + 1);

	ck_assert_ptr_nonnull(wide);
	memset(wide, 'x', WIDE);
	wide[WIDE] = '\0';
	for (long skip = 0; skip < 16; skip++) {
		fail_at(skip, wide, true);
		fail_at(skip, wide, false);
	}
	free(wide);
}
END_TEST

/* --- a link that breaks while a group is opened --- */

static _Atomic(const char *) refused; /* a text that libpq does not take, once */

/* In libpq's place: false as when it has no memory. */
int PQsendQueryParams(PGconn *pg, const char *sql, int n, const Oid *types,
	const char *const *values, const int *lengths, const int *formats, int format)
{
	static int (*real)(PGconn *, const char *, int, const Oid *, const char *const *,
		const int *, const int *, int);
	const char *text = atomic_load(&refused);

	if (text && strstr(sql, text)) {
		atomic_store(&refused, NULL);
		return 0;
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "PQsendQueryParams");
	return real(pg, sql, n, types, values, lengths, formats, format);
}

/* What the link did not take was not run: it runs on another. */
START_TEST(test_opening)
{
	hf_pool *p = t_group_pool();

	for (int round = 0; round < 5; round++) {
		hf_future *f[8];
		struct t_dam dam;

		t_dam_shut(&dam, p);
		for (int i = 0; i < 8; i++)
			f[i] = hf_query(p, "select $1::int", i);
		atomic_store(&refused, "transaction_read_only");
		t_dam_open(&dam);
		for (int i = 0; i < 8; i++)
			ck_assert_int_eq(t_int(f[i]), i);
		ck_assert_ptr_null(atomic_load(&refused));
	}
	ck_assert_uint_eq(t_stats(p).connects, 6);
	t_close(p);
}
END_TEST

/* --- a server that says nothing --- */

static void frozen(bool read_only)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_queue = HF_FOREVER,
		.statement_ms = 500, .read_only = read_only));
	int pid = (int)t_int(hf_query(p, "select pg_backend_pid()"));
	hf_future *f[2];
	struct t_dam dam;
	hf_status st[2];
	int64_t began;

	t_dam_shut(&dam, p);
	f[0] = hf_query(p, "select 1");
	f[1] = hf_query(p, "select 2");
	t_freeze(pid);
	began = hf_now_ns();
	t_dam_open(&dam);
	for (int i = 0; i < 2; i++)
		st[i] = hf_future_wait_for(f[i], 30000 * t_slow());
	t_thaw(pid);
	printf("# they ended after %lld ms\n", t_ms_since(began));
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(st[i], HF_OK);
		ck_assert_int_ne(hf_future_get(f[i], NULL), HF_OK);
		hf_future_unref(f[i]);
	}
	ck_assert_int_eq(t_int(hf_query(p, "select 3")), 3);
	t_close(p);
}

/* The limit of a statement is kept by the client as well. */
START_TEST(test_frozen)
{
	t_need_pgctl();
	frozen(true);
	frozen(false);
}
END_TEST

/* --- the log --- */

static struct {
	pthread_mutex_t lock;
	char text[64 * 1024];
	size_t n;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hear(hf_log_level level, const char *message, void *arg)
{
	(void)level;
	(void)arg;
	pthread_mutex_lock(&heard.lock);
	if (heard.n + strlen(message) + 2 < sizeof heard.text)
		heard.n += (size_t)snprintf(
			heard.text + heard.n, sizeof heard.text - heard.n, "%s\n", message);
	pthread_mutex_unlock(&heard.lock);
}

/* A line has both. */
static bool said(const char *label, const char *sql)
{
	bool yes = false;

	pthread_mutex_lock(&heard.lock);
	for (char *at = heard.text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		*end = '\0';
		yes |= strstr(at, label) && strstr(at, sql);
		*end = '\n';
	}
	pthread_mutex_unlock(&heard.lock);
	return yes;
}

/* The middle one of three is cancelled while the first waits for a lock: the line that its answer
 * leaves is its own, and so are its neighbours'. */
static void logged(bool read_only)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 1, .max_queue = HF_FOREVER, .log = hear,
		.log_level = HF_LOG_DEBUG, .read_only = read_only));
	hf_future *f[3];
	struct t_lock lock;
	struct t_dam dam;

	heard.n = 0;
	heard.text[0] = '\0';
	t_wait_idle(p, 1);
	t_lock_take(&lock, 3);
	t_dam_shut(&dam, p);
	f[0] = hf_query_with(
		p, HF_QUERY_OPTS(.label = "the first"), "select 70 from pg_advisory_xact_lock(3)");
	f[1] = hf_query_with(p, HF_QUERY_OPTS(.label = "the middle"), "select 71, pg_sleep(0.5)");
	f[2] = hf_query_with(p, HF_QUERY_OPTS(.label = "the last"), "select 72");
	t_dam_open(&dam);
	t_wait_blocked(1);
	hf_future_cancel(f[1]);
	t_failed(f[1], HF_E_CANCELED);
	t_lock_drop(&lock);
	ck_assert_int_eq(t_int(f[0]), 70);
	ck_assert_int_eq(t_int(f[2]), 72);
	t_wait_idle(p, 1);
	ck_assert(said("the first", "select 70"));
	ck_assert(said("the middle", "select 71"));
	ck_assert(said("the last", "select 72"));
	ck_assert(!said("the first", "select 71") && !said("the first", "select 72"));
	ck_assert(!said("the last", "select 71") && !said("the last", "select 70"));
	t_expect_together(p, T_DEPTH, 3);
	t_close(p);
}

START_TEST(test_log)
{
	logged(false);
	logged(true);
}
END_TEST

/* --- a borrowed session --- */

static pthread_t caller;
static atomic_int hooks, on_caller;

static hf_status hook(hf_conn *c, void *arg)
{
	(void)c;
	(void)arg;
	atomic_fetch_add(&hooks, 1);
	atomic_fetch_add(&on_caller, pthread_equal(caller, pthread_self()) != 0);
	return HF_OK;
}

/* What a caller runs on its own thread leaves a session that the worker cleans, hook and all. */
START_TEST(test_borrowed)
{
	hf_pool *p;

	caller = pthread_self();
	p = t_pool(HF_POOL_OPTS(.max_conns = 1, .on_connect = hook));
	for (int i = 0; i < 20; i++) {
		hf_result *res = NULL;
		uint64_t borrowed;

		t_wait_idle(p, 1);
		borrowed = t_stats(p).borrowed;
		ck_assert_int_eq(
			hf_fetch(p, NULL, NULL, "select 1 as a into temp leak_fetch"), HF_OK);
		ck_assert_uint_eq(t_stats(p).borrowed, borrowed + 1);
		ck_assert_int_eq(
			hf_fetch(p, &res, NULL, "select (to_regclass('leak_fetch') is null)::int"),
			HF_OK);
		ck_assert_int_eq(hf_row_int8(hf_result_row(res, 0), 0, -1), 1);
		hf_result_unref(res);
		ck_assert_int_eq(atomic_load(&hooks), i + 2);
	}
	ck_assert_int_eq(atomic_load(&on_caller), 0);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}
END_TEST

T_MAIN("batch_trouble", { "a failed allocation does not stop the pool", test_memory, 60 },
	{ "what a broken link does not take runs on another", test_opening, 0 },
	{ "a batch ends when the server says nothing", test_frozen, 120 },
	{ "the log tells a cancelled member from its neighbours", test_log, 0 },
	{ "the worker cleans what a borrower leaves, not the caller", test_borrowed, 0 })
