/* SPDX-License-Identifier: MIT */
/* A parked transaction: its locks stay, whoever has the token takes it over, and the token always
 * tells what became of it. */
#include "park.h"

#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* --- handing over --------------------------------------------------------------------------------
 */

static hf_status take_lock(hf_conn *c, void *arg, hf_reply *reply)
{
	hf_status st = hf_conn_query(c, NULL, "set local lock_timeout = '200ms'");

	(void)arg;
	(void)reply;
	if (st == HF_OK)
		st = hf_conn_query(c, NULL, "update test_values set val2 = 0 where id = 1");
	return st;
}

static void check_locked(hf_pool *p)
{
	hf_future *f = hf_run(p, take_lock, NULL, NULL);

	ck_assert_str_eq(hf_error_sqlstate(t_fails(f, HF_E_SQL)), "55P03");
	hf_future_unref(f);
}

struct second_request {
	hf_pool *pool;
	hf_token token;
	long long pid;
};

static void *finish(void *arg)
{
	struct second_request *r = arg;
	hf_txn *t = park_resume(r->pool, &r->token);

	r->pid = t_int(hf_txn_query(t, "select pg_backend_pid()"));
	t_done(hf_txn_query(t, "update test_values set val2 = val2 + 1 where id = $1", 1));
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	return NULL;
}

START_TEST(test_two_requests)
{
	struct second_request r = { .pool = NULL };
	hf_pool *p;
	pthread_t other;
	hf_txn *t;
	long long pid;

	park_table();
	r.pool = p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 2));
	t = park_lock(p, HF_TXN_OPTS(.label = "seat"));
	pid = t_int(hf_txn_query(t, "select pg_backend_pid()"));
	park_it(&t, 0, &r.token);
	ck_assert_uint_eq(t_stats(p).pinned, 1);
	check_locked(p);
	ck_assert_int_eq(pthread_create(&other, NULL, finish, &r), 0);
	pthread_join(other, NULL);
	ck_assert_int_eq(r.pid, pid);
	ck_assert_int_eq(park_value(), 1001);
	ck_assert(park_row_free(NULL));
	t_wait_idle(p, 2);
	ck_assert_uint_eq(t_stats(p).parks, 1);
	ck_assert_uint_eq(t_stats(p).resumes, 1);
	ck_assert_uint_eq(t_stats(p).connects, 2);
	t_close(p);
}
END_TEST

/* One that has run nothing yet, and one whose connection never comes. */
START_TEST(test_without_connection)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	hf_txn *t = hf_txn_begin(p, NULL), *hold[2];
	hf_token token;

	park_it(&t, 0, &token);
	t = park_resume(p, &token);
	ck_assert_int_eq(t_int(hf_txn_query(t, "select 42")), 42);
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	for (int i = 0; i < 2; i++) {
		hold[i] = hf_txn_begin(p, NULL);
		t_done(hf_txn_query(hold[i], "select 1"));
	}
	t = hf_txn_begin(p, HF_TXN_OPTS(.acquire_ms = 50));
	park_it(&t, 0, &token);
	t_failed(hf_query_with(p, HF_QUERY_OPTS(.acquire_ms = 200), "select 1"), HF_E_BUSY);
	hf_error_unref(park_gone(p, token.text, HF_E_TXN_ENDED, "no connection"));
	for (int i = 0; i < 2; i++) {
		t_done(hf_txn_rollback(hold[i]));
		hf_txn_unref(hold[i]);
	}
	t_close(p);
}
END_TEST

/* --- the four answers ----------------------------------------------------------------------------
 */

START_TEST(test_expired)
{
	hf_pool *p;
	hf_txn *t;
	hf_token token;
	hf_error *why;

	park_table();
	p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	t = park_lock(p, HF_TXN_OPTS(.label = "seat"));
	park_it(&t, 150, &token);
	ck_assert(t_wait_until(park_row_free, NULL, 10000));
	for (int i = 0; i < 2; i++) {
		why = park_gone(p, token.text, HF_E_TXN_ENDED,
			"expired after 150 ms parked and was rolled");
		ck_assert_ptr_nonnull(strstr(hf_error_message(why), "\"seat\""));
		ck_assert(hf_error_is(why, HF_RETRYABLE));
		hf_error_unref(why);
	}
	t_close(p);
}
END_TEST

/* Already resumed, however it ends; or another pool's token, or nobody's. */
START_TEST(test_not_mine)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	hf_pool *q = t_pool(HF_POOL_OPTS(.max_conns = 2));
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.label = "seat"));
	hf_token token;

	park_it(&t, 0, &token);
	t = park_resume(p, &token);
	hf_error_unref(park_gone(p, token.text, HF_E_TXN_ENDED, "has been resumed already"));
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	hf_error_unref(park_gone(p, token.text, HF_E_TXN_ENDED, "has been resumed already"));
	t = hf_txn_begin(q, NULL);
	park_it(&t, 0, &token);
	hf_error_unref(park_gone(p, token.text, HF_E_TXN_ENDED, "never seen"));
	hf_error_unref(
		park_gone(p, "00112233445566778899aabbccddeeff", HF_E_TXN_ENDED, "never seen"));
	hf_txn_unref(park_resume(q, &token));
	t_close(q);
	t_close(p);
}
END_TEST

START_TEST(test_misuse)
{
	static const char *const no_tokens[] = { NULL, "", "00112233445566778899aabbccddeef",
		"00112233445566778899aabbccddeefff", "00112233445566778899aabbccddeefg",
		"00:11:22:33:44:55:66:77:88:99:aa", "00112233445566778899aabbccddee f" };
	const char *good = "00112233445566778899aabbccddeeff";
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	hf_txn *t = NULL;
	hf_token token;

	for (size_t i = 0; i < T_COUNT(no_tokens); i++)
		hf_error_unref(park_gone(p, no_tokens[i], HF_E_MISUSE, "no token"));
	hf_error_unref(park_gone(NULL, good, HF_E_MISUSE, "NULL"));
	ck_assert_int_eq(hf_txn_resume(p, good, NULL, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_txn_park(NULL, 0, &token, NULL), HF_E_MISUSE);
	ck_assert_int_eq(hf_txn_park(&t, 0, &token, NULL), HF_E_MISUSE);
	t = hf_txn_begin(p, NULL);
	ck_assert_int_eq(hf_txn_park(&t, 0, NULL, NULL), HF_E_MISUSE);
	ck_assert_ptr_nonnull(t);
	hf_txn_unref(t);
	t_close(p);
}
END_TEST

/* --- a lost server -------------------------------------------------------------------------------
 */

static struct {
	pthread_mutex_t lock;
	int64_t lost_at;
	long lines, tokens;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool has_token(const char *s)
{
	int run = 0;

	for (; *s && run < 32; s++)
		run = isxdigit((unsigned char)*s) ? run + 1 : 0;
	return run >= 32;
}

static void hear(hf_log_level level, const char *message, void *arg)
{
	(void)level;
	(void)arg;
	pthread_mutex_lock(&heard.lock);
	heard.lines++;
	heard.tokens += has_token(message);
	if (strstr(message, "the server closed its connection"))
		heard.lost_at = hf_now_ns();
	pthread_mutex_unlock(&heard.lock);
}

static int64_t lost_at(void)
{
	int64_t at;

	pthread_mutex_lock(&heard.lock);
	at = heard.lost_at;
	pthread_mutex_unlock(&heard.lock);
	return at;
}

static bool loss_is_heard(void *arg)
{
	(void)arg;
	return lost_at() != 0;
}

/* How often the threads of this process whose name ends so have gone to sleep. */
static long sleeps(const char *end)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	long n = 0;

	while (d && (e = readdir(d)) != NULL) {
		char path[300], line[200];
		bool mine = false;
		FILE *f;

		snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof line, f)) {
			if (strncmp(line, "Name:", 5) == 0)
				mine = strstr(line, end) != NULL;
			if (mine && strncmp(line, "voluntary_ctxt_switches:", 24) == 0)
				n += strtol(line + 24, NULL, 10);
		}
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return n;
}

/* 300 ms in which none of them looks at anything; they may have to come to rest first. */
static bool rests(const char *end)
{
	for (int i = 0; i < 20; i++) {
		long before = sleeps(end);

		t_sleep_ms(300);
		if (before > 0 && sleeps(end) == before)
			return true;
	}
	return false;
}

static int by_size(const void *a, const void *b)
{
	const long long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

#define LOSSES 7

START_TEST(test_server_is_lost)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.name = "lot", .max_conns = 2, .min_conns = 2, .log = hear,
		.log_level = HF_LOG_WARN));
	long long took[LOSSES];
	hf_token token;

	for (int i = 0; i < LOSSES; i++) {
		hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.label = "seat"));
		long long pid = t_int(hf_txn_query(t, "select pg_backend_pid()"));
		int64_t began;
		hf_error *why;

		heard.lost_at = 0;
		park_it(&t, 0, &token);
		ck_assert(rests("lot-")); /* nobody looks: it is told */
		began = hf_now_ns();
		t_done(hf_query(p, "select pg_terminate_backend($1::int)", pid));
		ck_assert(t_wait_until(loss_is_heard, NULL, 10000));
		took[i] = (lost_at() - began) / 1000000;
		why = park_gone(p, token.text, HF_E_TXN_ENDED, "terminating connection");
		ck_assert_str_eq(hf_error_sqlstate(why), "57P01");
		ck_assert_ptr_nonnull(strstr(hf_error_message(why), "was rolled back"));
		ck_assert(hf_error_is(why, HF_RETRYABLE) && hf_error_is(why, HF_CONNECTION));
		ck_assert(!hf_error_is(why, HF_MAYBE_COMMITTED));
		hf_error_unref(why);
		t_wait_idle(p, 2);
	}
	qsort(took, LOSSES, sizeof took[0], by_size);
	ck_assert_int_le(took[LOSSES / 2], 50 * t_slow());
	t_close(p);
}
END_TEST

/* --- tokens --------------------------------------------------------------------------------------
 */

#define TOKENS 10000

static int by_text(const void *a, const void *b)
{
	return strcmp(((const hf_token *)a)->text, ((const hf_token *)b)->text);
}

START_TEST(test_tokens)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2, .log = hear, .log_level = HF_LOG_DEBUG));
	hf_token *all = calloc(TOKENS, sizeof *all);
	hf_txn *t = hf_txn_begin(p, NULL);

	t_done(hf_txn_query(t, "select 1"));
	for (int i = 0; i < TOKENS; i++) {
		park_it(&t, 0, &all[i]);
		t = park_resume(p, &all[i]);
		ck_assert_uint_eq(strspn(all[i].text, "0123456789abcdef"), 32);
		ck_assert_uint_eq(strlen(all[i].text), 32);
	}
	for (int i = 0; i < TOKENS; i += TOKENS / 10) { /* the oldest are forgotten by now */
		hf_error *why = park_gone(p, all[i].text, HF_E_TXN_ENDED, "");

		ck_assert(!has_token(hf_error_message(why)));
		hf_error_unref(why);
	}
	hf_error_unref(park_gone(p, all[0].text, HF_E_TXN_ENDED, "never seen"));
	hf_error_unref(park_gone(p, all[TOKENS - 1000].text, HF_E_TXN_ENDED, "resumed already"));
	qsort(all, TOKENS, sizeof *all, by_text);
	for (int i = 1; i < TOKENS; i++)
		ck_assert_str_ne(all[i - 1].text, all[i].text);
	park_it(&t, 1, &all[0]);
	t_wait_idle(p, 1);
	t_close(p);
	ck_assert_int_gt(heard.lines, 2);
	ck_assert_int_eq(heard.tokens, 0);
	free(all);
}
END_TEST

/* --- what it costs the server --------------------------------------------------------------------
 */

static bool pins_snapshot(long long pid)
{
	char sql[160];

	snprintf(sql, sizeof sql,
		"select (backend_xmin is not null)::int from pg_stat_activity "
		"where pid = %lld and state = 'idle in transaction'",
		pid);
	return t_psql_int(sql) == 1;
}

START_TEST(test_snapshot)
{
	hf_pool *p;

	park_table();
	p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	for (int repeatable = 0; repeatable < 2; repeatable++) {
		hf_txn *t = hf_txn_begin(
			p, HF_TXN_OPTS(.isolation = repeatable ? HF_ISO_REPEATABLE_READ
							       : HF_ISO_READ_COMMITTED));
		long long pid = t_int(hf_txn_query(t, "select pg_backend_pid()"));
		hf_token token;

		t_done(hf_txn_query(t, "select * from test_values"));
		ck_assert_int_eq(pins_snapshot(pid), repeatable); /* held and idle */
		park_it(&t, 0, &token);
		ck_assert_int_eq(pins_snapshot(pid), repeatable);
		t = park_resume(p, &token);
		t_done(hf_txn_rollback(t));
		hf_txn_unref(t);
	}
	t_close(p);
}
END_TEST

T_MAIN("park",
	{ "K1 D2 promise-H16 parked in one request, confirmed in another", test_two_requests, 0 },
	{ "K1 parked before it has a connection", test_without_connection, 0 },
	{ "K1 promise-H16 a token tells that its lease is over", test_expired, 0 },
	{ "K1 promise-H16 a token tells that it was used, or is unknown", test_not_mine, 0 },
	{ "K1 what is no token is refused", test_misuse, 0 },
	{ "K1 promise-H11 a lost server is noticed at once, and named", test_server_is_lost, 60 },
	{ "K1 promise-H25 10,000 tokens differ, and none is logged", test_tokens, 60 },
	{ "K1 promise-H15 at read committed a parked one pins no snapshot", test_snapshot, 0 })
