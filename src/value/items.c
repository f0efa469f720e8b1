/* SPDX-License-Identifier: MIT */
/* Arrays from the server: the items of both formats, and where they go. */
#include "value/decode.h"

#include "base/mem.h"
#include "value/text.h"

#include <string.h>
#include <strings.h>

/* --- text: a walk over braces, commas and items --- */

struct dims {
	int ndim;
	int32_t dim[HF_MAXDIM], lower[HF_MAXDIM];
	size_t n;
};

struct walk {
	const char *at, *end;
};

/* An item as it is written; `quoted` text has escapes and cannot be NULL. */
struct item {
	const char *s;
	size_t n;
	bool quoted;
};

static bool eat(struct walk *w, char c)
{
	if (w->at == w->end || *w->at != c)
		return false;
	w->at++;
	return true;
}

static bool read_item(struct walk *w, struct item *item)
{
	item->quoted = eat(w, '"');
	item->s = w->at;
	while (w->at < w->end) {
		if (item->quoted ? *w->at == '"' : strchr("{},\"", *w->at) != NULL)
			break;
		if (*w->at == '\\' && ++w->at == w->end)
			return false;
		w->at++;
	}
	item->n = (size_t)(w->at - item->s);
	return item->quoted ? eat(w, '"') : item->n > 0;
}

static bool item_is_null(const struct item *item)
{
	return !item->quoted && item->n == 4 && strncasecmp(item->s, "NULL", 4) == 0;
}

/* Copies an item without its escapes; returns the length. */
static size_t unescape(const struct item *item, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < item->n; i++) {
		i += item->s[i] == '\\';
		to[n++] = item->s[i];
	}
	to[n] = '\0';
	return n;
}

static bool read_bound(struct walk *w, int32_t *out)
{
	bool minus = eat(w, '-');
	int64_t x = 0;
	int n = 0;

	eat(w, '+');
	for (; n < 11 && w->at < w->end && *w->at >= '0' && *w->at <= '9'; n++)
		x = x * 10 + (*w->at++ - '0');
	x = minus ? -x : x;
	*out = (int32_t)x;
	return n > 0 && x == (int32_t)x;
}

/* [0:1][-2:3]= */
static bool read_bounds(struct walk *w, struct dims *d)
{
	int32_t upper;

	while (eat(w, '[')) {
		int i = d->ndim++;

		if (i == HF_MAXDIM || !read_bound(w, &d->lower[i]) || !eat(w, ':') ||
			!read_bound(w, &upper) || !eat(w, ']'))
			return false;
		if (__builtin_sub_overflow(upper, d->lower[i], &d->dim[i]) ||
			__builtin_add_overflow(d->dim[i], 1, &d->dim[i]))
			return false;
	}
	return d->ndim == 0 || eat(w, '=');
}

/* The shape of the braces as far as they have been walked; -1: not known yet. */
struct braces {
	int depth, ndim;
	int32_t count[HF_MAXDIM], dim[HF_MAXDIM];
};

static bool open_brace(struct braces *br)
{
	if (br->depth == HF_MAXDIM || br->depth == br->ndim)
		return false;
	br->count[br->depth++] = 0;
	return true;
}

/* All groups of one depth have the same number of members. */
static bool close_brace(struct braces *br)
{
	int d = --br->depth;

	if (br->ndim < 0 || br->count[d] == 0)
		return false;
	if (br->dim[d] < 0)
		br->dim[d] = br->count[d];
	if (br->dim[d] != br->count[d])
		return false;
	if (d > 0)
		br->count[d - 1]++;
	return true;
}

static bool count_item(struct braces *br, size_t *n)
{
	if (br->ndim < 0)
		br->ndim = br->depth;
	if (br->depth != br->ndim)
		return false;
	br->count[br->depth - 1]++;
	++*n;
	return true;
}

/* Walks from the first brace to the last, and checks them. Between two members stands a comma. */
static bool measure(struct walk w, struct braces *br, size_t *n)
{
	struct item item;

	if (!eat(&w, '{') || !open_brace(br))
		return false;
	do {
		while (eat(&w, '{'))
			if (!open_brace(br))
				return false;
		if (!read_item(&w, &item) || !count_item(br, n))
			return false;
		while (br->depth > 0 && eat(&w, '}'))
			if (!close_brace(br))
				return false;
	} while (br->depth > 0 && eat(&w, ','));
	return br->depth == 0 && w.at == w.end;
}

/* The dimensions of a text array; w is left at its first brace. */
static bool text_dims(struct walk *w, struct dims *d)
{
	struct braces br = { .ndim = -1 };

	memset(d, 0, sizeof *d);
	for (int i = 0; i < HF_MAXDIM; i++)
		br.dim[i] = -1;
	if (!read_bounds(w, d))
		return false;
	if (w->end - w->at == 2 && memcmp(w->at, "{}", 2) == 0)
		return d->ndim == 0;
	if (!measure(*w, &br, &d->n))
		return false;
	if (d->ndim > 0)
		return d->ndim == br.ndim &&
		       memcmp(d->dim, br.dim, (size_t)br.ndim * sizeof br.dim[0]) == 0;
	d->ndim = br.ndim;
	for (int i = 0; i < br.ndim; i++) {
		d->dim[i] = br.dim[i];
		d->lower[i] = 1;
	}
	return true;
}

/* The next item of a text that text_dims took. */
static void next_text(struct walk *w, struct item *item)
{
	while (eat(w, '{') || eat(w, '}') || eat(w, ','))
		continue;
	if (!read_item(w, item))
		item->n = 0;
}

/* --- binary --- */

static bool wire_dims(struct walk *w, const hf__type *t, struct dims *d)
{
	size_t product = 1;

	memset(d, 0, sizeof *d);
	if (w->end - w->at < 12 || hf__be32(w->at) > HF_MAXDIM || hf__be32(w->at + 8) != t->oid)
		return false;
	d->ndim = (int)hf__be32(w->at);
	w->at += 12;
	if (w->end - w->at < 8 * d->ndim)
		return false;
	for (int i = 0; i < d->ndim; i++, w->at += 8) {
		d->dim[i] = (int32_t)hf__be32(w->at);
		d->lower[i] = (int32_t)hf__be32(w->at + 4);
		if (d->dim[i] <= 0 || __builtin_mul_overflow(product, (size_t)d->dim[i], &product))
			return false;
	}
	d->n = d->ndim ? product : 0;
	/* each item has a length, at least: no array is larger than its cell */
	return d->n <= (size_t)(w->end - w->at) / 4 &&
	       hf__dims_valid(d->ndim, d->dim, d->lower, d->n);
}

/* *s NULL: the item is NULL. */
static bool next_wire(struct walk *w, const char **s, size_t *n)
{
	int32_t len;

	if (w->end - w->at < 4)
		return false;
	len = (int32_t)hf__be32(w->at);
	w->at += 4;
	*s = NULL;
	*n = 0;
	if (len == -1)
		return true;
	if (len < 0 || len > w->end - w->at)
		return false;
	*s = w->at;
	*n = (size_t)len;
	w->at += len;
	return true;
}

static hf__got print_items(
	hf__strbuf *b, const hf__type *t, struct walk *w, const struct dims *d, hf__strbuf *scratch)
{
	for (size_t i = 0; i < d->n; i++) {
		const char *s;
		size_t n;

		if (!next_wire(w, &s, &n))
			return HF__GOT_BAD;
		hf__put_open(b, d->ndim, d->dim, i);
		hf__strbuf_clear(scratch);
		if (s && hf__native_print(scratch, t, s, n) != HF__GOT)
			return HF__GOT_BAD;
		b->failed |= scratch->failed;
		if (s)
			hf__put_item(b, hf__strbuf_text(scratch), scratch->n);
		else
			hf__strbuf_puts(b, "NULL");
		hf__put_close(b, d->ndim, d->dim, i);
	}
	return w->at == w->end ? HF__GOT : HF__GOT_BAD;
}

hf__got hf__array_print(hf__strbuf *b, const hf__type *item, const char *s, size_t n)
{
	hf__strbuf scratch = HF__STRBUF_INIT;
	struct walk w = { s, s + n };
	struct dims d;
	hf__got got;

	if (!wire_dims(&w, item, &d))
		return HF__GOT_BAD;
	if (d.n == 0) {
		hf__strbuf_puts(b, "{}");
		return HF__GOT;
	}
	hf__put_bounds(b, d.ndim, d.dim, d.lower);
	got = print_items(b, item, &w, &d, &scratch);
	hf__strbuf_finish(&scratch);
	return got;
}

/* --- into C --- */

/* An array in the making. Texts of items are copied to `copies`, which has room for all of them. */
struct fill {
	const hf__type *type;
	int tag;
	int format;
	size_t size;
	struct walk from;
	char *items, *copies;
	bool *null, any_null;
	bool lent; /* the copies are: they are part of the array */
};

/* The next item, with a NUL behind it if its type needs one. */
static bool next_cell(struct fill *f, hf__cell *cell)
{
	struct item item;
	size_t n;

	cell->type = f->type->oid;
	cell->format = f->format;
	if (f->format == 0) {
		next_text(&f->from, &item);
		n = item_is_null(&item) ? 0 : unescape(&item, f->copies);
		cell->data = item_is_null(&item) ? NULL : f->copies;
	} else if (!next_wire(&f->from, &cell->data, &n)) {
		return false;
	} else if (cell->data && (f->type->tag == HF_T_TEXT || f->type->tag == HF_T_JSON)) {
		memcpy(f->copies, cell->data, n);
		f->copies[n] = '\0';
		cell->data = f->copies;
	}
	cell->len = (int)n;
	if (cell->data == f->copies && f->lent)
		f->copies += n + 1;
	return true;
}

static hf_status fill(struct fill *f, size_t n, const hf__sink *k)
{
	for (size_t i = 0; i < n; i++) {
		hf_status st = HF_OK;
		hf__cell cell;

		if (!next_cell(f, &cell))
			return hf__refuse(k, HF_E_TYPE, "malformed array of %s", f->type->name);
		f->null[i] = !cell.data;
		f->any_null |= !cell.data;
		if (cell.data)
			st = hf__decode_scalar(f->type, &cell, f->tag, f->items + i * f->size, k);
		if (st != HF_OK)
			return st;
	}
	return HF_OK;
}

/* Whether items point to what they were copied to. Bytes do not: those of a bytea lie in the cell,
 * or are made from its text. */
static bool points_to_copies(const struct fill *f)
{
	return f->tag == HF_T_TEXT || f->tag == HF_T_NUMERIC || f->tag == HF_T_JSON ||
	       (f->tag == HF_T_BYTEA && f->type->tag == HF_T_TEXT);
}

/* Room for n items, their marks of NULL, and the copies; n is below the length of the cell. */
static bool make_room(struct fill *f, size_t n, size_t copies, const hf__sink *k)
{
	size_t bytes;

	f->size = hf__shape_of(f->tag)->size;
	if (__builtin_mul_overflow(n, f->size + 1, &bytes))
		return false;
	f->items = hf__lend(k, bytes);
	if (!f->items)
		return false;
	memset(f->items, 0, bytes);
	f->null = (bool *)(void *)(f->items + n * f->size);
	f->lent = points_to_copies(f);
	f->copies = f->lent ? hf__lend(k, copies) : hf__alloc(copies);
	return f->copies != NULL;
}

static hf_status make(
	struct fill *f, hf__any_array *a, const struct dims *d, size_t len, const hf__sink *k)
{
	char *copies;
	hf_status st;

	a->has = true;
	a->ndim = d->ndim;
	memcpy(a->dim, d->dim, sizeof a->dim);
	memcpy(a->lower, d->lower, sizeof a->lower);
	a->n = d->n;
	if (d->n == 0)
		return HF_OK;
	if (!make_room(f, d->n, len + 1, k))
		return hf__refuse(k, HF_E_NOMEM, "out of memory");
	copies = f->copies;
	st = fill(f, d->n, k);
	if (!f->lent)
		hf__free(copies);
	a->v = f->items;
	a->null = f->any_null ? f->null : NULL;
	return st;
}

hf_status hf__decode_array(
	const hf__type *item, const hf__cell *cell, int tag, void *ptr, const hf__sink *k)
{
	struct fill f = { .type = item, .tag = tag, .format = cell->format };
	hf__any_array a;
	struct dims d;
	hf_status st;

	memset(&a, 0, sizeof a);
	f.from = (struct walk){ cell->data, cell->data + cell->len };
	if (cell->format == 0 ? !text_dims(&f.from, &d) : !wire_dims(&f.from, item, &d))
		return hf__refuse(k, HF_E_TYPE, "malformed array of %s", item->name);
	st = make(&f, &a, &d, (size_t)cell->len, k);
	if (st == HF_OK)
		memcpy(ptr, &a, sizeof a);
	return st;
}
