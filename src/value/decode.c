/* SPDX-License-Identifier: MIT */
/* From cells to destinations: what fits where, and the ranges. */
#include "value/decode.h"

#include "base/attr.h"
#include "value/number.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FLAGS (HF_T_OPT | HF_T_ARRAY)

void *hf__lend(const hf__sink *k, size_t n)
{
	return k->lend(k->owner, n);
}

char *hf__lend_copy(const hf__sink *k, const char *s, size_t n)
{
	char *copy = hf__lend(k, n + 1);

	if (!copy)
		return NULL;
	if (n > 0)
		memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

hf_status hf__refuse(const hf__sink *k, hf_status st, const char *fmt, ...)
{
	va_list ap;

	if (!k->why || k->why_size == 0)
		return st;
	va_start(ap, fmt);
	vsnprintf(k->why, k->why_size, fmt, ap);
	va_end(ap);
	return st;
}

/* --- one value --- */

static bool is_integer(int tag)
{
	return tag == HF_T_INT2 || tag == HF_T_INT4 || tag == HF_T_INT8;
}

static bool fits(const hf__type *t, int tag)
{
	switch ((int)t->tag) {
	case HF_T_INT2:
	case HF_T_INT4:
	case HF_T_INT8:
	case HF_T_UINT8:
		return is_integer(tag) || tag == HF_T_FLOAT8;
	case HF_T_FLOAT4:
	case HF_T_FLOAT8:
		return tag == HF_T_FLOAT4 || tag == HF_T_FLOAT8;
	case HF_T_NUMERIC:
		return tag == HF_T_NUMERIC || is_integer(tag) || tag == HF_T_FLOAT8;
	case HF_T_TEXT:
		return tag == HF_T_BYTEA;
	default:
		return (int)t->tag == tag;
	}
}

static hf_status out_of_range(const char *value, int tag, const hf__sink *k)
{
	char name[32];

	return hf__refuse(k, HF_E_TYPE, "value %.40s%s is out of range for %s", value,
		strlen(value) > 40 ? "..." : "", hf__shape_name(tag, name, sizeof name));
}

static hf_status numeric_to_int(const char *s, int64_t *out, const hf__sink *k)
{
	switch (hf__numeric_int(s, strlen(s), out)) {
	case HF__GOT:
		return HF_OK;
	case HF__GOT_RANGE:
		return out_of_range(s, HF_T_INT8, k);
	case HF__GOT_BAD:
		break;
	}
	return hf__refuse(
		k, HF_E_TYPE, "value %.40s%s is not an integer", s, strlen(s) > 40 ? "..." : "");
}

static hf_status put_int(const hf_value *v, int tag, void *ptr, const hf__sink *k)
{
	int64_t x = v->as.i, limit = tag == HF_T_INT2 ? INT16_MAX : INT32_MAX;
	char text[24];

	if (v->type == HF_T_UINT8 && v->as.u > INT64_MAX) {
		snprintf(text, sizeof text, "%llu", (unsigned long long)v->as.u);
		return out_of_range(text, tag, k);
	}
	if (v->type == HF_T_NUMERIC) {
		hf_status st = numeric_to_int(v->as.s, &x, k);

		if (st != HF_OK)
			return st;
	}
	if (tag != HF_T_INT8 && (x > limit || x < -limit - 1)) {
		snprintf(text, sizeof text, "%lld", (long long)x);
		return out_of_range(text, tag, k);
	}
	if (tag == HF_T_INT2)
		*(int16_t *)ptr = (int16_t)x;
	else if (tag == HF_T_INT4)
		*(int32_t *)ptr = (int32_t)x;
	else
		memcpy(ptr, &x, sizeof x);
	return HF_OK;
}

static hf_status put_float8(const hf_value *v, double *out, const hf__sink *k)
{
	switch ((int)v->type) {
	case HF_T_INT8:
		*out = (double)v->as.i;
		return HF_OK;
	case HF_T_UINT8:
		*out = (double)v->as.u;
		return HF_OK;
	case HF_T_NUMERIC:
		if (hf__float8_parse(v->as.s, strlen(v->as.s), out) != HF__GOT)
			return out_of_range(v->as.s, HF_T_FLOAT8, k);
		return HF_OK;
	default:
		*out = v->as.f;
		return HF_OK;
	}
}

static hf_status put_float4(const hf_value *v, float *out, const hf__sink *k)
{
	float x = (float)v->as.f;
	char text[32];

	if (isinf(x) && isfinite(v->as.f)) {
		snprintf(text, sizeof text, "%.17g", v->as.f);
		return out_of_range(text, HF_T_FLOAT4, k);
	}
	*out = x;
	return HF_OK;
}

/* What is copied as it is: the value lies at the start of the union. */
static hf_status store(const hf_value *v, int tag, void *ptr, const hf__sink *k)
{
	switch (tag) {
	case HF_T_INT2:
	case HF_T_INT4:
	case HF_T_INT8:
		return put_int(v, tag, ptr, k);
	case HF_T_FLOAT8:
		return put_float8(v, ptr, k);
	case HF_T_FLOAT4:
		return put_float4(v, ptr, k);
	default:
		memcpy(ptr, &v->as, hf__shape_of(tag)->size);
		return HF_OK;
	}
}

static bool binary_known(const hf__type *t)
{
	return t && t->width >= 0;
}

static hf_status refuse_type(uint32_t oid, const hf__type *t, int type, const hf__sink *k)
{
	const hf__type *item = t ? NULL : hf__type_of_items(oid);
	char name[32];

	hf__shape_name(type, name, sizeof name);
	if (t || item)
		return hf__refuse(k, HF_E_TYPE, "column type %s%s does not fit %s",
			t ? t->name : item->name, t ? "" : "[]", name);
	return hf__refuse(k, HF_E_TYPE, "column type %u is not known and does not fit %s",
		(unsigned)oid, name);
}

static hf_status refuse_binary(uint32_t oid, const hf__sink *k)
{
	return hf__refuse(
		k, HF_E_TYPE, "the binary format of column type %u is not known", (unsigned)oid);
}

/* A binary numeric on its way to a number: its text is not lent, as nobody keeps it. */
static hf_status numeric_to_number(const hf__cell *cell, int tag, void *ptr, const hf__sink *k)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf__got got = hf__numeric_wire(&b, cell->data, (size_t)cell->len);
	hf_value v = hf_v_numeric((hf_numeric){ hf__strbuf_text(&b) });
	hf_status st;

	if (got != HF__GOT)
		st = hf__refuse(k, HF_E_TYPE, "malformed value of type numeric");
	else if (b.failed)
		st = hf__refuse(k, HF_E_NOMEM, "out of memory");
	else
		st = store(&v, tag, ptr, k);
	hf__strbuf_finish(&b);
	return st;
}

/* The text of a binary cell, appended. */
static hf__got print_binary(hf__strbuf *b, const hf__cell *cell)
{
	const hf__type *t = hf__type_of(cell->type), *item;

	if (t)
		return hf__native_print(b, t, cell->data, (size_t)cell->len);
	item = hf__type_of_items(cell->type);
	return item ? hf__array_print(b, item, cell->data, (size_t)cell->len) : HF__GOT_BAD;
}

/* Whether the cell's bytes are its text. */
static bool lies_there(const hf__cell *cell)
{
	const hf__type *t = hf__type_of(cell->type);

	return cell->format == 0 ||
	       (binary_known(t) && (t->tag == HF_T_TEXT || t->oid == 114 /* json */));
}

static hf_status decode_text(const hf__cell *cell, const char **out, const hf__sink *k)
{
	char room[64];
	hf__strbuf b = hf__strbuf_in(room, sizeof room);
	const char *text = NULL;
	hf__got got;

	if (lies_there(cell)) {
		*out = cell->data;
		return HF_OK;
	}
	if (!hf__has_binary(cell->type))
		return refuse_binary(cell->type, k);
	got = print_binary(&b, cell);
	if (got == HF__GOT && !b.failed)
		text = hf__lend_copy(k, hf__strbuf_text(&b), b.n);
	hf__strbuf_finish(&b);
	if (got != HF__GOT)
		return hf__refuse(k, HF_E_TYPE, "malformed binary value of column type %u",
			(unsigned)cell->type);
	if (!text)
		return hf__refuse(k, HF_E_NOMEM, "out of memory");
	*out = text;
	return HF_OK;
}

hf_status hf__decode_scalar(
	const hf__type *t, const hf__cell *cell, int tag, void *ptr, const hf__sink *k)
{
	size_t n = (size_t)cell->len;
	hf_status st;
	hf_value v;

	if (tag == HF_T_TEXT)
		return decode_text(cell, ptr, k);
	if (!t || !fits(t, tag))
		return refuse_type(cell->type, t, tag, k);
	if (cell->format != 0 && !binary_known(t))
		return refuse_binary(cell->type, k);
	if (tag == HF_T_BYTEA && t->tag == HF_T_TEXT) {
		*(hf_bytes *)ptr = hf_blob(cell->data, n);
		return HF_OK;
	}
	if (t->tag == HF_T_NUMERIC && tag != HF_T_NUMERIC && cell->format != 0)
		return numeric_to_number(cell, tag, ptr, k);
	memset(&v, 0, sizeof v);
	st = cell->format == 0 ? hf__native_text(t, cell->data, n, &v, k)
			       : hf__native_binary(t, cell->data, n, &v, k);
	return st == HF_OK ? store(&v, tag, ptr, k) : st;
}

/* --- all destinations --- */

static bool dest_valid(const hf__shape *shape, hf_dest to, int flags)
{
	if (!shape || !to.ptr || flags == FLAGS)
		return false;
	if (flags & HF_T_ARRAY)
		return shape->has_array;
	return !(flags & HF_T_OPT) || shape->opt > 0;
}

static size_t pointed_size(int tag)
{
	switch (tag) {
	case HF_T_TEXT:
	case HF_T_NUMERIC:
	case HF_T_JSON:
	case HF_T_BYTEA:
		return hf__shape_of(tag)->size;
	default:
		return 0;
	}
}

static hf_status decode_null(hf_dest to, int flags, const hf__sink *k)
{
	int tag = to.type & ~FLAGS;
	const hf__shape *shape = hf__shape_of(tag);
	char name[32];
	size_t n = pointed_size(tag);

	if (flags & HF_T_ARRAY)
		n = sizeof(hf__any_array);
	else if (flags & HF_T_OPT)
		n = (size_t)shape->opt + shape->size;
	if (n == 0)
		return hf__refuse(k, HF_E_NULL, "value is NULL, which %s cannot hold",
			hf__shape_name(to.type, name, sizeof name));
	memset(to.ptr, 0, n);
	return HF_OK;
}

static hf_status decode_items(const hf__cell *cell, hf_dest to, const hf__sink *k)
{
	const hf__type *item = hf__type_of_items(cell->type);
	int tag = to.type & ~HF_T_ARRAY;

	if (!item || (tag != HF_T_TEXT && !fits(item, tag)))
		return refuse_type(cell->type, hf__type_of(cell->type), to.type, k);
	if (cell->format != 0 && !binary_known(item))
		return refuse_binary(cell->type, k);
	return hf__decode_array(item, cell, tag, to.ptr, k);
}

hf_status hf__decode(const hf__cell *cell, hf_dest to, hf__lend_fn *lend, void *owner, char *why,
	size_t why_size)
{
	const hf__sink k = { lend, owner, why, why_size };
	int flags = to.type & FLAGS, tag = to.type & ~FLAGS;
	const hf__shape *shape;
	hf_status st;

	if (hf__decode_quick(cell, to))
		return HF_OK;
	shape = hf__shape_of(tag);
	if (!dest_valid(shape, to, flags))
		return hf__refuse(&k, HF_E_MISUSE, "there is no such destination");
	if (!cell->data)
		return decode_null(to, flags, &k);
	if (flags & HF_T_ARRAY)
		return decode_items(cell, to, &k);
	st = hf__decode_scalar(
		hf__type_of(cell->type), cell, tag, (char *)to.ptr + (flags ? shape->opt : 0), &k);
	if (st == HF_OK && flags)
		*(bool *)to.ptr = true;
	return st;
}

bool hf__has_binary(uint32_t type)
{
	return binary_known(hf__type_of(type)) || binary_known(hf__type_of_items(type));
}

const char *hf__cell_text(const hf__cell *cell, hf__lend_fn *lend, void *owner)
{
	const hf__sink k = { lend, owner, NULL, 0 };
	const char *text = NULL;

	if (!cell->data || decode_text(cell, &text, &k) != HF_OK)
		return NULL;
	return text;
}

hf_bytes hf__cell_bytes(const hf__cell *cell, hf__lend_fn *lend, void *owner)
{
	const hf__sink k = { lend, owner, NULL, 0 };
	const hf__type *t = hf__type_of(cell->type);
	hf_bytes bytes = { NULL, 0 };
	const char *text;

	if (!cell->data)
		return bytes;
	if (t && t->tag == HF_T_BYTEA) {
		if (hf__decode_scalar(t, cell, HF_T_BYTEA, &bytes, &k) != HF_OK)
			return hf_blob(NULL, 0);
		return bytes;
	}
	if (lies_there(cell))
		return hf_blob(cell->data, (size_t)cell->len);
	text = hf__cell_text(cell, lend, owner);
	return hf_blob(text, text ? strlen(text) : 0);
}
