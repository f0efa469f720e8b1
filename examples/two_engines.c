/* SPDX-License-Identifier: MIT */
/* An order in one database and its payment in another: both or none, with a mail that goes out only
 * then. In two phases where the servers allow it (max_prepared_transactions), else in one.
 *
 *     cc two_engines.c $(pkg-config --cflags --libs holdfast)
 *     ./a.out "postgresql:///shop" "postgresql:///bank" */
#include <holdfast.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct engines {
	hf_pool *shop, *bank;
	bool two_phase;
} engines;

/* --- the mail: something that takes part without being a database --- */

static hf_status mail_begin(void *arg)
{
	printf("  mail to %s: begin\n", (const char *)arg);
	return HF_OK;
}

/* The last chance to refuse: is the address good, is there room in the outbox? */
static hf_status mail_vote(void *arg)
{
	printf("  mail to %s: vote\n", (const char *)arg);
	return HF_OK;
}

static void mail_finish(void *arg)
{
	printf("  mail to %s: finish, it is sent\n", (const char *)arg);
}

static void mail_abort(void *arg)
{
	printf("  mail to %s: abort, it is thrown away\n", (const char *)arg);
}

/* --- one order --- */

static void buy(const engines *e, int books, int cents)
{
	static char to[] = "ann";
	hf_global *g = hf_global_new(HF_GLOBAL_OPTS(.label = "order", .two_phase = e->two_phase));
	hf_txn *shop = hf_global_begin(g, e->shop, NULL);
	hf_txn *bank = hf_global_begin(g, e->bank, NULL);
	hf_error *why;
	hf_status st;

	printf("%d books for %d cents\n", books, cents);
	st = hf_global_join(
		g, HF_PARTICIPANT(.name = "mail", .begin = mail_begin, .vote = mail_vote,
			   .finish = mail_finish, .abort = mail_abort, .arg = to));
	if (st != HF_OK)
		fprintf(stderr, "the mail cannot take part: %s\n", hf_status_name(st));
	/* Both work at the same time. What fails here fails the commit below: no need to look. */
	hf_future_unref(hf_txn_query(shop, "insert into hf_order (books) values ($1)", books));
	hf_future_unref(hf_txn_query(bank, "update hf_purse set cents = cents - $1", cents));
	if (hf_global_commit(g, &why) == HF_OK)
		printf("  done\n");
	else if (hf_error_is(why, HF_MAYBE_COMMITTED))
		printf("  somebody must look at this: %s\n", hf_error_message(why));
	else
		printf("  nothing was done (SQLSTATE %s)\n", hf_error_sqlstate(why));
	hf_error_unref(why);
	hf_global_free(g);
}

/* The user changes her mind: what a global transaction has done so far is undone. */
static void change_of_mind(const engines *e)
{
	hf_global *g = hf_global_new(NULL);

	hf_future_unref(hf_txn_query(hf_global_begin(g, e->bank, NULL), "delete from hf_purse"));
	printf("a change of mind: %s\n", hf_status_name(hf_global_abort(g)));
	hf_global_free(g);
}

/* --- what an earlier run of this program left behind, because it was killed --- */

static int count_of(const hf_result *res, const char *global)
{
	int n = 0;

	HF_FOREACH_ROW (row, res)
		n += strcmp(hf_row_text(row, 1), global) == 0;
	return n;
}

/* All its branches are there: it may have been decided to commit. One is missing: it was not, or
 * that one is committed already. Only the data tell, so it is left to somebody who looks. */
static void end_leftovers(hf_pool *pool, const hf_result *here, const hf_result *there)
{
	HF_FOREACH_ROW (row, here) {
		const char *gid = hf_row_text(row, 0), *global = hf_row_text(row, 1);
		bool all;

		if (!global || strncmp(global, "hf:order:", 9) != 0)
			continue; /* somebody else's */
		all = count_of(here, global) + count_of(there, global) == hf_row_int8(row, 3, 0);
		if (hf_row_float8(row, 5, 0) < 60)
			continue; /* somebody may be about to end it */
		printf("%s was left %s: %s\n", gid, all ? "complete" : "incomplete",
			all ? hf_status_name(hf_await(hf_prepared_commit(pool, gid), NULL))
			    : "look whether the other was committed, and end it by hand");
	}
}

static void look_for_leftovers(const engines *e)
{
	hf_future *at_shop = hf_prepared_list(e->shop), *at_bank = hf_prepared_list(e->bank);
	const hf_result *shop, *bank;

	if (hf_future_get(at_shop, &shop) == HF_OK && hf_future_get(at_bank, &bank) == HF_OK) {
		end_leftovers(e->shop, shop, bank);
		end_leftovers(e->bank, bank, shop);
	}
	hf_future_unref(at_shop);
	hf_future_unref(at_bank);
}

/* --- around it --- */

static int64_t number(hf_pool *p, const char *sql)
{
	const hf_result *res;
	hf_future *f = hf_query(p, sql);
	int64_t n = -1;

	if (hf_future_get(f, &res) == HF_OK)
		n = hf_row_int8(hf_result_row(res, 0), 0, -1);
	else
		fprintf(stderr, "%s\n", hf_error_message(hf_future_error(f)));
	hf_future_unref(f);
	return n;
}

static bool may_prepare(hf_pool *p)
{
	return number(p, "select current_setting('max_prepared_transactions')::int") > 0;
}

static bool make_tables(const engines *e)
{
	return hf_await(hf_script(e->shop, "drop table if exists hf_order;"
					   "create table hf_order (books int)"),
		       NULL) == HF_OK &&
	       hf_await(hf_script(e->bank, "drop table if exists hf_purse;"
					   "create table hf_purse (cents int check (cents >= 0));"
					   "insert into hf_purse values (100)"),
		       NULL) == HF_OK;
}

static bool open_pool(hf_pool **p, const char *dsn, const char *name)
{
	hf_error *why;

	if (hf_pool_open(dsn, HF_POOL_OPTS(.name = name, .max_conns = 2, .two_phase = true), p,
		    &why) == HF_OK)
		return true;
	fprintf(stderr, "%s\n", hf_error_message(why));
	hf_error_unref(why);
	return false;
}

int main(int argc, char **argv)
{
	const char *shop = argc > 1 ? argv[1] : "", *bank = argc > 2 ? argv[2] : shop;
	engines e = { NULL, NULL, false };
	bool good = open_pool(&e.shop, shop, "shop") && open_pool(&e.bank, bank, "bank") &&
		    make_tables(&e);

	if (good) {
		e.two_phase = may_prepare(e.shop) && may_prepare(e.bank);
		look_for_leftovers(&e);
		buy(&e, 1, 30);
		buy(&e, 9, 500);
		change_of_mind(&e);
		printf("%" PRId64 " books are on their way, %" PRId64 " cents are left\n",
			number(e.shop, "select sum(books) from hf_order"),
			number(e.bank, "select sum(cents) from hf_purse"));
		hf_future_unref(hf_query(e.shop, "drop table hf_order"));
		hf_future_unref(hf_query(e.bank, "drop table hf_purse"));
	}
	hf_pool_close(e.shop, 0);
	hf_pool_close(e.bank, 0);
	hf_pool_unref(e.shop);
	hf_pool_unref(e.bank);
	return good ? 0 : 1;
}
