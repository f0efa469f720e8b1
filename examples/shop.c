/* SPDX-License-Identifier: MIT */
/* A record shop: a catalogue, an order that is kept whole or not at all, a return, a report.
 *
 *     cc shop.c shop_models.c $(pkg-config --cflags --libs holdfast)
 *     ./a.out "postgresql:///test"
 *
 * Everything in the schema "shop" there is dropped and made anew. */
#include "shop.h"

#include <stdio.h>
#include <stdlib.h>

/* What is in it, for whom: one piece each. */
struct order {
	int32_t customer_id;
	const char *what; /* tracks whose name has that in it */
};

static hf_status fill_catalogue(hf_session *s)
{
	struct artist artists[] = { { .name = "The Borrowers" }, { .name = "Ada & the Loops" } };
	struct album albums[] = { { .title = "Held Fast" }, { .title = "Halting" } };
	struct track tracks[] = {
		{ .name = "Worker Song", .milliseconds = 181000, .unit_price = { "0.99" } },
		{ .name = "100% Idle", .milliseconds = 243500, .unit_price = { "0.99" } },
		{ .name = "Ask Me Later",
			.composer = "A. L.",
			.milliseconds = 205000,
			.unit_price = { "1.29" } },
		{ .name = "While True",
			.composer = "A. L.",
			.milliseconds = 3600000,
			.unit_price = { "1.99" } },
	};
	hf_status st = hf_insert_many(s, artist, artists, 2);

	for (int i = 0; i < 2; i++)
		albums[i].artist_id = artists[i].artist_id; /* the server made them */
	if (st == HF_OK)
		st = hf_insert_many(s, album, albums, 2);
	for (int i = 0; i < 4; i++)
		tracks[i].album_id = (hf_int4_opt)HF_SOME(albums[i / 2].album_id);
	return st == HF_OK ? hf_insert_many(s, track, tracks, 4) : st;
}

/* Known by the address: new, or as told last. */
static hf_status sign_in(hf_session *s, struct customer *c)
{
	bool created;
	hf_status st =
		hf_upsert(s, customer, c, HF_COLUMNS(HF_C(customer, email)), HF_REST, &created);

	if (st == HF_OK)
		printf("%s %s %s\n", created ? "welcome," : "hello again,", c->first_name,
			c->last_name);
	return st;
}

/* Tracks of artists whose name begins like that, the longest first. */
static hf_status search(hf_session *s, const char *artist, int64_t at_most)
{
	hf_rows *rows;
	const struct track *t;
	hf_status st = hf_select(s, track, &rows,
		HF_WHERE(
			HF_SQL_TERM("album_id in (select album_id from shop.album join shop.artist "
				    "using (artist_id) where starts_with(artist.name, $1))",
				artist),
			HF_OR(HF_IS_NULL(track, composer), HF_LE(track, milliseconds, 1000000))),
		HF_ORDER(HF_DESC(track, milliseconds)), HF_LIMIT(at_most));

	if (st != HF_OK)
		return st;
	t = HF_ROWS(track, rows);
	for (size_t i = 0; i < hf_rows_count(rows); i++)
		printf("  %s, %d:%02d, %s\n", t[i].name, (int)t[i].milliseconds / 60000,
			(int)t[i].milliseconds / 1000 % 60, t[i].unit_price.s);
	hf_rows_unref(rows);
	return HF_OK;
}

static hf_status add_lines(hf_session *s, const struct invoice *v, hf_rows *tracks)
{
	const struct track *t = HF_ROWS(track, tracks);
	size_t n = hf_rows_count(tracks);
	struct invoice_line *lines = hf_session_alloc(s, n * sizeof *lines);

	if (!lines)
		return HF_E_NOMEM;
	for (size_t i = 0; i < n; i++)
		lines[i] = (struct invoice_line){ .invoice_id = v->invoice_id,
			.track_id = t[i].track_id,
			.unit_price = t[i].unit_price,
			.quantity = 1 };
	return hf_insert_many(s, invoice_line, lines, n);
}

/* Exact: in cents, not in doubles. */
static const char *total_of(hf_session *s, hf_rows *tracks)
{
	const struct track *t = HF_ROWS(track, tracks);
	char text[32];
	long cents = 0;

	for (size_t i = 0; i < hf_rows_count(tracks); i++) {
		char *dot;

		cents += 100 * strtol(t[i].unit_price.s, &dot, 10);
		cents += strtol(dot + 1, NULL, 10);
	}
	snprintf(text, sizeof text, "%ld.%02ld", cents / 100, cents % 100);
	return hf_session_text(s, text);
}

static hf_status place(hf_session *s, const struct order *o)
{
	struct invoice *v = hf_new(s, invoice);
	hf_rows *tracks = NULL;
	hf_status st = hf_select(s, track, &tracks, HF_WHERE(HF_IHAS(track, name, o->what)),
		HF_LOCK(HF_FOR_KEY_SHARE));

	if (st == HF_OK && !v)
		st = HF_E_NOMEM;
	if (st == HF_OK) {
		v->customer_id = o->customer_id;
		v->total.s = total_of(s, tracks);
		st = hf_insert(s, invoice, v); /* its date is the server's */
	}
	if (st == HF_OK)
		st = add_lines(s, v, tracks);
	if (st == HF_OK)
		printf("invoice %d: %zu tracks, %s\n", (int)v->invoice_id, hf_rows_count(tracks),
			v->total.s);
	hf_rows_unref(tracks);
	return st;
}

/* All of it in one transaction: what fails leaves nothing behind. */
static hf_status order(hf_pool *p, const struct order *o)
{
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_session *s = hf_session_on_txn(t);
	hf_status st = place(s, o);
	const hf_error *e = hf_session_error(s);

	if (st == HF_OK)
		st = hf_await(hf_txn_commit(t), NULL);
	else if (hf_error_field(e, HF_ERR_CONSTRAINT))
		printf("refused: %s\n", hf_error_field(e, HF_ERR_CONSTRAINT));
	hf_session_unref(s);
	hf_txn_unref(t); /* rolls back what is not committed */
	return st;
}

static hf_status report(hf_session *s)
{
	hf_rows *rows;
	const struct sale *sale;
	hf_status st = hf_select_sql(s, sale, &rows,
		"select artist.name as artist, sum(quantity) as sold, "
		"sum(quantity * invoice_line.unit_price) as takings from shop.invoice_line "
		"join shop.track using (track_id) join shop.album using (album_id) "
		"join shop.artist using (artist_id) group by 1 having sum(quantity) >= $1 "
		"order by takings desc",
		1);

	if (st != HF_OK)
		return st;
	sale = HF_ROWS(sale, rows);
	for (size_t i = 0; i < hf_rows_count(rows); i++)
		printf("  %s: %d sold, %s\n", sale[i].artist, (int)sale[i].sold, sale[i].takings.s);
	hf_rows_unref(rows);
	return HF_OK;
}

/* The invoice goes, and with it what refers to it. */
static hf_status take_back(hf_session *s, int32_t invoice_id)
{
	struct invoice *v;
	int64_t left = -1;
	hf_status st = hf_get(s, invoice, &v, HF_EQ(invoice, invoice_id, invoice_id));

	if (st == HF_OK)
		st = hf_delete_deep(s, invoice, v, shop_tables, false);
	if (st == HF_OK)
		st = hf_count(s, invoice_line, &left,
			HF_WHERE(HF_EQ(invoice_line, invoice_id, invoice_id)));
	if (st == HF_OK)
		printf("invoice %d taken back, %d lines left of it\n", (int)invoice_id, (int)left);
	return st;
}

static hf_status run(hf_pool *p, hf_session *s, hf_models *m)
{
	struct customer ann = {
		.first_name = "Ann", .last_name = "Lee", .email = "ann@example.org"
	};
	int64_t dearer;
	hf_status st = hf_models_create(m, s, HF_DROP_FIRST);

	if (st == HF_OK)
		st = fill_catalogue(s);
	if (st == HF_OK)
		st = sign_in(s, &ann);
	ann.last_name = "Lee-Lovelace";
	ann.country = "Norway";
	if (st == HF_OK)
		st = sign_in(s, &ann);
	if (st == HF_OK)
		st = search(s, "The ", 10);
	if (st == HF_OK)
		st = order(p, &(struct order){ ann.customer_id, "100%" });
	if (st == HF_OK)
		st = order(p, &(struct order){ ann.customer_id, "e" });
	if (st == HF_OK && order(p, &(struct order){ 4711, "worker" }) == HF_OK)
		st = HF_E_USER; /* nobody is that */
	if (st == HF_OK)
		st = report(s);
	if (st == HF_OK)
		st = take_back(s, 1);
	if (st == HF_OK)
		st = hf_update_where(s, track, &dearer,
			HF_SETS(HF_INCREASE(track, unit_price, (hf_numeric){ "0.10" })),
			HF_WHERE(HF_LT(track, unit_price, (hf_numeric){ "1.29" })));
	if (st == HF_OK)
		printf("%d tracks are dearer now\n", (int)dearer);
	return st == HF_OK ? search(s, "The ", 1) : st;
}

int main(int argc, char **argv)
{
	hf_models *m = hf_models_new(NULL);
	hf_pool *p = NULL;
	hf_session *s;
	hf_error *why = NULL;
	hf_status st = hf_pool_open(argc > 1 ? argv[1] : "", NULL, &p, &why);

	if (st == HF_OK)
		st = hf_models_add(m, shop_tables, NULL, &why);
	s = hf_session_on_pool(p);
	if (st == HF_OK) {
		st = run(p, s, m);
		why = hf_error_ref(hf_session_error(s));
	}
	if (st != HF_OK)
		fprintf(stderr, "%s: %s\n", hf_status_name(st), hf_error_message(why));
	hf_error_unref(why);
	hf_session_unref(s);
	hf_models_unref(m);
	hf_pool_unref(p);
	return st == HF_OK ? 0 : 1;
}
