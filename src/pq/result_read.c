/* SPDX-License-Identifier: MIT */
/* Reading a result. Row and column numbers are checked before libpq sees them: out of range it
 * would call the notice hook of a connection that may be gone. */
#include "pq/result_inside.h"

#include "base/attr.h"
#include "base/mem.h"
#include "value/error.h"
#include "value/type.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LANDINGS 32 /* columns that need no memory of their own */
#define NEAR     64 /* rows */

uint32_t hf__result_table(const hf_result *r, int col)
{
	return r && col >= 0 && col < r->n_columns ? PQftable(r->pg, col) : 0;
}

size_t hf_result_rows(const hf_result *r)
{
	return r ? r->n_rows : 0;
}

int hf_result_columns(const hf_result *r)
{
	return r ? r->n_columns : 0;
}

static bool has_column(const hf_result *r, int col)
{
	return col >= 0 && col < hf_result_columns(r);
}

const char *hf_result_column_name(const hf_result *r, int col)
{
	return has_column(r, col) ? PQfname(r->pg, col) : NULL;
}

int hf_result_column(const hf_result *r, const char *name)
{
	int n = hf_result_columns(r);

	/* Not PQfnumber: it folds case and unquotes, as SQL text would; this is a name. */
	for (int i = 0; name && i < n; i++)
		if (strcmp(PQfname(r->pg, i), name) == 0)
			return i;
	return -1;
}

uint32_t hf_result_column_type(const hf_result *r, int col)
{
	return has_column(r, col) ? PQftype(r->pg, col) : 0;
}

int hf__result_format(const hf_result *r, int col)
{
	return has_column(r, col) ? PQfformat(r->pg, col) : 0;
}

/* The last word of the tag. Not PQcmdTuples: a tag that it cannot read makes it call the notice
 * hook. */
int64_t hf_result_affected(const hf_result *r)
{
	const char *last = strrchr(hf_result_tag(r), ' ');

	return last ? strtoll(last, NULL, 10) : 0;
}

const char *hf_result_tag(const hf_result *r)
{
	return r ? r->tag : "";
}

const char *hf_result_notices(const hf_result *r)
{
	return r && r->notices ? r->notices : "";
}

size_t hf_result_count(const hf_result *r)
{
	return r ? r->n_earlier + 1 : 0;
}

const hf_result *hf_result_at(const hf_result *r, size_t i)
{
	if (!r || i > r->n_earlier)
		return NULL;
	return i == r->n_earlier ? r : r->earlier[i];
}

/* A cell that exists. */
static hf__cell cell_at(hf_row row, int col)
{
	const PGresult *pg = row.res->pg;
	int n = (int)row.n, len;
	bool null;

	if (row.res->cells)
		return row.res->cells[row.n * (size_t)row.res->n_columns + (size_t)col];
	len = PQgetlength(pg, n, col);
	null = len == 0 && PQgetisnull(pg, n, col);
	return (hf__cell){ .type = PQftype(pg, col),
		.format = PQfformat(pg, col),
		.data = null ? NULL : PQgetvalue(pg, n, col),
		.len = len };
}

/* A cell that does not exist reads as NULL. */
static hf__cell cell_of(hf_row row, int col)
{
	if (row.n >= hf_result_rows(row.res) || !has_column(row.res, col))
		return (hf__cell){ 0, 0, NULL, 0 };
	return cell_at(row, col);
}

bool hf_row_is_null(hf_row row, int col)
{
	return cell_of(row, col).data == NULL;
}

const char *hf_row_text(hf_row row, int col)
{
	hf__cell c = cell_of(row, col);

	return hf__cell_text(&c, hf__result_room, (void *)(uintptr_t)row.res);
}

hf_bytes hf_row_bytes(hf_row row, int col)
{
	hf__cell c = cell_of(row, col);

	return hf__cell_bytes(&c, hf__result_room, (void *)(uintptr_t)row.res);
}

static hf_status decode(hf_row row, int col, hf_dest to, char *why, size_t n)
{
	hf__cell c = cell_of(row, col);

	return hf__decode(&c, to, hf__result_room, (void *)(uintptr_t)row.res, why, n);
}

int64_t hf_row_int8(hf_row row, int col, int64_t otherwise)
{
	int64_t v;

	return decode(row, col, (hf_dest){ HF_T_INT8, &v }, NULL, 0) == HF_OK ? v : otherwise;
}

double hf_row_float8(hf_row row, int col, double otherwise)
{
	double v;

	return decode(row, col, (hf_dest){ HF_T_FLOAT8, &v }, NULL, 0) == HF_OK ? v : otherwise;
}

bool hf_row_bool(hf_row row, int col, bool otherwise)
{
	bool v;

	return decode(row, col, (hf_dest){ HF_T_BOOL, &v }, NULL, 0) == HF_OK ? v : otherwise;
}

static hf_status read_column(hf_row row, int col, hf_dest to, hf_error **out_error)
{
	char why[256] = "";
	hf_status st;

	if (out_error)
		*out_error = NULL;
	if (row.n >= hf_result_rows(row.res))
		return hf__error_give(
			hf__error_fmt(HF_E_NO_ROWS, 0, "row %zu of a result of %zu rows", row.n,
				hf_result_rows(row.res)),
			out_error);
	if (!has_column(row.res, col))
		return hf__error_give(
			hf__error_fmt(HF_E_MISUSE, 0, "column %d of a result of %d columns", col,
				hf_result_columns(row.res)),
			out_error);
	st = decode(row, col, to, why, sizeof why);
	if (st == HF_OK)
		return HF_OK;
	return hf__error_give(
		hf__error_fmt(st, 0, "column \"%s\": %s", hf_result_column_name(row.res, col), why),
		out_error);
}

hf_status hf__result_read(hf_row row, int col, hf_dest to, hf_error **out_error)
{
	if (row.n < hf_result_rows(row.res) && has_column(row.res, col)) {
		hf__cell c = cell_at(row, col);

		if (hf__decode(&c, to, hf__result_room, (void *)(uintptr_t)row.res, NULL, 0) ==
			HF_OK)
			return HF_OK;
	}
	return read_column(row, col, to, out_error); /* once more, for the story */
}

/* A column of a result, and what need not be found out for each of its cells. */
struct column {
	hf__landing to;
	uint32_t type;
	int format;
	hf__quick_fn *quick; /* NULL: none */
	size_t v;            /* where the value lies in the destination, behind its `has` */
};

static struct column column_of(const hf_result *r, const hf__landing *to)
{
	struct column c = { .to = *to,
		.type = hf_result_column_type(r, to->col),
		.format = hf__result_format(r, to->col) };
	int plain = to->type & ~HF_T_OPT;

	c.quick = hf__quick_for(c.type, c.format, plain);
	if (c.quick && plain != to->type)
		c.v = hf__shape_of(plain)->opt;
	return c;
}

/* What a cell holds; NULL: SQL NULL. */
static const char *look(const hf_result *r, size_t row, int col, int *len)
{
	if (r->cells) {
		const hf__cell *cell = &r->cells[row * (size_t)r->n_columns + (size_t)col];

		*len = cell->len;
		return cell->data;
	}
	*len = PQgetlength(r->pg, (int)row, col);
	if (*len == 0 && PQgetisnull(r->pg, (int)row, col))
		return NULL;
	return PQgetvalue(r->pg, (int)row, col);
}

/* By the tables that all types and destinations are in. */
static bool land_slowly(
	const hf_result *r, const struct column *c, const char *data, int len, char *to)
{
	hf__cell cell = { .type = c->type, .format = c->format, .data = data, .len = len };

	return hf__decode(&cell, (hf_dest){ c->to.type, to }, hf__result_room, (void *)(uintptr_t)r,
		       NULL, 0) == HF_OK;
}

static bool land_one(const hf_result *r, size_t row, const struct column *c, char *to)
{
	int len;
	const char *data = look(r, row, c->to.col, &len);

	if (!data)
		return c->to.nullable; /* all 0 as it is */
	if (hf_unlikely(!c->quick || !c->quick(data, len, to + c->v)))
		return land_slowly(r, c, data, len, to);
	if (c->v)
		*(bool *)to = true;
	return true;
}

/* A few rows of one column after the other: so that both their cells and their structs stay near.
 */
static bool land(const hf_result *r, const struct column *c, size_t n, char *structs, size_t stride,
	size_t *row, size_t *at)
{
	for (size_t from = *row, to; from < r->n_rows; from = to) {
		to = r->n_rows - from > NEAR ? from + NEAR : r->n_rows;
		for (*at = 0; *at < n; ++*at)
			for (*row = from; *row < to; ++*row)
				if (!land_one(r, *row, &c[*at],
					    structs + *row * stride + c[*at].to.offset))
					return false;
	}
	return true;
}

bool hf__result_land(const hf_result *r, const hf__landing *to, size_t n, void *structs,
	size_t stride, size_t *row, size_t *at)
{
	struct column few[LANDINGS], *c = n <= LANDINGS ? few : hf__alloc(n * sizeof *c);
	bool done;

	*at = 0;
	if (!c)
		return false;
	for (size_t i = 0; i < n; i++)
		c[i] = column_of(r, &to[i]);
	done = land(r, c, n, structs, stride, row, at);
	if (c != few)
		hf__free(c);
	return done;
}

hf_status hf_row_read(hf_row row, const char *column, hf_dest to, hf_error **out_error)
{
	int col = hf_result_column(row.res, column);

	if (col < 0 && row.res)
		return hf__error_give(hf__error_fmt(HF_E_MISUSE, 0, "no column is named \"%s\"",
					      column ? column : "(null)"),
			out_error);
	return read_column(row, col, to, out_error);
}

hf_status hf_row_scan_v(hf_row row, const hf_dest *to, size_t n, hf_error **out_error)
{
	if (out_error)
		*out_error = NULL;
	for (size_t i = 0; i < n; i++) {
		hf_status st = hf__result_read(row, (int)i, to[i], out_error);

		if (st != HF_OK)
			return st;
	}
	return HF_OK;
}
