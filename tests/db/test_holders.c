/* SPDX-License-Identifier: MIT */
/* Who holds the connections: the log's report of what takes too long, the list for whoever asks,
 * and the error of whoever waits in vain. */
#include "fixture.h"
#include "golden.h"

#include <holdfast/txn.h>

#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what the log heard --------------------------------------------------------------------------
 */

static struct {
	pthread_mutex_t lock;
	char line[64][600];
	int n;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hear(hf_log_level level, const char *message, void *arg)
{
	(void)arg;
	if (!strstr(message, "has held"))
		return;
	ck_assert_int_eq(level, HF_LOG_WARN);
	pthread_mutex_lock(&heard.lock);
	ck_assert_int_lt(heard.n, 64);
	snprintf(heard.line[heard.n++], sizeof heard.line[0], "%s", message);
	pthread_mutex_unlock(&heard.lock);
}

static bool has_heard(void *arg)
{
	const int *n = arg;
	bool enough;

	pthread_mutex_lock(&heard.lock);
	enough = heard.n >= *n;
	pthread_mutex_unlock(&heard.lock);
	return enough;
}

/* The n-th report, waited for. */
static const char *report(int n)
{
	int wanted = n + 1;

	if (!t_wait_until(has_heard, &wanted, 10000))
		ck_abort_msg("report %d does not come", n);
	return heard.line[n];
}

static hf_pool *golden_pool(int conns, int hold_warn_ms)
{
	return t_pool(HF_POOL_OPTS(.name = "golden", .min_conns = conns, .max_conns = conns,
		.strict = true, .hold_warn_ms = hold_warn_ms, .log = hear,
		.log_level = HF_LOG_WARN));
}

/* --- reports -------------------------------------------------------------------------------------
 */

/* J20's own scenario: the culprit has a label and a line, and so has the last thing that it did. */
START_TEST(test_leaked)
{
	hf_pool *p = golden_pool(1, 200);
	int64_t began = hf_now_ns();
	int begin = __LINE__ + 1, query = __LINE__ + 4;
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.label = "seat"));
	const char *line;

	t_done(hf_txn_query(t, "select 1"));
	line = report(0);
	ck_assert_int_ge(t_ms_since(began), 200);
	ck_assert_golden(line,
		"pool \"golden\": transaction \"seat\" (test_holders.c:%d) has held connection 1 "
		"for "
		"N ms (idle for N ms, N ms left); its last command: hf_txn_query "
		"(test_holders.c:%d)",
		begin, query);
	ck_assert_int_ge(number_after(line, "connection 1 for "), 200);
	ck_assert_int_le(number_after(line, "connection 1 for "), t_ms_since(began));
	ck_assert_int_le(number_after(line, "(idle for "), number_after(line, "connection 1 for "));
	t_done(hf_txn_rollback(t));
	hf_txn_unref(t);
	t_close(p);
	ck_assert_int_eq(heard.n, 1);
}
END_TEST

/* Once for each: the first is not told of again when the second is, with commands in between or
 * not; and the same connection is told of again when it is held for another. */
START_TEST(test_once_each)
{
	hf_pool *p = golden_pool(2, 100);
	hf_txn *t[3];

	for (int i = 0; i < 3; i++) {
		char label[20];

		snprintf(label, sizeof label, "txn%d", i);
		t[i] = hf_txn_begin(p, HF_TXN_OPTS(.label = label));
		t_done(hf_txn_query(t[i], "select 1"));
		ck_assert_ptr_nonnull(strstr(report(i), label));
		if (i > 0)
			t_done(hf_txn_rollback(t[i]));
		t_done(i > 0 ? hf_query(p, "select 1") : hf_txn_query(t[0], "select 2"));
	}
	t_done(hf_txn_commit(t[0]));
	for (int i = 0; i < 3; i++)
		hf_txn_unref(t[i]);
	t_close(p);
	ck_assert_int_eq(heard.n, 3);
}
END_TEST

static hf_status sleepy(hf_conn *c, void *arg, hf_reply *reply)
{
	int *line = arg;

	(void)reply;
	*line = __LINE__ + 1;
	return hf_conn_query(c, NULL, "select pg_sleep($1::float8)", 0.6 * t_slow());
}

/* Whatever holds one: a query, a script, an interaction, a part of a transaction; while it runs. */
START_TEST(test_kinds)
{
	hf_pool *p = golden_pool(1, 100 * t_slow());
	int at, part, inside;
	double s = 0.6 * t_slow();
	hf_future *f;
	hf_txn *t;

	at = __LINE__ + 1;
	f = hf_query_with(p, HF_QUERY_OPTS(.label = "slow"), "select pg_sleep($1::float8)", s);
	ck_assert_golden(report(0),
		"pool \"golden\": query \"slow\" (test_holders.c:%d) has held connection 1 for N "
		"ms",
		at);
	ck_assert(!hf_future_ready(f));
	t_done(f);
	at = __LINE__ + 1;
	f = hf_script(p, "select 1; select pg_sleep($1)", s);
	ck_assert_golden(report(1),
		"pool \"golden\": script (test_holders.c:%d) has held connection 1 for N ms", at);
	t_done(f);
	at = __LINE__ + 1;
	f = hf_submit(p, HF_JOB(.fn = sleepy, .arg = &inside, .label = "two\nlines"));
	ck_assert_golden(report(2),
		"pool \"golden\": interaction \"two lines\" (test_holders.c:%d) has held "
		"connection "
		"1 for N ms; the last statement in it: test_holders.c:%d, N ms ago",
		at, inside);
	t_done(f);
	at = __LINE__ + 1;
	t = hf_txn_begin(p, NULL);
	part = __LINE__ + 1;
	f = hf_txn_run(t, HF_JOB(.fn = sleepy, .arg = &inside));
	ck_assert_golden(report(3),
		"pool \"golden\": transaction (test_holders.c:%d) has held connection 1 for N ms "
		"(running for N ms); its last command: hf_txn_run (test_holders.c:%d); the last "
		"statement in it: test_holders.c:%d, N ms ago",
		at, part, inside);
	t_done(f);
	t_done(hf_txn_rollback(t));
	hf_txn_unref(t);
	at = __LINE__ + 1;
	t = hf_txn_begin(p, NULL);
	ck_assert_golden(report(4),
		"pool \"golden\": transaction (test_holders.c:%d) has held connection 1 for N ms "
		"(idle for N ms, N ms left); no command yet",
		at);
	hf_txn_unref(t);
	t_wait_idle(p, 1);
	t_close(p);
	ck_assert_int_eq(heard.n, 5);
}
END_TEST

static bool is_noted_idle(void *arg)
{
	char *text = hf_pool_holders(arg);
	bool idle = strstr(text, "(idle for") != NULL;

	free(text);
	return idle;
}

static bool is_noted_parked(void *arg)
{
	char *text = hf_pool_holders(arg);
	bool parked = strstr(text, "(parked for") != NULL;

	free(text);
	return parked;
}

/* With its lease, and the last command of who parked it. */
START_TEST(test_parked)
{
	hf_pool *p = golden_pool(2, 200);
	int begin = __LINE__ + 1, query;
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.label = "seat"));
	const char *line;
	hf_token token;
	char *text;

	query = __LINE__ + 1;
	t_done(hf_txn_query(t, "select 1"));
	ck_assert_int_eq(hf_txn_park(&t, 60000, &token, NULL), HF_OK);
	line = report(0);
	ck_assert_golden(line,
		"pool \"golden\": transaction \"seat\" (test_holders.c:%d) has held connection %d "
		"for N ms (parked for N ms, N ms left); its last command: hf_txn_query "
		"(test_holders.c:%d)",
		begin, (int)number_after(line, "connection "), query);
	ck_assert_int_le(number_after(line, " ms, "), 60000);
	ck_assert_int_gt(number_after(line, " ms, "), 30000);
	ck_assert(is_noted_parked(p));
	ck_assert_ptr_null(strstr(line, token.text));
	/* Resumed, it is idle; parked again, it is not told of again. */
	ck_assert_int_eq(hf_txn_resume(p, token.text, &t, NULL), HF_OK);
	t_done(hf_txn_savepoint(t, "s"));
	ck_assert(t_wait_until(is_noted_idle, p, 5000));
	ck_assert_int_eq(hf_txn_park(&t, 60000, &token, NULL), HF_OK);
	ck_assert(t_wait_until(is_noted_parked, p, 5000));
	text = hf_pool_holders(p);
	ck_assert_ptr_nonnull(strstr(text, "its last command: hf_txn_savepoint ("));
	free(text);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	ck_assert_int_eq(heard.n, 1);
	t_close(p);
}
END_TEST

/* Nothing is reported where it is switched off, or nobody would hear it; two pools, so that the one
 * that reports tells when the other would have. */
START_TEST(test_never)
{
	hf_pool *never = golden_pool(1, HF_FOREVER), *p = golden_pool(1, 100);
	hf_pool *deaf = t_pool(HF_POOL_OPTS(.max_conns = 1, .hold_warn_ms = 50, .log = hear));
	hf_txn *t[3] = { hf_txn_begin(never, HF_TXN_OPTS(.label = "wrong")),
		hf_txn_begin(deaf, HF_TXN_OPTS(.label = "wrong")), NULL };

	t_done(hf_txn_query(t[0], "select 1"));
	t_done(hf_txn_query(t[1], "select 1"));
	t[2] = hf_txn_begin(p, HF_TXN_OPTS(.label = "right"));
	ck_assert_ptr_nonnull(strstr(report(0), "\"right\""));
	for (int i = 0; i < 3; i++)
		hf_txn_unref(t[i]);
	t_close(never);
	t_close(deaf);
	t_close(p);
	ck_assert_int_eq(heard.n, 1);
}
END_TEST

/* --- the housekeeper sleeps ----------------------------------------------------------------------
 */

static long switches_of(const char *task)
{
	char path[300], line[200];
	long n = -1;
	bool house = false;
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f)) {
		house |= strcmp(line, "Name:\thf-house\n") == 0;
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
			break;
	}
	if (f)
		fclose(f);
	return house ? n : -1;
}

/* How often the only housekeeper of this process has gone to sleep. */
static long house_sleeps(void)
{
	DIR *d = opendir("/proc/self/task");
	const struct dirent *e;
	long n = -1;

	while (n < 0 && (e = readdir(d)) != NULL)
		n = switches_of(e->d_name);
	closedir(d);
	ck_assert_int_ge(n, 0);
	return n;
}

/* It is not woken for each job, nor while nothing is held; every 2 ms (and sleeping once more for
 * the lock, perhaps) while queries are sent by who submits them. */
START_TEST(test_sleeps)
{
	hf_pool *p = golden_pool(2, 60000);
	int64_t began;
	long before;

	t_done(hf_query(p, "select 1"));
	before = house_sleeps();
	began = hf_now_ns();
	for (int i = 0; i < 1000; i++)
		t_done(hf_query(p, "select 1"));
	ck_assert_int_le(house_sleeps() - before, 5 + t_ms_since(began));
	t_close(p);

	p = golden_pool(1, 50);
	for (int i = 0; i < 20; i++)
		t_done(hf_query(p, "select 1"));
	t_sleep_ms(300); /* what it was told of has passed */
	before = house_sleeps();
	t_sleep_ms(500);
	ck_assert_int_le(house_sleeps() - before, 1);
	t_close(p);
	ck_assert_int_eq(heard.n, 0);
}
END_TEST

/* --- for who asks --------------------------------------------------------------------------------
 */

static void must_be_nobody(hf_pool *p)
{
	char *text = hf_pool_holders(p);

	ck_assert_str_eq(text, "");
	free(text);
}

/* The connections' numbers depend on which was free: taken out. */
static void without_numbers(char *text)
{
	for (char *at = text; (at = strstr(at, "connection ")) != NULL; at += 11)
		if (isdigit((unsigned char)at[11]))
			at[11] = '#';
}

static bool all_at_work(void *arg)
{
	char *text = hf_pool_holders(arg);
	bool all = strstr(text, "(idle for") && strstr(text, "statement in it") &&
		   strstr(text, "query (");

	free(text);
	return all;
}

START_TEST(test_list)
{
	hf_pool *p = golden_pool(3, 0);
	int inside = 0, begin, savepoint, run, query;
	hf_future *f, *g;
	hf_txn *t;
	char *text;

	must_be_nobody(p);
	begin = __LINE__ + 1;
	t = hf_txn_begin(p, HF_TXN_OPTS(.label = "first"));
	t_done(hf_txn_query(t, "select 1"));
	savepoint = __LINE__ + 1;
	t_done(hf_txn_savepoint(t, "s"));
	run = __LINE__ + 1;
	f = hf_run(p, sleepy, &inside, NULL);
	t_wait_busy(p, 2);
	query = __LINE__ + 1;
	g = hf_query(p, "select pg_sleep($1::float8)", 0.6 * t_slow());
	ck_assert(t_wait_until(all_at_work, p, 5000));
	text = hf_pool_holders(p);
	without_numbers(text);
	ck_assert_golden(text,
		"transaction \"first\" (test_holders.c:%d) holds connection # for N ms (idle for N "
		"ms, N ms left); its last command: hf_txn_savepoint (test_holders.c:%d)\n"
		"interaction (test_holders.c:%d) holds connection # for N ms; the last statement "
		"in "
		"it: test_holders.c:%d, N ms ago\n"
		"query (test_holders.c:%d) holds connection # for N ms\n",
		begin, savepoint, run, inside, query);
	free(text);
	t_done(f);
	t_done(g);
	t_done(hf_txn_rollback(t));
	must_be_nobody(p);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	must_be_nobody(p);
	t_close(p);
	ck_assert_ptr_null(hf_pool_holders(NULL));
	hf_txn_unref(t);
}
END_TEST

T_MAIN("holders", { "J20 a leaked transaction is reported with its lines", test_leaked, 0 },
	{ "J20 each holder is reported once", test_once_each, 0 },
	{ "J20 every kind of holder is reported while it runs", test_kinds, 0 },
	{ "J20 a parked transaction is reported with its lease", test_parked, 0 },
	{ "J20 nothing is reported where it is switched off", test_never, 0 },
	{ "J20 the housekeeper is not woken for each job", test_sleeps, 0 },
	{ "J20 a list of all who hold a connection", test_list, 0 })
