/* SPDX-License-Identifier: MIT */
/* A transfer of money as an interaction: one function, one transaction. It answers with a receipt,
 * or fails in words of its own, and then nothing of it is stored.
 *
 *     cc interaction.c $(pkg-config --cflags --libs holdfast) && ./a.out "postgresql:///mydb" */
#include <holdfast.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct transfer {
	int from, to;
	int64_t cents;
} transfer;

/* What the interaction replies: the balance afterwards. */
typedef struct receipt {
	int64_t left;
} receipt;

static hf_status balance_for_update(hf_conn *c, int id, int64_t *cents)
{
	const hf_result *res;
	hf_status st =
		hf_conn_query(c, &res, "select cents from hf_account where id = $1 for update", id);

	return st == HF_OK ? hf_row_scan(hf_result_row(res, 0), HF_TO(cents)) : st;
}

static hf_status move(hf_conn *c, int id, int64_t cents)
{
	return hf_conn_query(
		c, NULL, "update hf_account set cents = cents + $1 where id = $2", cents, id);
}

/* Runs on a worker. Returning HF_OK commits; anything else rolls back. */
static hf_status transfer_fn(hf_conn *c, void *arg, hf_reply *reply)
{
	const transfer *t = arg;
	int64_t have, theirs;
	receipt *r;
	hf_status st;

	/* In the order of the ids, so that two transfers cannot wait for each other. */
	st = balance_for_update(c, t->from < t->to ? t->from : t->to, &have);
	if (st == HF_OK)
		st = balance_for_update(c, t->from < t->to ? t->to : t->from, &theirs);
	if (st == HF_E_NO_ROWS)
		return hf_fail(reply, "there is no such account");
	if (st != HF_OK)
		return st;
	if (t->from > t->to)
		have = theirs;
	st = move(c, t->from, -t->cents);
	if (st == HF_OK)
		st = move(c, t->to, t->cents);
	if (st != HF_OK)
		return st;
	if (have < t->cents)
		return hf_fail(reply, "account %d has only %" PRId64 " cents", t->from, have);

	r = malloc(sizeof *r);
	if (!r)
		return HF_E_NOMEM;
	r->left = have - t->cents;
	hf_reply_value(reply, r, free);
	return HF_OK;
}

static void show_transfer(hf_pool *pool, transfer t)
{
	hf_future *f = hf_submit(pool,
		HF_JOB(.fn = transfer_fn, .arg = &t, .label = "transfer", .timeout_ms = 2000));
	hf_status st = hf_future_get(f, NULL);
	const receipt *r = hf_future_value(f);

	printf("%d -> %d, %3" PRId64 " cents: ", t.from, t.to, t.cents);
	if (st == HF_OK && r)
		printf("done, %" PRId64 " left\n", r->left);
	else
		printf("%s: %s\n", hf_status_name(st), hf_error_message(hf_future_error(f)));
	hf_future_unref(f);
}

static hf_status make_accounts(hf_pool *pool)
{
	hf_error *why;
	hf_status st = hf_await(
		hf_script(pool, "drop table if exists hf_account;"
				"create table hf_account (id int primary key, cents bigint);"
				"insert into hf_account values (1, 500), (2, 20)"),
		&why);

	if (st != HF_OK)
		fprintf(stderr, "%s\n", hf_error_message(why));
	hf_error_unref(why);
	return st;
}

static void show_accounts(hf_pool *pool)
{
	const hf_result *res;
	hf_future *f = hf_query(pool, "select id, cents from hf_account order by id");

	if (hf_future_get(f, &res) == HF_OK) {
		HF_FOREACH_ROW (row, res)
			printf("account %" PRId64 ": %" PRId64 " cents\n", hf_row_int8(row, 0, 0),
				hf_row_int8(row, 1, 0));
	}
	hf_future_unref(f);
}

int main(int argc, char **argv)
{
	hf_pool *pool;
	hf_error *why;
	hf_status st;

	if (hf_pool_open(argc > 1 ? argv[1] : "", NULL, &pool, &why) != HF_OK) {
		fprintf(stderr, "%s\n", hf_error_message(why));
		hf_error_unref(why);
		return 1;
	}
	st = make_accounts(pool);
	if (st == HF_OK) {
		show_transfer(pool, (transfer){ 1, 2, 450 });
		show_transfer(pool, (transfer){ 2, 1, 20 });
		show_transfer(pool, (transfer){ 1, 2, 100 });
		show_transfer(pool, (transfer){ 1, 3, 1 });
		show_accounts(pool);
		st = hf_await(hf_query(pool, "drop table hf_account"), NULL);
	}
	hf_pool_close(pool, 0);
	hf_pool_unref(pool);
	return st == HF_OK ? 0 : 1;
}
