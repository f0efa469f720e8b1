/* SPDX-License-Identifier: MIT */
/* The demonstration, fourth part: a transaction that is parked under a token, as a web server does
 * between two requests, and what the token tells when there is nothing to resume. */
#include "demo.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define ROW       43
#define MEANWHILE 100
#define LEASE_MS  100

static int64_t row_value(hf_pool *p)
{
	return demo_number(
		hf_query(p, "select val1 from test_values where id = $1", ROW), "read the value");
}

/* A transaction that has locked the row. */
static hf_txn *lock_row(hf_pool *p)
{
	hf_txn *t = hf_txn_begin(p, HF_TXN_OPTS(.label = "demo park"));

	demo_done(hf_txn_query(t, "select val1 from test_values where id = $1 for update", ROW),
		"lock the row");
	return t;
}

static bool park(hf_txn **t, int lease_ms, const char *call, hf_token *token)
{
	int64_t began = hf_now_ns();
	hf_error *why = NULL;
	hf_status st = hf_txn_park(t, lease_ms, token, &why);

	ui_row(hf_now_ns() - began, call, "%s", hf_status_name(st));
	if (st != HF_OK) {
		ui_check(false, "%s", hf_error_message(why));
		*t = hf_txn_unref(*t);
	}
	hf_error_unref(why);
	return st == HF_OK;
}

/* What the pool says, without the name of the transaction. */
static bool told(hf_pool *p, const hf_token *token, const char *expected)
{
	int64_t began = hf_now_ns();
	hf_error *why = NULL;
	hf_txn *t = NULL;
	hf_status st = hf_txn_resume(p, token->text, &t, &why);
	const char *text = strstr(hf_error_message(why), ") ");
	bool ok;

	ui_row(hf_now_ns() - began, "hf_txn_resume(pool, token, &t)", "%s", hf_status_name(st));
	ok = ui_check(
		st == HF_E_TXN_ENDED && text && strncmp(text + 2, expected, strlen(expected)) == 0,
		"it %s", text ? text + 2 : hf_status_name(st));
	hf_error_unref(why);
	hf_txn_unref(t);
	return ok;
}

/* --- two requests --------------------------------------------------------------------------------
 */

struct request {
	hf_pool *pool;
	hf_token token;
	bool ok;
};

/* The second request, on a thread of its own: all it knows is the token. */
static void *second_request(void *arg)
{
	struct request *r = arg;
	int64_t began = hf_now_ns();
	hf_txn *t = NULL;
	hf_error *why = NULL;
	hf_status st = hf_txn_resume(r->pool, r->token.text, &t, &why);

	ui_row(hf_now_ns() - began, "hf_txn_resume(pool, token, &t)", "%s", hf_status_name(st));
	if (st == HF_OK) {
		hf_future_unref(hf_txn_query(
			t, "update test_values set val1 = val1 + 100 where id = $1", ROW));
		r->ok = demo_done(hf_txn_commit(t), "commit what was resumed");
	}
	ui_check(r->ok, "another thread took it up, updated the row and committed");
	hf_error_unref(why);
	hf_txn_unref(t);
	return NULL;
}

/* Others work; whoever wants the row does not get it. */
static void meanwhile(hf_pool *p)
{
	int done = 0;

	for (int i = 0; i < MEANWHILE; i++)
		done += demo_number(hf_query(p, "select $1::int", i), "a query meanwhile") == i;
	ui_check(done == MEANWHILE, "parked; %d queries ran on other connections", done);
	ui_check(demo_number(hf_query(p,
				     "select count(*) from (select 1 from test_values "
				     "where id = $1 for update skip locked) s",
				     ROW),
			 "try the lock") == 0,
		"nobody gets the row, though no handle and no thread holds it");
}

static void two_requests(hf_pool *p)
{
	struct request r = { .pool = p };
	hf_txn *t = lock_row(p);
	pthread_t thread;

	if (!park(&t, 0, "hf_txn_park(&t, 0, &token)", &r.token))
		return;
	ui_say("the token goes to the browser: %.8s... (%d digits)", r.token.text,
		(int)strlen(r.token.text));
	meanwhile(p);
	if (pthread_create(&thread, NULL, second_request, &r) == 0)
		pthread_join(thread, NULL);
	told(p, &r.token, "has been resumed already");
}

/* --- too late ------------------------------------------------------------------------------------
 */

static void wait_for_expiry(hf_pool *p)
{
	const struct timespec tick = { 0, 5000000 };
	hf_pool_stats s = { .struct_size = sizeof s };

	for (int i = 0; i < 1000; i++) {
		hf_pool_get_stats(p, &s);
		if (s.pinned == 0)
			break;
		nanosleep(&tick, NULL);
	}
}

static void too_late(hf_pool *p)
{
	hf_txn *t = lock_row(p);
	hf_token token;

	if (!park(&t, LEASE_MS, "hf_txn_park(&t, 100, &token)", &token))
		return;
	wait_for_expiry(p);
	told(p, &token, "expired after 100 ms parked and was rolled back");
}

void demo_park(hf_pool *p)
{
	int64_t old = row_value(p), now;

	ui_step("A transaction parked under a token, for the next request");
	two_requests(p);
	too_late(p);
	now = row_value(p);
	ui_check(
		now == old + 100, "the row tells the same: %" PRId64 " + 100 = %" PRId64, old, now);
}
