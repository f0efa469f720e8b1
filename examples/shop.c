/* SPDX-License-Identifier: MIT */
/* A record shop: what there is, an order that is kept whole or not at all, a customer's history,
 * reports, and what the database refuses.
 *
 *     cc shop.c shop_fill.c shop_models.c $(pkg-config --cflags --libs holdfast)
 *     ./a.out "postgresql:///shop"
 *
 * In an empty database it makes its tables, and something to sell. They are Chinook's: in one where
 * that was loaded (https://github.com/lerocha/chinook-database) it works with what is there. */
#include "shop.h"

#include <stdio.h>

/* All tables, or none. */
static hf_status open_shop(hf_session *s, hf_models *m)
{
	bool there;
	hf_status st = hf_table_exists(s, &track_table, &there);

	if (st != HF_OK || there)
		return st;
	st = hf_models_create(m, s, 0);
	if (st == HF_OK)
		printf("%zu tables made\n", hf_models_count(m));
	return st == HF_OK ? shop_fill(s) : st;
}

/* Three questions at once: futures, which nobody waits for until their answers are needed. */
static hf_status stock(hf_pool *p, hf_error **why)
{
	hf_future *asked[] = { hf_count_async(p, artist, HF_ALL), hf_count_async(p, album, HF_ALL),
		hf_count_async(p, track, HF_ALL) };
	int64_t n[3] = { 0 };
	hf_status st = HF_OK;

	for (int i = 0; i < 3; i++) {
		if (st == HF_OK)
			st = hf_await_count(asked[i], &n[i], why);
		else
			hf_future_unref(asked[i]);
	}
	if (st == HF_OK)
		printf("%d artists, %d albums, %d tracks\n", (int)n[0], (int)n[1], (int)n[2]);
	return st;
}

static void print_tracks(hf_rows *rows)
{
	const struct track *t = HF_ROWS(track, rows);

	for (size_t i = 0; i < hf_rows_count(rows); i++)
		printf("  %s, %d:%02d, %s\n", t[i].name, (int)t[i].milliseconds / 60000,
			(int)t[i].milliseconds / 1000 % 60, t[i].unit_price.s);
	hf_rows_unref(rows);
}

/* The longest ones first. */
static hf_status browse(hf_session *s, const char *of_genre, int64_t at_most)
{
	hf_rows *rows;
	hf_status st = hf_select(s, track, &rows, HF_JOIN(track, genre_id, genre, genre_id),
		HF_WHERE(HF_EQ(genre, name, of_genre)), HF_ORDER(HF_DESC(track, milliseconds)),
		HF_LIMIT(at_most));

	if (st == HF_OK) {
		printf("%s:\n", of_genre);
		print_tracks(rows);
	}
	return st;
}

/* Known by the address, or new, and then some agent's. */
static hf_status sign_in(hf_session *s, const char *email, struct customer *out)
{
	struct customer *c = NULL, new = { .first_name = "Ann", .last_name = "Lee" };
	struct employee *agent = NULL;
	hf_status st = hf_get_or_null(s, customer, &c, HF_EQ(customer, email, email));

	if (st == HF_OK && c) {
		*out = *c; /* a struct like any other */
		return HF_OK;
	}
	if (st == HF_OK)
		st = hf_first(s, employee, &agent,
			HF_WHERE(HF_EQ(employee, title, "Sales Support Agent")),
			HF_ORDER(HF_ASC(employee, hire_date), HF_ASC(employee, employee_id)));
	new.email = email;
	if (st == HF_OK && agent)
		new.support_rep_id = (hf_int4_opt)HF_SOME(agent->employee_id);
	if (st == HF_OK)
		st = hf_insert(s, customer, &new);
	*out = new;
	return st;
}

/* --- an order --- */

struct order {
	int32_t customer_id;
	const char *what;   /* the tracks whose name begins like that, one piece each */
	hf_numeric at_most; /* what the customer wants to pay */
};

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
	return hf_insert_many(s, invoice_line, lines, n); /* one statement, whatever n */
}

/* To the customer's address, who has one order at a time: the row is locked until the commit. */
static hf_status open_invoice(hf_session *s, int32_t customer_id, struct invoice **out)
{
	struct invoice *v = hf_new(s, invoice); /* its date is now */
	struct customer *c;
	hf_status st = hf_first(s, customer, &c,
		HF_WHERE(HF_EQ(customer, customer_id, customer_id)), HF_LOCK(HF_FOR_NO_KEY_UPDATE));

	if (st != HF_OK || !v)
		return st != HF_OK ? st : HF_E_NOMEM;
	v->customer_id = customer_id;
	v->total.s = "0";
	if (c) {
		v->billing_address = c->address;
		v->billing_city = c->city;
		v->billing_country = c->country;
	}
	*out = v;
	return hf_insert(s, invoice, v); /* refused where there is no such customer */
}

/* The server adds up: exactly, and what really stands in the lines. */
static hf_status add_up(hf_session *s, struct invoice *v)
{
	hf_status st =
		hf_scalar(s, invoice_line, &v->total, HF_SQL_TERM("sum(unit_price * quantity)"),
			HF_WHERE(HF_EQ(invoice_line, invoice_id, v->invoice_id)));

	return st == HF_OK ? hf_update_only(s, invoice, v, HF_C(invoice, total)) : st;
}

static hf_status place(hf_session *s, const struct order *o)
{
	struct invoice *v = NULL;
	hf_rows *tracks = NULL;
	hf_status st = open_invoice(s, o->customer_id, &v);

	if (st == HF_OK) /* nobody changes their prices meanwhile */
		st = hf_select(s, track, &tracks, HF_WHERE(HF_BEGINS(track, name, o->what)),
			HF_LOCK(HF_FOR_SHARE));
	if (st == HF_OK)
		st = add_lines(s, v, tracks);
	if (st == HF_OK)
		st = add_up(s, v);
	if (st == HF_OK) {
		printf("invoice %d: %zu tracks, %s\n", (int)v->invoice_id, hf_rows_count(tracks),
			v->total.s);
		if (hf_numeric_compare(v->total, o->at_most) > 0)
			st = HF_E_USER;
	}
	hf_rows_unref(tracks);
	return st;
}

/* All of it in one transaction: what fails leaves nothing behind. */
static hf_status order(hf_pool *p, const struct order *o)
{
	hf_txn *t = hf_txn_begin(p, NULL);
	hf_session *s = hf_session_on_txn(t);
	hf_status st = place(s, o);
	const char *by = hf_error_field(hf_session_error(s), HF_ERR_CONSTRAINT);

	if (st == HF_OK)
		st = hf_await(hf_txn_commit(t), NULL);
	else
		printf("refused: %s\n", by                ? by
					: st == HF_E_USER ? "too dear"
							  : hf_status_name(st));
	hf_session_unref(s);
	hf_txn_unref(t); /* rolls back what is not committed */
	return st;
}

/* The last invoice of a customer goes, and with it what refers to it. */
static hf_status take_back(hf_session *s, int32_t customer_id)
{
	struct invoice *v = NULL;
	int64_t left = -1;
	hf_status st = hf_first(s, invoice, &v, HF_WHERE(HF_EQ(invoice, customer_id, customer_id)),
		HF_ORDER(HF_DESC(invoice, invoice_id)));

	if (st == HF_OK && !v)
		st = HF_E_NO_ROWS;
	if (st == HF_OK)
		st = hf_delete_deep(s, invoice, v, shop_tables, false);
	if (st == HF_OK)
		st = hf_count(s, invoice_line, &left,
			HF_WHERE(HF_EQ(invoice_line, invoice_id, v->invoice_id)));
	if (st == HF_OK)
		printf("invoice %d taken back, %d lines left of it\n", (int)v->invoice_id,
			(int)left);
	return st;
}

/* --- reports --- */

/* What a customer has bought. Two joins, and the rows are tracks. */
static hf_status history(hf_session *s, const struct customer *c)
{
	hf_rows *rows;
	hf_status st = hf_select(s, track, &rows, HF_JOIN(track, track_id, invoice_line, track_id),
		HF_JOIN(invoice_line, invoice_id, invoice, invoice_id),
		HF_WHERE(HF_EQ(invoice, customer_id, c->customer_id)),
		HF_ORDER(HF_DESC(invoice, invoice_date), HF_ASC(track, name)));

	if (st == HF_OK) {
		printf("%s %s has:\n", c->first_name, c->last_name);
		print_tracks(rows);
	}
	return st;
}

/* Aggregates, as a struct of their own. */
static hf_status best_sellers(hf_session *s, int64_t at_most)
{
	hf_rows *rows;
	const struct sale *sale;
	hf_status st = hf_select_as(s, invoice_line, sale, &rows,
		HF_PICKS(HF_PICK(sale, artist, HF_COL(artist, name)),
			HF_PICK(sale, sold, HF_SUM(invoice_line, quantity)),
			HF_PICK(sale, takings,
				HF_SQL_TERM("sum(quantity * invoice_line.unit_price)"))),
		HF_JOIN(invoice_line, track_id, track, track_id),
		HF_JOIN(track, album_id, album, album_id),
		HF_JOIN(album, artist_id, artist, artist_id), HF_GROUP(HF_COL(artist, name)),
		HF_ORDER(HF_DESC_OF(HF_SUM(invoice_line, quantity)), HF_ASC(artist, name)),
		HF_LIMIT(at_most));

	if (st != HF_OK)
		return st;
	sale = HF_ROWS(sale, rows);
	for (size_t i = 0; i < hf_rows_count(rows); i++)
		printf("  %s: %d sold, %s\n", sale[i].artist, (int)sale[i].sold, sale[i].takings.s);
	hf_rows_unref(rows);
	return HF_OK;
}

/* Of each agent: customers, their invoices, the takings. Those who have none are told as well. */
static hf_status agents(hf_session *s)
{
	hf_rows *rows;
	const struct agent *a;
	hf_status st = hf_select_as(s, employee, agent, &rows,
		HF_PICKS(HF_PICK(agent, name, HF_COL(employee, last_name)),
			HF_PICK(agent, customers, HF_COUNT_DISTINCT(customer, customer_id)),
			HF_PICK(agent, invoices, HF_COUNT_OF(invoice, invoice_id)),
			HF_PICK(agent, takings, HF_SUM(invoice, total))),
		HF_LEFT_JOIN(employee, employee_id, customer, support_rep_id),
		HF_LEFT_JOIN(customer, customer_id, invoice, customer_id),
		HF_WHERE(HF_HAS(employee, title, "Agent")),
		HF_GROUP(HF_COL(employee, employee_id), HF_COL(employee, last_name)),
		HF_ORDER(HF_ASC(employee, last_name)));

	if (st != HF_OK)
		return st;
	a = HF_ROWS(agent, rows);
	for (size_t i = 0; i < hf_rows_count(rows); i++)
		printf("  %s: %d customers, %d invoices, %s\n", a[i].name, (int)a[i].customers,
			(int)a[i].invoices, a[i].takings.s ? a[i].takings.s : "nothing");
	hf_rows_unref(rows);
	return HF_OK;
}

/* Who reports to whom, to any depth: SQL of one's own, into structs. */
static hf_status staff(hf_session *s)
{
	hf_rows *rows;
	const struct post *p;
	hf_status st = hf_select_sql(s, post, &rows,
		"with recursive below as ("
		"select employee_id, 0 as level, last_name::text as name, title, "
		"array[employee_id] as path "
		"from employee where reports_to is null union all "
		"select e.employee_id, level + 1, e.last_name, e.title, path || e.employee_id "
		"from employee e join below on e.reports_to = below.employee_id) "
		"select level, name, title from below where level < $1 order by path",
		4);

	if (st != HF_OK)
		return st;
	p = HF_ROWS(post, rows);
	for (size_t i = 0; i < hf_rows_count(rows); i++)
		printf("  %*s%s, %s\n", 2 * (int)p[i].level, "", p[i].name, p[i].title);
	hf_rows_unref(rows);
	return HF_OK;
}

/* --- what the keys are good for --- */

/* A key of two columns: the second time it is there. */
static hf_status add_to_playlist(hf_session *s, const char *list, const char *track_name)
{
	struct playlist *l;
	struct track *t;
	struct playlist_track *found;
	bool created = false;
	hf_status st = hf_one(s, playlist, &l, HF_EQ(playlist, name, list));

	if (st == HF_OK)
		st = hf_get(s, track, &t, HF_EQ(track, name, track_name));
	if (st == HF_OK)
		st = hf_get_or_create(s, playlist_track, &found, &created,
			(&(struct playlist_track){ l->playlist_id, t->track_id }),
			HF_EQ(playlist_track, playlist_id, l->playlist_id),
			HF_EQ(playlist_track, track_id, t->track_id));
	if (st == HF_OK)
		printf("%s %s %s\n", t->name, created ? "is now in" : "was in", list);
	return st;
}

/* Artists with albums stay: the constraint says whose fault that is. */
static hf_status give_up(hf_session *s, const char *name)
{
	struct artist *a;
	const hf_column *column[HF_MAX_KEY];
	hf_status st = hf_get(s, artist, &a, HF_BEGINS(artist, name, name),
		HF_IN_SELECT(artist, artist_id, album, artist_id, HF_GT(album, album_id, 0)));

	if (st != HF_OK)
		return st;
	st = hf_delete(s, artist, a);
	if (st == HF_OK || !hf_error_columns(hf_session_error(s), &album_table, NULL, column))
		return st == HF_OK ? HF_E_USER : st;
	printf("%s stays: album.%s refers to it\n", a->name, column[0]->name);
	return HF_OK;
}

/* --- a day --- */

static hf_status sell(hf_pool *p, hf_session *s)
{
	struct customer ann;
	hf_status st = sign_in(s, "ann@example.org", &ann);

	if (st == HF_OK)
		st = order(p, &(struct order){ ann.customer_id, "Work", { "100" } });
	if (st == HF_OK && order(p, &(struct order){ ann.customer_id, "A", { "1" } }) != HF_E_USER)
		st = HF_E_USER;
	if (st == HF_OK && order(p, &(struct order){ 4711, "Work", { "100" } }) != HF_E_SQL)
		st = HF_E_USER; /* nobody is that */
	if (st == HF_OK)
		st = history(s, &ann);
	if (st == HF_OK)
		st = best_sellers(s, 3);
	if (st == HF_OK)
		st = agents(s);
	return st == HF_OK ? take_back(s, ann.customer_id) : st;
}

static hf_status run(hf_pool *p, hf_session *s, hf_models *m, hf_error **why)
{
	hf_status st = open_shop(s, m);

	if (st == HF_OK)
		st = stock(p, why);
	if (st == HF_OK)
		st = browse(s, "Rock", 2);
	if (st == HF_OK)
		st = sell(p, s);
	if (st == HF_OK)
		st = staff(s);
	for (int i = 0; i < 2 && st == HF_OK; i++)
		st = add_to_playlist(s, "Grunge", "Working Class Hero");
	if (st == HF_OK)
		st = give_up(s, "A");
	if (st != HF_OK && !*why)
		*why = hf_error_ref(hf_session_error(s));
	return st;
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
	if (st == HF_OK)
		st = run(p, s, m, &why);
	if (st != HF_OK)
		fprintf(stderr, "%s: %s\n", hf_status_name(st), hf_error_message(why));
	hf_error_unref(why);
	hf_session_unref(s);
	hf_models_unref(m);
	hf_pool_unref(p);
	return st == HF_OK ? 0 : 1;
}
