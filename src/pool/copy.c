/* SPDX-License-Identifier: MIT */
/* COPY inside an interaction: what the table or the query looks like is asked first (one trip, in
 * which the transaction opens), then the COPY runs. The worker's own thread only. */
#include "pool/copy.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/fork.h"
#include "base/mem.h"
#include "pool/pool.h"
#include "pq/copy.h"
#include "pq/result.h"
#include "value/copy_row.h"
#include "value/error.h"

#include <stdio.h>
#include <string.h>

#define BUFFER    65536
#define FLUSH_AT  (BUFFER - 4096) /* most rows then fit without another allocation */
#define KEEP_MOST (1024 * 1024)
#define PACE_MOST 64
#define SLOW_NS   (HF__MS)

struct hf_copy {
	hf__copy wire;
	hf_conn *conn;
	const hf__copy_spec *spec;
	hf__copy_shape shape;
	hf_error *error;
	/* in */
	hf__strbuf buffer;
	int pace, rows_left; /* how many rows until the next look at what is wanted, and the time */
	int64_t looked_at;
	/* out */
	hf_result *view;
	hf__cell *cells;
	bool begun, ended;
};

static hf_copy *copy_of(hf__copy *k)
{
	return (hf_copy *)(void *)k;
}

/* --- rows in --- */

static hf_error *flush(hf_copy *copy)
{
	hf_error *e = hf__copy_send(&copy->wire, copy->buffer.s, copy->buffer.n);

	hf__strbuf_clear(&copy->buffer);
	if (copy->buffer.cap > KEEP_MOST)
		hf__strbuf_finish(&copy->buffer);
	if (!e && !hf__strbuf_reserve(&copy->buffer, BUFFER))
		e = hf__error_nomem();
	return e;
}

/* Who makes rows slowly would not hear of a cancel for long: looks at every row then, and ever more
 * seldom while they come fast. */
static hf_error *look(hf_copy *copy)
{
	int64_t now = hf__now();
	bool slow = now - copy->looked_at > SLOW_NS;

	copy->pace = slow ? 1 : copy->pace < PACE_MOST ? copy->pace * 2 : PACE_MOST;
	copy->rows_left = copy->pace;
	copy->looked_at = now;
	return hf__copy_check(&copy->wire);
}

static hf_error *put_row(hf_copy *copy, const hf_value *values, size_t n)
{
	hf_error *e = --copy->rows_left > 0 ? NULL : look(copy);

	if (!e)
		e = hf__copy_put_row(&copy->shape, &copy->buffer, values, n);
	return !e && copy->buffer.n >= FLUSH_AT ? flush(copy) : e;
}

/* The handle that the calling thread may use now, of which nothing is read before that is known. */
static bool is_mine(const hf_copy *copy)
{
	const hf_conn *c = hf__conn_in_use();

	return copy && c && c->copy == copy && c->worker->pool->forks == hf__fork_count();
}

hf_status hf_copy_row_v(hf_copy *copy, const hf_value *values, size_t n)
{
	if (!is_mine(copy))
		return HF_E_MISUSE;
	if (!copy->error)
		copy->error = n > 0 && !values
				      ? hf__error_fmt(HF_E_MISUSE, 0, "the row's values are NULL")
				      : put_row(copy, values, n);
	return hf_error_status(copy->error);
}

const hf_error *hf_copy_error(hf_copy *copy)
{
	return is_mine(copy) ? copy->error : NULL;
}

static hf_error *stopped_with(hf_status st)
{
	if (st == HF_PENDING || strcmp(hf_status_name(st), "HF_?") == 0)
		st = HF_E_USER;
	return hf__error_fmt(st, 0, "the function of the COPY stopped it (%s)", hf_status_name(st));
}

static hf_error *run_rows(hf__copy *k)
{
	hf_copy *copy = copy_of(k);
	hf_conn *c = copy->conn;
	hf_status st;

	if (!hf__strbuf_reserve(&copy->buffer, BUFFER))
		return hf__error_nomem();
	hf__copy_put_header(&copy->shape, &copy->buffer);
	copy->looked_at = hf__now();
	copy->pace = copy->rows_left = 1;
	c->in_row = true;
	c->copy = copy;
	st = copy->spec->rows(copy, copy->spec->arg);
	c->copy = NULL;
	c->in_row = false;
	if (copy->error && (st == HF_OK || st == hf_error_status(copy->error)))
		return hf_error_ref(copy->error);
	if (st != HF_OK)
		return stopped_with(st);
	hf__copy_put_trailer(&copy->shape, &copy->buffer);
	return hf__copy_send(k, copy->buffer.s, copy->buffer.n);
}

/* --- rows out --- */

static bool make_view(hf_copy *copy, const hf_result *described)
{
	int n = copy->shape.n;

	copy->view = hf__result_view(described);
	copy->cells = hf__calloc((size_t)n * sizeof *copy->cells + 1);
	for (int i = 0; copy->cells && i < n; i++) {
		copy->cells[i].type = copy->shape.columns[i].oid;
		copy->cells[i].format = copy->shape.binary;
	}
	return copy->view && copy->cells;
}

static hf_error *give_row(hf_copy *copy)
{
	hf_conn *c = copy->conn;
	hf_status st;

	hf__result_view_row(copy->view, copy->cells);
	c->in_row = true;
	st = copy->spec->on_row(hf_result_row(copy->view, 0), copy->spec->arg);
	c->in_row = false;
	return hf_likely(st == HF_OK) ? NULL : stopped_with(st);
}

static hf_error *malformed(void)
{
	return hf__error_fmt(HF_E_TYPE, 0, "the server sent a malformed COPY stream");
}

static hf__tuple next_row(hf_copy *copy, hf__copy_reader *r)
{
	if (!copy->shape.binary)
		return hf__copy_read_line(r, copy->cells, copy->shape.n);
	if (copy->ended)
		return r->at == r->end ? HF__TUPLE_MORE : HF__TUPLE_BAD;
	return hf__copy_read_tuple(r, copy->cells, copy->shape.n);
}

static hf_error *take_message(hf__copy *k, char *data, size_t n)
{
	hf_copy *copy = copy_of(k);
	hf__copy_reader r;
	hf_error *e = NULL;

	hf__copy_read(&r, data, n);
	if (copy->shape.binary && !copy->begun && !hf__copy_read_header(&r))
		return malformed();
	copy->begun = true;
	while (!e) {
		switch (next_row(copy, &r)) {
		case HF__TUPLE:
			e = give_row(copy);
			break;
		case HF__TUPLE_MORE:
			hf__result_view_row(copy->view, NULL);
			return NULL;
		case HF__TUPLE_END:
			copy->ended = true;
			break;
		case HF__TUPLE_BAD:
			e = malformed();
			break;
		}
	}
	hf__result_view_row(copy->view, NULL);
	return e;
}

/* --- the statements --- */

/* Where a table's columns stand in its text; NULL: they do not. */
static const char *columns_of(const char *what)
{
	const char *p = hf__sql_parenthesis(what);

	return p && strrchr(p, ')') ? p : NULL;
}

static bool is_query(const char *what)
{
	return what[strspn(what, " \t\r\n\f\v")] == '(';
}

/* What has the columns that the COPY has. It is parsed, and never run; all of `what` is in it, so
 * that what the server takes for more than one statement is refused here. */
static void put_described(hf__strbuf *b, const char *what)
{
	const char *open = columns_of(what), *close = open ? strrchr(open, ')') : NULL;

	if (!open) {
		hf__strbuf_printf(b, "SELECT * FROM %s", what);
		return;
	}
	if (is_query(what)) {
		hf__strbuf_add(b, open + 1, (size_t)(close - open - 1));
		hf__strbuf_printf(b, "\n%s", close + 1);
		return;
	}
	hf__strbuf_puts(b, "SELECT ");
	hf__strbuf_add(b, open + 1, (size_t)(close - open - 1));
	hf__strbuf_puts(b, "\nFROM ");
	hf__strbuf_add(b, what, (size_t)(open - what));
	hf__strbuf_printf(b, "\n%s", close + 1);
}

static void put_copy(hf__strbuf *b, const hf__copy_spec *s, bool binary)
{
	/* a comment at its end has one of its own */
	hf__strbuf_printf(b, "COPY %s%s%s%s", s->what, strstr(s->what, "--") ? "\n" : " ",
		s->rows ? "FROM STDIN" : "TO STDOUT", binary ? " (FORMAT binary)" : "");
}

static hf_error *describe(
	hf_conn *c, const char *sql, const char *shown, const hf_site *site, hf_result **out)
{
	hf__run run = { .sql = shown, .text = sql, .describe = true, .kind = HF__SQL_EMPTY };

	return hf__conn_execute(c, &run, out, site);
}

/* Generated columns are none of a table's as COPY sees it. The names of the others, where there are
 * such: a list for the Describe, else "". */
static hf_error *find_generated(
	hf_conn *c, const hf_result *all, const hf_site *site, hf__strbuf *list)
{
	uint32_t table = hf__result_table(all, 0);
	hf__strbuf sql = HF__STRBUF_INIT;
	hf__run run = { .kind = HF__SQL_EMPTY }; /* not one for the cache */
	hf_result *res = NULL;
	const char *names = NULL;
	hf_error *e = NULL;

	if (table == 0)
		return NULL;
	hf__strbuf_printf(&sql,
		"SELECT pg_catalog.string_agg(pg_catalog.quote_ident(attname), ',' ORDER BY attnum)"
		" FILTER (WHERE attgenerated = ''), pg_catalog.bool_or(attgenerated <> '')"
		" FROM pg_catalog.pg_attribute"
		" WHERE attrelid = %u AND attnum > 0 AND NOT attisdropped",
		(unsigned)table);
	run.sql = hf__strbuf_text(&sql);
	e = sql.failed ? hf__error_nomem() : hf__conn_execute(c, &run, &res, site);
	if (!e && hf_row_bool(hf_result_row(res, 0), 1, false))
		names = hf_row_text(hf_result_row(res, 0), 0);
	if (names)
		hf__strbuf_puts(list, names);
	hf_result_unref(res);
	hf__strbuf_finish(&sql);
	return e;
}

static hf_error *describe_table(hf_conn *c, const hf__copy_spec *s, const char *shown,
	const hf_site *site, hf_result **described)
{
	hf__strbuf list = HF__STRBUF_INIT, sql = HF__STRBUF_INIT;
	hf_error *e = find_generated(c, *described, site, &list);

	if (!e && list.n > 0) {
		hf__strbuf_printf(&sql, "SELECT %s FROM %s", hf__strbuf_text(&list), s->what);
		*described = hf_result_unref(*described);
		e = sql.failed ? hf__error_nomem()
			       : describe(c, hf__strbuf_text(&sql), shown, site, described);
	}
	if (!e && list.failed)
		e = hf__error_nomem();
	hf__strbuf_finish(&list);
	hf__strbuf_finish(&sql);
	return e;
}

static hf_error *learn_columns(hf_conn *c, const hf__copy_spec *s, const char *shown,
	const hf_site *site, hf_result **described)
{
	hf__strbuf sql = HF__STRBUF_INIT;
	hf_error *e;

	put_described(&sql, s->what);
	e = sql.failed ? hf__error_nomem()
		       : describe(c, hf__strbuf_text(&sql), shown, site, described);
	hf__strbuf_finish(&sql);
	return e || columns_of(s->what) ? e : describe_table(c, s, shown, site, described);
}

/* --- all of it --- */

static hf_error *prepare(hf_copy *copy, const hf_result *described)
{
	bool in = copy->spec->rows != NULL;

	if (!hf__copy_shape_init(&copy->shape, described))
		return hf__error_nomem();
	for (int i = 0; copy->spec->as_text && i < copy->shape.n; i++)
		if (copy->spec->as_text[i])
			hf__copy_shape_as_text(&copy->shape, i);
	if (!in && !make_view(copy, described))
		return hf__error_nomem();
	copy->wire = (hf__copy){ .in = in,
		.simple = in && !copy->shape.binary,
		.columns = copy->shape.n,
		.rows = run_rows,
		.message = take_message };
	if (copy->wire.simple && hf__sql_has_semicolon(copy->spec->what))
		return hf__error_fmt(
			HF_E_MISUSE, 0, "a COPY is one statement: there is a ';' in its table");
	return NULL;
}

static void finish(hf_copy *copy)
{
	if (copy->view)
		hf__result_view_row(copy->view, NULL);
	hf_result_unref(copy->view);
	hf__free(copy->cells);
	hf_error_unref(copy->error);
	hf__strbuf_finish(&copy->buffer);
	hf__copy_shape_finish(&copy->shape);
}

static hf_error *run_copy(hf_conn *c, const hf__copy_spec *s, const hf_result *described,
	const hf_site *site, hf_result **out)
{
	hf_copy copy = { .conn = c, .spec = s };
	hf__strbuf sql = HF__STRBUF_INIT;
	hf_error *e = prepare(&copy, described);

	put_copy(&sql, s, copy.shape.binary);
	if (!e && sql.failed)
		e = hf__error_nomem();
	if (!e) {
		hf__run run = {
			.sql = hf__strbuf_text(&sql), .kind = HF__SQL_PLAIN, .copy = &copy.wire
		};

		e = hf__conn_execute(c, &run, out, site);
	}
	finish(&copy);
	hf__strbuf_finish(&sql);
	return e;
}

static hf_error *copy_in_txn(
	hf_conn *c, const hf__copy_spec *s, const hf_site *site, hf_result **out)
{
	hf__strbuf shown = HF__STRBUF_INIT;
	hf_result *described = NULL;
	hf_error *e;

	put_copy(&shown, s, false);
	e = shown.failed ? hf__error_nomem()
			 : learn_columns(c, s, hf__strbuf_text(&shown), site, &described);
	if (!e)
		e = run_copy(c, s, described, site, out);
	hf_result_unref(described);
	hf__strbuf_finish(&shown);
	return e;
}

/* Outside of a transaction nothing but a transaction makes one statement read only. */
static hf_error *copy_read_only(
	hf_conn *c, const hf__copy_spec *s, const hf_site *site, hf_result **out)
{
	hf__guard g = hf__conn_guard(c, 0);
	hf_error *e = hf__link_command(c->link, "BEGIN READ ONLY", &g), *end;

	if (e)
		return e;
	e = copy_in_txn(c, s, site, out);
	end = c->link->broken ? NULL : hf__link_command(c->link, e ? "ROLLBACK" : "COMMIT", &g);
	c->poison = hf_error_unref(c->poison);
	if (!e)
		return end;
	hf_error_unref(end);
	return e;
}

hf_error *hf__conn_copy(hf_conn *c, const hf__copy_spec *s, const hf_site *site, hf_result **out)
{
	bool alone = !c->txn_auto && hf__link_session(c->link) == HF__SESSION_IDLE;

	*out = NULL;
	hf__worker_note_statement(c->worker, site);
	if (alone && c->read_only && !c->link->cfg.read_only)
		return copy_read_only(c, s, site, out);
	return copy_in_txn(c, s, site, out);
}

hf_error *hf__copy_spec_check(const hf__copy_spec *s)
{
	const char *what = s->what;

	if (!s->rows && !s->on_row)
		return hf__error_fmt(HF_E_MISUSE, 0, "the function of the COPY is NULL");
	if (!what || what[strspn(what, " \t\r\n\f\v")] == '\0')
		return hf__error_fmt(
			HF_E_MISUSE, 0, "the table of the COPY is %s", what ? "empty" : "NULL");
	if (!hf__utf8_valid(what, strlen(what)))
		return hf__error_fmt(HF_E_MISUSE, 0, "the SQL text is not UTF-8");
	return NULL;
}
