/* SPDX-License-Identifier: MIT */
/* A copy of a table that is kept up to date: a trigger tells what changed, and after a gap (here
 * the connection is cut on purpose) everything is read again.
 *
 *     cc listen.c $(pkg-config --cflags --libs holdfast) && ./a.out "postgresql:///mydb" */
#include <holdfast.h>

#include <stdio.h>

#define ITEMS 3

struct shop {
	hf_pool *pool;
	int cents[ITEMS + 1];
	hf_error *why;
};

static const char setup[] =
	"drop table if exists shop_price;"
	"create table shop_price (item int primary key, cents int);"
	"insert into shop_price values (1, 100), (2, 200), (3, 300);"
	"create or replace function shop_price_told() returns trigger language plpgsql as $$ begin"
	" perform pg_notify('prices', 'item:' || new.item || '|cents:' || new.cents);"
	" return new; end $$;"
	"create trigger told after update on shop_price for each row"
	" execute function shop_price_told()";

/* Everything, at first and after a gap. */
static hf_status read_all(struct shop *s)
{
	hf_result *res;
	hf_status st = hf_fetch(s->pool, &res, &s->why, "select item, cents from shop_price");

	for (size_t i = 0; i < hf_result_rows(res) && st == HF_OK; i++) {
		int item, cents;

		st = hf_row_scan(hf_result_row(res, i), HF_TO(&item), HF_TO(&cents));
		if (st == HF_OK && item >= 1 && item <= ITEMS)
			s->cents[item] = cents;
	}
	hf_result_unref(res);
	return st;
}

static void take(struct shop *s, const hf_pairs *pairs)
{
	const char *item = hf_pairs_get(pairs, "item"), *cents = hf_pairs_get(pairs, "cents");
	int i, c;

	if (item && cents && sscanf(item, "%d", &i) == 1 && sscanf(cents, "%d", &c) == 1 &&
		i >= 1 && i <= ITEMS)
		s->cents[i] = c;
}

static hf_status next(struct shop *s, hf_listener *l)
{
	const hf_notice *n;
	hf_status st = hf_listener_next(l, 10000, &n);

	if (st != HF_OK)
		return st;
	if (n->gap) {
		st = read_all(s);
		printf("a gap: ");
	} else if (n->malformed) {
		printf("not understood: %s: ", n->payload);
	} else {
		take(s, n->decoded);
	}
	printf("prices are %d, %d, %d\n", s->cents[1], s->cents[2], s->cents[3]);
	return st;
}

static hf_status update(struct shop *s, int item, int cents)
{
	return hf_fetch(s->pool, NULL, &s->why, "update shop_price set cents = $1 where item = $2",
		cents, item);
}

/* What a network may do at any time. */
static hf_status cut(struct shop *s)
{
	return hf_fetch(s->pool, NULL, &s->why,
		"select pg_terminate_backend(pid) from pg_stat_activity"
		" where application_name = 'shop' and query = 'LISTEN \"prices\"'");
}

/* First listen, then read: so nothing falls in between. */
static hf_status follow(struct shop *s, hf_listener *l)
{
	hf_status st = hf_await(hf_listener_add(l, "prices"), &s->why);

	if (st == HF_OK)
		st = read_all(s);
	if (st == HF_OK)
		st = update(s, 2, 250);
	if (st == HF_OK)
		st = next(s, l);
	if (st == HF_OK)
		st = hf_await(hf_notify(s->pool, "prices", "closed on sundays"), &s->why);
	if (st == HF_OK)
		st = next(s, l);
	if (st == HF_OK)
		st = cut(s);
	if (st == HF_OK)
		st = next(s, l);
	if (st == HF_OK)
		st = update(s, 3, 350);
	return st == HF_OK ? next(s, l) : st;
}

int main(int argc, char **argv)
{
	struct shop s = { 0 };
	hf_listener *l = NULL;
	hf_status st;

	st = hf_pool_open(argc > 1 ? argv[1] : "", HF_POOL_OPTS(.name = "shop"), &s.pool, &s.why);
	if (st == HF_OK)
		st = hf_await(hf_script(s.pool, setup), &s.why);
	if (st == HF_OK) {
		l = hf_listen(s.pool,
			HF_LISTEN_OPTS(.decode = hf_pairs_decode, .free_decoded = hf_pairs_free));
		st = follow(&s, l);
	}
	if (st != HF_OK)
		fprintf(stderr, "%s: %s\n", hf_status_name(st), hf_error_message(s.why));
	hf_listener_stop(l);
	hf_listener_unref(l);
	hf_error_unref(s.why);
	hf_pool_close(s.pool, 0);
	hf_pool_unref(s.pool);
	return st == HF_OK ? 0 : 1;
}
