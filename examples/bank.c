/* SPDX-License-Identifier: MIT */
/* Transfers between a few accounts, all at once, at isolation level SERIALIZABLE: the server gives
 * up those that got into each other's way, and hf_transact runs them again. No lock is written
 * down anywhere, and no cent is lost.
 *
 *     cc bank.c $(pkg-config --cflags --libs holdfast) && ./a.out "postgresql:///mydb" */
#include <holdfast.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTIONS 8
#define ACCOUNTS    10
#define TRANSFERS   2000
#define CENTS       10000 /* in each account at first */
#define AT_ONCE     64    /* transfers under way */

static atomic_int committed;

struct transfer {
	int from, to, cents;
};

static void count(void *arg)
{
	(void)arg;
	atomic_fetch_add(&committed, 1);
}

static hf_status add(hf_conn *c, int id, int cents)
{
	return hf_conn_query(
		c, NULL, "update holdfast_bank set cents = cents + $1 where id = $2", cents, id);
}

/* May run several times: it changes nothing but the database. What must happen once, and only if
 * the money has moved, is left to a hook. The lower account goes first: a deadlock would be
 * resolved as well, but the server takes a second to see one. */
static hf_status transfer(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct transfer *t = arg;
	bool up = t->from < t->to;
	const hf_result *res;
	hf_status st =
		hf_conn_query(c, &res, "select cents from holdfast_bank where id = $1", t->from);

	if (st != HF_OK)
		return st;
	if (hf_row_int8(hf_result_row(res, 0), 0, 0) < t->cents)
		return hf_fail(reply, "account %d has not got %d cents", t->from, t->cents);
	st = add(c, up ? t->from : t->to, up ? -t->cents : t->cents);
	if (st == HF_OK)
		st = add(c, up ? t->to : t->from, up ? t->cents : -t->cents);
	return st == HF_OK ? hf_conn_on_commit(c, count, NULL, NULL) : st;
}

static hf_future *submit(hf_pool *pool, unsigned *seed)
{
	struct transfer *t = malloc(sizeof *t);

	if (!t)
		abort();
	t->from = rand_r(seed) % ACCOUNTS;
	t->to = (t->from + 1 + rand_r(seed) % (ACCOUNTS - 1)) % ACCOUNTS;
	t->cents = 1 + rand_r(seed) % 200;
	return hf_transact(pool, HF_RETRY(.attempts = 100, .deadline_ms = 60000),
		HF_JOB(.fn = transfer, .arg = t, .free_arg = free, .isolation = HF_ISO_SERIALIZABLE,
			.label = "transfer"));
}

static void show_progress(int done)
{
	if (isatty(STDOUT_FILENO) && (done % 20 == 0 || done == TRANSFERS)) {
		printf("\r%5d of %d transfers%s", done, TRANSFERS, done == TRANSFERS ? "\n" : "");
		fflush(stdout);
	}
}

/* Takes what has become of one transfer. False: it failed, and not for lack of money. */
static bool take(hf_future *f, int *refused)
{
	hf_error *why;
	hf_status st = hf_await(f, &why);

	*refused += st == HF_E_USER;
	if (st != HF_OK && st != HF_E_USER)
		fprintf(stderr, "a transfer failed: %s\n", hf_error_message(why));
	hf_error_unref(why);
	return st == HF_OK || st == HF_E_USER;
}

static bool transfer_all(hf_pool *pool, int *refused)
{
	hf_future *under_way[AT_ONCE] = { NULL };
	unsigned seed = 1;
	bool ok = true;

	for (int i = 0; i < TRANSFERS + AT_ONCE; i++) {
		hf_future **slot = &under_way[i % AT_ONCE];

		if (*slot) {
			ok &= take(*slot, refused);
			show_progress(i - AT_ONCE + 1);
		}
		*slot = i < TRANSFERS ? submit(pool, &seed) : NULL;
	}
	return ok;
}

static bool run_script(hf_pool *pool, const char *sql)
{
	hf_error *why;
	hf_status st = hf_await(hf_script(pool, sql), &why);

	if (st != HF_OK)
		fprintf(stderr, "%s\n", hf_error_message(why));
	hf_error_unref(why);
	return st == HF_OK;
}

static bool open_accounts(hf_pool *pool)
{
	char sql[240];

	snprintf(sql, sizeof sql,
		"set client_min_messages to warning; drop table if exists holdfast_bank;"
		"create table holdfast_bank (id int primary key, cents int not null check (cents "
		">= 0));"
		"insert into holdfast_bank select i, %d from generate_series(0, %d) i",
		CENTS, ACCOUNTS - 1);
	return run_script(pool, sql);
}

static long long total(hf_pool *pool)
{
	hf_future *f = hf_query(pool, "select sum(cents) from holdfast_bank");
	const hf_result *res;
	long long cents = -1;

	if (hf_future_get(f, &res) == HF_OK)
		cents = (long long)hf_row_int8(hf_result_row(res, 0), 0, -1);
	hf_future_unref(f);
	return cents;
}

static bool work(hf_pool *pool)
{
	hf_pool_stats stats = { .struct_size = sizeof stats };
	int64_t began = hf_now_ns();
	int refused = 0;
	long long cents;
	double seconds;
	bool ok;

	if (!open_accounts(pool))
		return false;
	ok = transfer_all(pool, &refused);
	seconds = (double)(hf_now_ns() - began) / 1e9;
	hf_pool_get_stats(pool, &stats);
	cents = total(pool);
	printf("%d transfers committed, %d refused for lack of money\n", atomic_load(&committed),
		refused);
	printf("%llu attempts repeated, %.0f transfers per second\n",
		(unsigned long long)stats.retries, TRANSFERS / seconds);
	printf("%lld cents in all, %s\n", cents,
		cents == ACCOUNTS * CENTS ? "as at first" : "BUT NOT AS AT FIRST");
	ok &= atomic_load(&committed) + refused == TRANSFERS && cents == ACCOUNTS * CENTS;
	return run_script(pool, "drop table holdfast_bank") && ok;
}

int main(int argc, char **argv)
{
	hf_pool *pool;
	hf_error *why;
	bool ok;

	if (hf_pool_open(argc > 1 ? argv[1] : "",
		    HF_POOL_OPTS(.min_conns = CONNECTIONS, .max_conns = CONNECTIONS), &pool,
		    &why) != HF_OK) {
		fprintf(stderr, "%s\n", hf_error_message(why));
		hf_error_unref(why);
		return 1;
	}
	ok = work(pool);
	hf_pool_close(pool, 0);
	hf_pool_unref(pool);
	return ok ? 0 : 1;
}
