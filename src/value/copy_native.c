/* SPDX-License-Identifier: MIT */
/* Truth, times, addresses and arrays in the binary format of a column's type. */
#include "value/copy_put.h"

#include "value/datetime.h"
#include "value/decode.h"
#include "value/net.h"
#include "value/text.h"

/* The server's calendar, in its own counts since 2000: from 4714-11-24 BC, and for dates up to
 * 5874897-12-31. */
#define FIRST_US   (-211813488000000000LL)
#define FIRST_DAY  (-2451545)
#define BEHIND_DAY 2145031949

/* The value as its column has it in C. No text of these types needs memory of its own. */
static hf__fit native(const hf__put *p, const hf_value *v, hf_value *out)
{
	const hf__sink none = { NULL, NULL, NULL, 0 };

	*out = *v;
	if (v->type == p->type->tag)
		return HF__FIT;
	if (v->type != HF_T_TEXT)
		return HF__FIT_KIND;
	memset(out, 0, sizeof *out);
	return hf__native_text(p->type, v->as.s, strlen(v->as.s), out, &none) == HF_OK
		       ? HF__FIT
		       : HF__FIT_FORM;
}

static hf__fit put_bool(hf__put *p, const hf_value *v)
{
	hf_value x;
	hf__fit fit = HF__FIT;
	char *at;

	if (v->type == HF_T_INT8) { /* C11's true is an int */
		if (v->as.i != 0 && v->as.i != 1)
			return HF__FIT_RANGE;
		x = hf_v_bool(v->as.i == 1);
	} else {
		fit = native(p, v, &x);
	}
	if (fit != HF__FIT)
		return fit;
	at = hf__put_begin(p, 1);
	if (at)
		*at = x.as.b;
	return at ? HF__FIT : HF__FIT_NOMEM;
}

/* timestamp and timestamptz, which lie at one place */
static hf__fit put_timestamp(hf__put *p, const hf_value *v)
{
	hf_value x;
	hf__fit fit = native(p, v, &x);
	int64_t us = fit == HF__FIT ? x.as.timestamp.us : 0;

	if (fit != HF__FIT)
		return fit;
	if (us != HF_TIME_INFINITY && us != HF_TIME_MINUS_INFINITY) {
		if (us < FIRST_US + HF__EPOCH_US)
			return HF__FIT_RANGE;
		us -= HF__EPOCH_US;
	}
	return hf__put_value8(p, (uint64_t)us);
}

static hf__fit put_date(hf__put *p, const hf_value *v)
{
	hf_value x;
	hf__fit fit = native(p, v, &x);
	int64_t days = fit == HF__FIT ? x.as.date.days : 0;

	if (fit != HF__FIT)
		return fit;
	if (days != HF_DATE_INFINITY && days != HF_DATE_MINUS_INFINITY) {
		days -= HF__EPOCH_DAYS;
		if (days < FIRST_DAY || days >= BEHIND_DAY)
			return HF__FIT_RANGE;
	}
	return hf__put_value4(p, (uint32_t)days);
}

static hf__fit put_time(hf__put *p, const hf_value *v)
{
	hf_value x;
	hf__fit fit = native(p, v, &x);

	if (fit != HF__FIT)
		return fit;
	if (x.as.time.us < 0 || x.as.time.us > HF__DAY_US)
		return HF__FIT_RANGE;
	return hf__put_value8(p, (uint64_t)x.as.time.us);
}

static hf__fit put_timetz(hf__put *p, const hf_value *v)
{
	hf_value x;
	hf__fit fit = native(p, v, &x);
	const hf_timetz *t = &x.as.timetz;
	char *at;

	if (fit != HF__FIT)
		return fit;
	if (t->us < 0 || t->us > HF__DAY_US || t->east <= -HF__ZONE_LIMIT_S ||
		t->east >= HF__ZONE_LIMIT_S)
		return HF__FIT_RANGE;
	at = hf__put_begin(p, 12);
	if (at)
		hf__put4(hf__put8(at, (uint64_t)t->us), (uint32_t)-t->east);
	return at ? HF__FIT : HF__FIT_NOMEM;
}

static hf__fit put_interval(hf__put *p, const hf_value *v)
{
	hf_value x;
	hf__fit fit = native(p, v, &x);
	char *at = fit == HF__FIT ? hf__put_begin(p, 16) : NULL;

	if (at) {
		at = hf__put8(at, (uint64_t)x.as.interval.us);
		at = hf__put4(at, (uint32_t)x.as.interval.days);
		hf__put4(at, (uint32_t)x.as.interval.months);
	}
	return at || fit != HF__FIT ? fit : HF__FIT_NOMEM;
}

static hf__fit put_uuid(hf__put *p, const hf_value *v)
{
	hf_value x;
	hf__fit fit = native(p, v, &x);
	char *at = fit == HF__FIT ? hf__put_begin(p, sizeof x.as.uuid.b) : NULL;

	if (at)
		memcpy(at, x.as.uuid.b, sizeof x.as.uuid.b);
	return at || fit != HF__FIT ? fit : HF__FIT_NOMEM;
}

/* inet and cidr differ in a byte that the server does not look at. */
static hf__fit put_inet(hf__put *p, const hf_value *v)
{
	hf_value x;
	hf__fit fit = native(p, v, &x);
	size_t size;
	char *at;

	if (fit != HF__FIT)
		return fit;
	if (!hf__inet_valid(&x.as.inet))
		return HF__FIT_FORM;
	size = x.as.inet.v6 ? 16 : 4;
	at = hf__put_begin(p, 4 + size);
	if (!at)
		return HF__FIT_NOMEM;
	hf__inet_put_wire(at, &x.as.inet, p->type->oid == HF__OID_CIDR);
	return HF__FIT;
}

static hf__fit put_mac(hf__put *p, const hf_value *v)
{
	hf_value x;
	hf__fit fit = native(p, v, &x);
	char *at;

	if (fit != HF__FIT)
		return fit;
	if (x.as.mac.n != p->type->width)
		return HF__FIT_KIND;
	at = hf__put_begin(p, x.as.mac.n);
	if (at)
		memcpy(at, x.as.mac.b, x.as.mac.n);
	return at ? HF__FIT : HF__FIT_NOMEM;
}

static hf__fit put_lsn(hf__put *p, const hf_value *v)
{
	hf_value x;
	hf__fit fit = native(p, v, &x);

	return fit == HF__FIT ? hf__put_value8(p, x.as.lsn.v) : fit;
}

/* --- arrays --- */

static bool put_array_header(hf__put *p, const hf__any_array *a)
{
	int ndim = a->n ? a->ndim : 0;
	char *at = hf__put_begin(p, 12 + 8 * (size_t)ndim);

	if (!at)
		return false;
	at = hf__put4(at, (uint32_t)ndim);
	at = hf__put4(at, a->n && a->null);
	at = hf__put4(at, p->type->oid);
	for (int i = 0; i < ndim; i++) {
		at = hf__put4(at, (uint32_t)a->dim[i]);
		at = hf__put4(at, (uint32_t)a->lower[i]);
	}
	return true;
}

static hf__fit put_items(hf__put *p, int tag, const hf__any_array *a)
{
	hf__put_fn *put = hf__put_fn_of(p->type);
	hf__fit fit = HF__FIT;

	for (size_t i = 0; i < a->n && fit == HF__FIT; i++) {
		hf_value v = a->null && a->null[i] ? hf_v_null() : hf__item(tag, a->v, i);

		if (!hf__value_is_null(&v))
			fit = put(p, &v);
		else
			hf__strbuf_add(p->to, "\377\377\377\377", 4);
	}
	return fit;
}

static bool array_valid(int tag, const hf__any_array *a)
{
	if (!hf__shape_of(tag) || (a->n > 0 && !a->v))
		return false;
	return a->n > 0 ? hf__dims_valid(a->ndim, a->dim, a->lower, a->n)
			: a->ndim == 0 || a->ndim == 1;
}

hf__fit hf__put_wire_array(hf__put *p, const hf_value *v)
{
	int tag = (int)v->type & ~HF_T_ARRAY;
	size_t at = p->to->n;
	hf__any_array a;
	hf__fit fit;

	if (!((int)v->type & HF_T_ARRAY) || !v->as.array)
		return HF__FIT_KIND;
	memcpy(&a, v->as.array, sizeof a);
	if (!array_valid(tag, &a))
		return HF__FIT_FORM;
	if (!put_array_header(p, &a))
		return HF__FIT_NOMEM;
	fit = put_items(p, tag, &a);
	if (fit != HF__FIT)
		return fit;
	if (p->to->failed)
		return HF__FIT_NOMEM;
	if (p->to->n - at - 4 > HF__VALUE_MAX)
		return HF__FIT_LARGE;
	hf__put4(p->to->s + at, (uint32_t)(p->to->n - at - 4));
	return HF__FIT;
}

/* --- all --- */

static hf__put_fn *put_integer(const hf__type *t)
{
	return t->width == 2   ? hf__put_wire_int2
	       : t->width == 4 ? hf__put_wire_int4
			       : hf__put_wire_int8;
}

hf__put_fn *hf__put_fn_of(const hf__type *t)
{
	static hf__put_fn *const fns[] = {
		[HF_T_BOOL] = put_bool,
		[HF_T_UINT8] = hf__put_wire_uint,
		[HF_T_FLOAT4] = hf__put_wire_float4,
		[HF_T_FLOAT8] = hf__put_wire_float8,
		[HF_T_NUMERIC] = hf__put_wire_numeric,
		[HF_T_TEXT] = hf__put_wire_text,
		[HF_T_BYTEA] = hf__put_wire_bytea,
		[HF_T_TIMESTAMPTZ] = put_timestamp,
		[HF_T_TIMESTAMP] = put_timestamp,
		[HF_T_DATE] = put_date,
		[HF_T_TIME] = put_time,
		[HF_T_TIMETZ] = put_timetz,
		[HF_T_INTERVAL] = put_interval,
		[HF_T_UUID] = put_uuid,
		[HF_T_JSON] = hf__put_wire_json,
		[HF_T_INET] = put_inet,
		[HF_T_MAC] = put_mac,
		[HF_T_LSN] = put_lsn,
	};

	if (!t || t->width < 0)
		return NULL;
	if (t->tag == HF_T_INT2 || t->tag == HF_T_INT4 || t->tag == HF_T_INT8)
		return put_integer(t);
	return (size_t)t->tag < hf_countof(fns) ? fns[t->tag] : NULL;
}
