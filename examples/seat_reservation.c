/* SPDX-License-Identifier: MIT */
/* Two requests, one lock: the first chooses a seat and parks the transaction that locks its row,
 * the second brings the token back and confirms. Meanwhile the seat is nobody else's; and who
 * thinks for too long is told the truth.
 *
 *     cc seat_reservation.c $(pkg-config --cflags --libs holdfast) && ./a.out "postgresql:///mydb"
 */
#include <holdfast.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A request: who wants what, and what the browser brought with it. */
typedef struct request {
	hf_pool *pool;
	const char *who;
	int seat;
	int lease_ms; /* to think */
	hf_token token;
	bool chosen;
} request;

/* --- choosing ------------------------------------------------------------------------------------
 */

/* Locks the seat's row, or says why not. */
static bool lock_seat(hf_txn *t, const request *r)
{
	hf_future *f = hf_txn_query(
		t, "select taken_by from hf_seat where number = $1 for update nowait", r->seat);
	const hf_result *res;
	const char *owner = NULL;
	hf_status st = hf_future_get(f, &res);

	if (st == HF_OK && hf_result_rows(res) == 1)
		owner = hf_row_text(hf_result_row(res, 0), 0);
	if (strcmp(hf_error_sqlstate(hf_future_error(f)), "55P03") == 0)
		printf("%s, seat %d: somebody is choosing it\n", r->who, r->seat);
	else if (st != HF_OK)
		printf("%s, seat %d: %s\n", r->who, r->seat, hf_error_message(hf_future_error(f)));
	else if (owner)
		printf("%s, seat %d: %s has it\n", r->who, r->seat, owner);
	else if (hf_result_rows(res) == 0)
		printf("%s: there is no seat %d\n", r->who, r->seat);
	st = st == HF_OK && !owner && hf_result_rows(res) == 1 ? HF_OK : HF_E_USER;
	hf_future_unref(f);
	return st == HF_OK;
}

/* The first request. It returns, and no thread of this program waits; the row stays locked. */
static void *handle_choose(void *arg)
{
	request *r = arg;
	hf_txn *t = hf_txn_begin(r->pool, HF_TXN_OPTS(.label = r->who, .timeout_ms = 2000));
	hf_error *why = NULL;

	r->chosen = false;
	if (lock_seat(t, r)) {
		if (hf_txn_park(&t, r->lease_ms, &r->token, &why) == HF_OK) {
			printf("%s, seat %d: yours to confirm, with token %s\n", r->who, r->seat,
				r->token.text);
			r->chosen = true;
		} else {
			printf("%s, seat %d: %s\n", r->who, r->seat, hf_error_message(why));
		}
	}
	hf_error_unref(why);
	hf_txn_unref(t); /* NULL when it was parked; else this rolls back */
	return NULL;
}

/* --- confirming ----------------------------------------------------------------------------------
 */

/* The second request: all it knows is the token. */
static void *handle_confirm(void *arg)
{
	request *r = arg;
	hf_txn *t = NULL;
	hf_error *why = NULL;
	hf_status st = hf_txn_resume(r->pool, r->token.text, &t, &why);

	if (st == HF_OK) {
		hf_future_unref(hf_txn_query(
			t, "update hf_seat set taken_by = $1 where number = $2", r->who, r->seat));
		st = hf_await(hf_txn_commit(t), &why); /* tells of the update, too */
	}
	if (st == HF_OK)
		printf("%s, seat %d: confirmed\n", r->who, r->seat);
	else
		printf("%s, seat %d: %s\n", r->who, r->seat, hf_error_message(why));
	hf_error_unref(why);
	hf_txn_unref(t);
	return NULL;
}

/* --- the story -----------------------------------------------------------------------------------
 */

/* Each request has a thread of its own, as in a web server. */
static void serve(void *(*handler)(void *arg), request *r)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, handler, r) == 0)
		pthread_join(thread, NULL);
	else
		fprintf(stderr, "no thread for %s's request\n", r->who);
}

/* A lease that is over gives the connection back. */
static bool wait_until_expired(hf_pool *pool)
{
	const struct timespec tick = { 0, 10000000 };
	hf_pool_stats s = { .struct_size = sizeof s };

	for (int i = 0; i < 500; i++) {
		hf_pool_get_stats(pool, &s);
		if (s.pinned == 0)
			return true;
		nanosleep(&tick, NULL);
	}
	return false;
}

static void tell_story(hf_pool *pool)
{
	request ann = { .pool = pool, .who = "ann", .seat = 12, .lease_ms = 30000 };
	request bob = { .pool = pool, .who = "bob", .seat = 12, .lease_ms = 300 };

	serve(handle_choose, &ann);
	serve(handle_choose, &bob); /* the lock is ann's, though her request has ended */
	serve(handle_confirm, &ann);
	serve(handle_confirm, &ann); /* a token works once */
	serve(handle_choose, &bob);
	bob.seat = 13;
	serve(handle_choose, &bob);
	if (!wait_until_expired(pool)) /* bob thinks for too long */
		printf("bob is still thinking\n");
	ann.seat = 13;
	serve(handle_choose, &ann);
	serve(handle_confirm, &bob);
	serve(handle_confirm, &ann);
}

static hf_status show_seats(hf_pool *pool)
{
	hf_future *f = hf_query(
		pool, "select number, coalesce(taken_by, 'nobody') from hf_seat order by number");
	const hf_result *res;
	hf_status st = hf_future_get(f, &res);

	if (st == HF_OK) {
		HF_FOREACH_ROW (row, res)
			printf("seat %d: %s\n", (int)hf_row_int8(row, 0, 0), hf_row_text(row, 1));
	}
	hf_future_unref(f);
	return st;
}

int main(int argc, char **argv)
{
	hf_pool *pool;
	hf_error *why = NULL;
	hf_status st;

	if (hf_pool_open(argc > 1 ? argv[1] : "", HF_POOL_OPTS(.max_conns = 4), &pool, &why) !=
		HF_OK) {
		fprintf(stderr, "%s\n", hf_error_message(why));
		hf_error_unref(why);
		return 1;
	}
	st = hf_await(
		hf_script(pool, "drop table if exists hf_seat;"
				"create table hf_seat (number int primary key, taken_by text);"
				"insert into hf_seat (number) values (12), (13), (14)"),
		&why);
	if (st == HF_OK) {
		tell_story(pool);
		st = show_seats(pool);
	} else {
		fprintf(stderr, "%s\n", hf_error_message(why));
		hf_error_unref(why);
	}
	hf_future_unref(hf_query(pool, "drop table if exists hf_seat"));
	hf_pool_close(pool, 0);
	hf_pool_unref(pool);
	return st == HF_OK ? 0 : 1;
}
