/* SPDX-License-Identifier: MIT */
/* How a parked transaction ends when nobody brings its token: with its last owner, its pool, its
 * process. */
#include "park.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the last owner ------------------------------------------------------------------------------
 */

static struct {
	pthread_mutex_t lock;
	int lines;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hear(hf_log_level level, const char *message, void *arg)
{
	if (level == HF_LOG_WARN && strstr(message, arg)) {
		pthread_mutex_lock(&heard.lock);
		heard.lines++;
		pthread_mutex_unlock(&heard.lock);
	}
}

/* Held, and resumed: letting go of it rolls back, and one line with its label says so. */
START_TEST(test_let_go)
{
	hf_pool *p;
	char seat[] = "\"seat 12\"";

	park_table();
	p = t_pool(HF_POOL_OPTS(.max_conns = 2, .log = hear, .log_arg = seat,
		.log_level = HF_LOG_WARN));
	for (int resumed = 0; resumed < 2; resumed++) {
		hf_txn *t = park_lock(p, HF_TXN_OPTS(.label = "seat 12"));
		hf_token token;

		t_done(hf_txn_query(t, "update test_values set val2 = 7"));
		if (resumed) {
			park_it(&t, 0, &token);
			t = park_resume(p, &token);
		}
		heard.lines = 0;
		ck_assert_ptr_null(hf_txn_unref(t));
		ck_assert(t_wait_until(park_row_free, NULL, 10000));
		ck_assert_int_eq(park_value(), 1000);
		t_wait_idle(p, 1);
		ck_assert_int_eq(heard.lines, 1);
		if (resumed)
			hf_error_unref(park_gone(
				p, token.text, HF_E_TXN_ENDED, "has been resumed already"));
	}
	t_close(p);
}
END_TEST

/* --- the end of a pool, and of a process ---------------------------------------------------------
 */

START_TEST(test_close)
{
	for (int hard = 0; hard < 2; hard++) {
		hf_token tokens[2];
		hf_pool *p;
		hf_txn *t;
		int64_t began;

		park_table();
		p = t_pool(HF_POOL_OPTS(.max_conns = 4));
		t = park_lock(p, HF_TXN_OPTS(.label = "seat"));
		park_it(&t, 0, &tokens[0]);
		t = hf_txn_begin(p, NULL);
		park_it(&t, 0, &tokens[1]);
		began = hf_now_ns();
		ck_assert_int_eq(hard ? hf_pool_terminate(p) : hf_pool_close(p, 0), HF_OK);
		ck_assert_int_lt(t_ms_since(began), 1000 * t_slow());
		for (int i = 0; i < 2; i++)
			hf_error_unref(park_gone(p, tokens[i].text, HF_E_TXN_ENDED, "was closed"));
		hf_error_unref(
			park_gone(p, "00112233445566778899aabbccddeeff", HF_E_CLOSED, "is closed"));
		ck_assert(t_wait_until(park_row_free, NULL, 5000));
		ck_assert_int_eq(hf_pool_reopen(p, NULL), HF_OK);
		for (int i = 0; i < 2; i++)
			hf_error_unref(park_gone(p, tokens[i].text, HF_E_TXN_ENDED, "was closed"));
		t_close(p);
	}
}
END_TEST

START_TEST(test_fork)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	hf_txn *t = hf_txn_begin(p, NULL), *held = hf_txn_begin(p, NULL), *got = NULL;
	hf_token token, none;
	int status;
	pid_t child;

	t_done(hf_txn_query(t, "select 1"));
	park_it(&t, 0, &token);
	child = fork();
	if (child == 0) {
		hf_status st = hf_txn_resume(p, token.text, &got, NULL);

		if (st == HF_E_FORKED)
			st = hf_txn_park(&held, 0, &none, NULL);
		_exit(st == HF_E_FORKED && held && !got ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	t = park_resume(p, &token);
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	hf_txn_unref(held);
	t_close(p);
}
END_TEST

static void *close_it(void *p)
{
	return hf_pool_close(p, 0) == HF_OK ? p : NULL;
}

/* While others are still let finish, nobody takes over what is parked: not in the first instant
 * either, when its worker has not heard of the end yet. */
static void close_and_resume(void)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.max_conns = 2));
	hf_txn *t = park_lock(p, NULL), *got = NULL;
	hf_future *slow;
	hf_token token;
	pthread_t closer;
	void *closed;

	park_it(&t, 0, &token);
	slow = hf_query(p, "select pg_sleep(0.1)");
	t_wait_busy(p, 2);
	ck_assert_int_eq(pthread_create(&closer, NULL, close_it, p), 0);
	while (hf_pool_get_state(p) == HF_POOL_OPEN)
		;
	for (int i = 0; i < 1000; i++) {
		hf_status st = hf_txn_resume(p, token.text, &got, NULL);

		ck_assert(st == HF_E_TXN_ENDED || st == HF_E_CLOSED);
		ck_assert_ptr_null(got);
	}
	pthread_join(closer, &closed);
	ck_assert_ptr_eq(closed, p);
	t_done(slow);
	ck_assert(t_wait_until(park_row_free, NULL, 5000));
	hf_pool_unref(p);
}

START_TEST(test_closing)
{
	park_table();
	for (int i = 0; i < 20; i++)
		close_and_resume();
}
END_TEST

T_MAIN("park_end", { "K1 D6 api-T12 letting go of it rolls back, with a line", test_let_go, 0 },
	{ "K1 closing waits for nobody who is parked", test_close, 0 },
	{ "K1 what is parked in a closing pool is not resumed", test_closing, 0 },
	{ "K1 a fork resumes nothing", test_fork, 0 })
