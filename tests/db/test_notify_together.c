/* SPDX-License-Identifier: MIT */
/* Notices of a transaction that wait one behind the other: one statement tells all of them. */
#include "journey.h"
#include "listening.h"

#include <dlfcn.h>
#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdio.h>

#define MANY 1000

static const char *_Atomic instead; /* what is sent in place of the next such statement */
static atomic_int told;             /* statements that tell several */

/* libholdfast finds this before libpq's own. A text is sent so where it is new. */
__attribute__((visibility("default"))) int PQsendQueryParams(PGconn *pg, const char *sql, int n,
	const Oid *types, const char *const *values, const int *lengths, const int *formats,
	int format)
{
	static int (*real)(PGconn *, const char *, int, const Oid *, const char *const *,
		const int *, const int *, int);
	const char *other;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "PQsendQueryParams");
	if (!strstr(sql, "unnest"))
		return real(pg, sql, n, types, values, lengths, formats, format);
	atomic_fetch_add(&told, 1);
	other = atomic_exchange(&instead, NULL);
	return other ? real(pg, other, 0, NULL, NULL, NULL, NULL, 0)
		     : real(pg, sql, n, types, values, lengths, formats, format);
}

static hf_pool *pool_of(const char *dsn)
{
	hf_pool *p = t_pool_on(dsn, HF_POOL_OPTS(.max_conns = 1, .strict = true));

	atomic_store(&told, 0);
	return p;
}

static void hears(hf_listener *l, const char *channel, const char *payload)
{
	const hf_notice *n = t_notice(l);

	ck_assert_str_eq(n->channel, channel);
	ck_assert_str_eq(n->payload, payload);
}

static void hears_nothing(hf_listener *l)
{
	const hf_notice *n;

	ck_assert_int_eq(hf_listener_next(l, 30, &n), HF_PENDING);
}

START_TEST(test_in_order)
{
	hf_pool *p = pool_of(t_dsn());
	hf_listener *l = hf_listen(p, HF_LISTEN_OPTS(.max_waiting = MANY));
	hf_future *f[MANY];
	struct journey j;
	char text[32];
	uint64_t before;

	t_listen(l, "even");
	t_listen(l, "odd");
	gather(&j, p);
	before = t_stats(p).statements;
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "number %d", i);
		f[i] = hf_txn_notify(j.t, i % 2 ? "odd" : "even", text);
	}
	depart(&j);
	for (int i = 0; i < MANY; i++) {
		ck_assert_uint_eq(hf_result_rows(t_ok(f[i])), 1);
		hf_future_unref(f[i]);
	}
	ck_assert_uint_le(t_stats(p).statements - before, 4);
	hears_nothing(l);
	t_done(hf_txn_commit(j.t));
	arrive(&j);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "number %d", i);
		hears(l, i % 2 ? "odd" : "even", text);
	}
	hears_nothing(l);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* What an array's text would have to quote, and what says nothing. */
START_TEST(test_any_text)
{
	static const char *const payloads[] = { "{a,b}", "\"quoted\"", "back\\slash", "NULL", "",
		" blank ", "a,b", "\xc3\xa4\xe2\x82\xac", "two\nlines", "'$1'" };
	enum { N_PAYLOADS = sizeof payloads / sizeof *payloads };
	hf_pool *p = pool_of(t_dsn());
	hf_listener *l = hf_listen(p, NULL);
	hf_future *f[N_PAYLOADS];
	struct journey j;

	t_listen(l, "an {odd} \"name\"");
	gather(&j, p);
	for (int i = 0; i < N_PAYLOADS; i++)
		f[i] = hf_txn_notify(j.t, "an {odd} \"name\"", payloads[i]);
	depart(&j);
	for (int i = 0; i < N_PAYLOADS; i++)
		t_done(f[i]);
	ck_assert_int_eq(atomic_load(&told), 1);
	t_done(hf_txn_commit(j.t));
	arrive(&j);
	for (int i = 0; i < N_PAYLOADS; i++)
		hears(l, "an {odd} \"name\"", payloads[i]);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* Between other commands, each in its turn: the table's rows tell what was there before them. */
START_TEST(test_among_others)
{
	static const char pattern[] = "innniniinn";
	hf_pool *p = pool_of(t_dsn());
	hf_listener *l = hf_listen(p, NULL);
	struct journey j;
	char text[16];

	make_table();
	t_listen(l, "marks");
	for (int round = 0; round < 5; round++) { /* until all texts are known, and travel */
		free(t_psql("delete from marks where n >= 0"));
		gather(&j, p);
		for (int i = 0; i < N; i++) {
			snprintf(text, sizeof text, "%d", i);
			j.f[i] = pattern[i] == 'i' ? hf_txn_query(j.t, INSERT, i)
						   : hf_txn_notify(j.t, "marks", text);
		}
		depart(&j);
		for (int i = 0; i < N; i++)
			t_done(j.f[i]);
		t_done(hf_txn_commit(j.t));
		arrive(&j);
		for (int i = 0; i < N; i++)
			if (pattern[i] == 'n')
				hears(l, "marks", (char[]){ (char)('0' + i), 0 });
		ck_assert_int_eq(marks(), 4);
	}
	hears_nothing(l);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* --- what goes wrong --- */

/* INSERT, three notices, INSERT; then another one is sent in place of the notices' statement. */
static void submit(struct journey *j, hf_pool *p, const char *other)
{
	make_table();
	gather(j, p);
	j->f[0] = hf_txn_query(j->t, INSERT, 0);
	for (int i = 1; i < 4; i++)
		j->f[i] = hf_txn_notify(j->t, "marks", &"in vain"[i]);
	j->f[4] = hf_txn_query(j->t, INSERT, 4);
	atomic_store(&instead, other);
}

START_TEST(test_fails)
{
	hf_pool *p = pool_of(t_dsn());
	hf_listener *l = hf_listen(p, NULL);
	struct journey j;

	t_listen(l, "marks");
	submit(&j, p, "select 1 / 0");
	depart(&j);
	t_done(j.f[0]);
	for (int i = 1; i < 5; i++)
		t_sqlstate(j.f[i], "22012");
	t_failed(hf_txn_commit(j.t), HF_E_TXN_ENDED);
	arrive(&j);
	ck_assert_int_eq(marks(), 0);
	hears_nothing(l);
	t_expect_sane(p);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* A savepoint takes the failure back, and what was told before it stays. */
START_TEST(test_savepoint)
{
	hf_pool *p = pool_of(t_dsn());
	hf_listener *l = hf_listen(p, NULL);
	hf_future *mark[2], *after[2];
	struct journey j;

	t_listen(l, "marks");
	gather(&j, p);
	j.f[0] = hf_txn_notify(j.t, "marks", "first"); /* alone */
	mark[0] = hf_txn_savepoint(j.t, "s");
	for (int i = 1; i < 4; i++)
		j.f[i] = hf_txn_notify(j.t, "marks", "undone");
	mark[1] = hf_txn_rollback_to(j.t, "s");
	after[0] = hf_txn_notify(j.t, "marks", "second");
	after[1] = hf_txn_notify(j.t, "marks", "third");
	atomic_store(&instead, "select 1 / 0");
	depart(&j);
	t_done(j.f[0]);
	for (int i = 1; i < 4; i++)
		t_sqlstate(j.f[i], "22012");
	for (int i = 0; i < 2; i++) {
		t_done(mark[i]);
		t_done(after[i]);
	}
	ck_assert_int_eq(atomic_load(&told), 2);
	t_done(hf_txn_commit(j.t));
	arrive(&j);
	hears(l, "marks", "first");
	hears(l, "marks", "second");
	hears(l, "marks", "third");
	hears_nothing(l);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* The last of them is cancelled, and with it the statement that it is a part of. */
START_TEST(test_cancel)
{
	hf_pool *p = pool_of(t_dsn());
	struct journey j;

	submit(&j, p, "select pg_sleep(60)");
	depart(&j);
	t_done(j.f[0]);
	t_wait_asleep();
	ck_assert_int_eq(hf_future_cancel(j.f[3]), HF_PENDING);
	for (int i = 1; i < 5; i++)
		t_failed(j.f[i], HF_E_CANCELED);
	t_failed(hf_txn_commit(j.t), HF_E_TXN_ENDED);
	arrive(&j);
	ck_assert_int_eq(marks(), 0);
	t_expect_sane(p);
	t_close(p);
}
END_TEST

START_TEST(test_lost)
{
	hf_pool *p = pool_of(t_dsn());
	const hf_error *e;
	struct journey j;

	submit(&j, p, "select pg_terminate_backend(pg_backend_pid())");
	depart(&j);
	t_done(j.f[0]);
	e = t_fails(j.f[1], HF_E_CONN_LOST);
	ck_assert(hf_error_is(e, HF_CONNECTION | HF_RETRYABLE));
	hf_future_unref(j.f[1]);
	for (int i = 2; i < 5; i++)
		t_failed(j.f[i], HF_E_TXN_ENDED);
	t_failed(hf_txn_commit(j.t), HF_E_TXN_ENDED);
	arrive(&j);
	ck_assert_int_eq(marks(), 0);
	t_expect_sane(p);
	t_close(p);
}
END_TEST

/* Where the database cannot keep every character, the one that it refuses is told by name. */
START_TEST(test_latin1)
{
	static const char *const payloads[] = { "one", "\xe2\x82\xac", "three" };
	char dsn[1024];
	hf_future *f[3];
	struct journey j;
	hf_pool *p;

	if (strstr(t_dsn(), "://"))
		t_skip("a second database needs a connection string of keys and values");
	free(t_psql("drop database if exists notify_latin1"));
	free(t_psql("create database notify_latin1 encoding 'LATIN1' locale 'C' "
		    "template template0"));
	snprintf(dsn, sizeof dsn, "%s dbname=notify_latin1", t_dsn());
	p = pool_of(dsn);
	gather(&j, p);
	for (int i = 0; i < 3; i++)
		f[i] = hf_txn_notify(j.t, "marks", payloads[i]);
	depart(&j);
	t_done(f[0]);
	t_sqlstate(f[1], "22P05");
	t_sqlstate(f[2], "22P05");
	ck_assert_int_eq(atomic_load(&told), 0);
	t_failed(hf_txn_commit(j.t), HF_E_TXN_ENDED);
	arrive(&j);
	t_close(p);
	free(t_psql("drop database notify_latin1 with (force)"));
}
END_TEST

/* A text by hand is nobody's but its own, also one that is holdfast's. */
START_TEST(test_by_hand)
{
	static const char by_hand[] = "SELECT pg_catalog.pg_notify($1, $2)";
	hf_pool *p = pool_of(t_dsn());
	hf_future *f[3];
	struct journey j;

	gather(&j, p);
	f[0] = hf_txn_notify(j.t, "marks", "one");
	f[1] = hf_txn_query(j.t, by_hand, "marks", "two");
	f[2] = hf_txn_query(j.t, by_hand, "", "three");
	depart(&j);
	t_done(f[0]);
	t_done(f[1]);
	t_sqlstate(f[2], "22023");
	t_failed(hf_txn_commit(j.t), HF_E_TXN_ENDED);
	arrive(&j);
	t_close(p);
}
END_TEST

T_MAIN("notify_together",
	{ "E3 1,000 notices that wait together are 4 statements at most, in order", test_in_order,
		0 },
	{ "E3 notices that wait together may be any text", test_any_text, 0 },
	{ "E3 notices among other commands of their transaction", test_among_others, 0 },
	{ "E3 E13 the statement of several notices fails", test_fails, 0 },
	{ "E3 E13 a savepoint before the statement of several notices", test_savepoint, 0 },
	{ "E3 one of several notices is cancelled", test_cancel, 0 },
	{ "E3 the server is lost under several notices", test_lost, 0 },
	{ "E3 a notice that the database cannot keep is told by name", test_latin1, 0 },
	{ "E3 E13 a notice by hand beside others fails alone", test_by_hand, 0 })
