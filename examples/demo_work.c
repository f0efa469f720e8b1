/* SPDX-License-Identifier: MIT */
/* The demonstration, first part: a table built through futures, queries, an interaction. */
#include "demo.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHUNKS  50
#define WAIT_MS 60000

bool demo_done(hf_future *f, const char *what)
{
	hf_status st = hf_future_get_for(f, WAIT_MS, NULL);

	if (st != HF_OK)
		ui_check(false, "%s: %s: %s", what, hf_status_name(st),
			hf_error_message(hf_future_error(f)));
	hf_future_unref(f);
	return st == HF_OK;
}

int64_t demo_number(hf_future *f, const char *what)
{
	const hf_result *res;
	int64_t n = -1;

	if (demo_done(hf_future_ref(f), what) && hf_future_get(f, &res) == HF_OK)
		n = hf_row_int8(hf_result_row(res, 0), 0, -1);
	hf_future_unref(f);
	return n;
}

/* --- the table -----------------------------------------------------------------------------------
 */

/* All chunks are submitted at once; an inbox tells which are done. */
static int64_t fill(hf_pool *p, hf_inbox *box, int64_t began)
{
	const int per_chunk = DEMO_ROWS / CHUNKS;
	int64_t done = 0;
	hf_event ev;

	for (int i = 0; i < CHUNKS; i++) {
		hf_future *f = hf_query(p,
			"insert into test_values (val1, val2) select (random() * $1)::int, n "
			"from generate_series($2::int, $3::int) n",
			10000, i * per_chunk + 1, (i + 1) * per_chunk);

		if (hf_inbox_add(box, f, NULL) != HF_OK)
			ui_check(false, "the inbox takes no future");
		hf_future_unref(f);
	}
	ui_say("%d INSERTs of %d rows submitted in %.1f ms, %d connections at most", CHUNKS,
		per_chunk, (double)(hf_now_ns() - began) / 1e6, DEMO_CONNS);
	for (int i = 0; i < CHUNKS && hf_inbox_next(box, WAIT_MS, &ev); i++) {
		const hf_result *res = NULL;

		if (hf_future_get(ev.future, &res) != HF_OK)
			ui_check(false, "insert: %s", hf_error_message(hf_future_error(ev.future)));
		done += hf_result_affected(res);
		ui_progress(done, DEMO_ROWS, hf_now_ns() - began);
	}
	return done;
}

bool demo_load(hf_pool *p)
{
	hf_inbox *box = hf_inbox_new();
	int64_t began, done = 0;
	char n[32];

	ui_step("A table of a million rows, built through futures");
	if (box && demo_done(hf_script(p, "drop schema if exists holdfast_demo cascade;"
					  "create schema holdfast_demo;"
					  "create table test_values (id serial primary key,"
					  " val1 int, val2 int)"),
			   "create table")) {
		began = hf_now_ns();
		done = fill(p, box, began);
	}
	hf_inbox_unref(box);
	return ui_check(done == DEMO_ROWS, "%s rows are stored", ui_number(done, n));
}

/* --- queries -------------------------------------------------------------------------------------
 */

static void show(const char *sql, hf_future *f, const char *expected)
{
	int64_t began = hf_now_ns();
	const hf_result *res;
	hf_status st = hf_future_get_for(f, WAIT_MS, &res);
	const char *text = st == HF_OK ? hf_row_text(hf_result_row(res, 0), 0) : hf_status_name(st);

	ui_row(hf_now_ns() - began, sql, "%s", text ? text : "NULL");
	if (!text || (expected && strcmp(text, expected) != 0))
		ui_check(false, "expected %s", expected ? expected : "a value");
	hf_future_unref(f);
}

void demo_queries(hf_pool *p)
{
	const int32_t ids[] = { 7, 123, 4711, 1000001 };
	const char *evil = "'; drop table x; --";
	const hf_result *res;
	hf_future *f;

	ui_step("Queries: arguments are typed by the compiler and never spliced");
	show("select count(*) from test_values", hf_query(p, "select count(*) from test_values"),
		"1000000");
	show("... where id = $1", hf_query(p, "select val1 from test_values where id = $1", 123),
		NULL);
	show("... where id = any ($1)",
		hf_query(p, "select count(*) from test_values where id = any ($1)",
			&HF_ARRAY(int4, ids, 4)),
		"3");
	show("select $1::numeric * 2", hf_query(p, "select $1::numeric * 2", (hf_numeric){ "0.1" }),
		"0.2");
	show("select $1::text", hf_query(p, "select $1::text", evil), evil);

	f = hf_query(p, "select val1 from tset_values");
	if (ui_check(hf_future_get_for(f, WAIT_MS, &res) == HF_E_SQL &&
			     strcmp(hf_error_sqlstate(hf_future_error(f)), "42P01") == 0,
		    "a wrong statement fails alone, with its story:"))
		ui_say("  %s, character %d: %s", hf_error_sqlstate(hf_future_error(f)),
			hf_error_position(hf_future_error(f)),
			hf_error_message(hf_future_error(f)));
	hf_future_unref(f);
}

/* --- an interaction ------------------------------------------------------------------------------
 */

struct move {
	int from, to, amount;
	bool fail;
};

/* Runs on a worker, in a transaction of its own. */
static hf_status move_value(hf_conn *c, void *arg, hf_reply *reply)
{
	const struct move *m = arg;
	hf_status st;

	st = hf_conn_query(c, NULL, "update test_values set val1 = val1 - $1 where id = $2",
		m->amount, m->from);
	if (st != HF_OK)
		return st;
	st = hf_conn_query(
		c, NULL, "update test_values set val1 = val1 + $1 where id = $2", m->amount, m->to);
	if (st != HF_OK)
		return st;
	return m->fail ? hf_fail(reply, "value %d does not want it", m->to) : HF_OK;
}

static int64_t value(hf_pool *p, int id)
{
	return demo_number(
		hf_query(p, "select val1 from test_values where id = $1", id), "read a value");
}

void demo_interaction(hf_pool *p)
{
	struct move move = { 1, 2, 100, false };
	int64_t one = value(p, 1), two = value(p, 2), began = hf_now_ns();
	hf_error *why;

	ui_step("An interaction: your function, on a worker, in one transaction");
	if (demo_done(hf_run(p, move_value, &move, NULL), "move"))
		ui_row(hf_now_ns() - began, "returned HF_OK", "committed");
	ui_check(value(p, 1) == one - 100 && value(p, 2) == two + 100,
		"100 went from row 1 to row 2: %" PRId64 ", %" PRId64 " -> %" PRId64 ", %" PRId64,
		one, two, one - 100, two + 100);

	move.fail = true;
	began = hf_now_ns();
	if (hf_await(hf_run(p, move_value, &move, NULL), &why) == HF_E_USER)
		ui_row(hf_now_ns() - began, "returned hf_fail(...)", "rolled back");
	ui_check(hf_error_status(why) == HF_E_USER && value(p, 1) == one - 100,
		"nothing moved: \"%s\"", hf_error_message(why));
	hf_error_unref(why);
}
