/* SPDX-License-Identifier: MIT */
/* Members of structs as values. */
#include "model/plan.h"

#include "base/attr.h"
#include "value/error.h"
#include "value/text.h"

#include <string.h>

#define LAYOUT(T)                                                                                  \
	{                                                                                          \
		sizeof(T), _Alignof(T)                                                             \
	}

struct layout {
	size_t size, align;
};

static const struct layout plain[] = { [HF_T_BOOL] = LAYOUT(bool),
	[HF_T_INT2] = LAYOUT(int16_t),
	[HF_T_INT4] = LAYOUT(int32_t),
	[HF_T_INT8] = LAYOUT(int64_t),
	[HF_T_FLOAT4] = LAYOUT(float),
	[HF_T_FLOAT8] = LAYOUT(double),
	[HF_T_NUMERIC] = LAYOUT(hf_numeric),
	[HF_T_TEXT] = LAYOUT(const char *),
	[HF_T_BYTEA] = LAYOUT(hf_bytes),
	[HF_T_TIMESTAMPTZ] = LAYOUT(hf_timestamptz),
	[HF_T_TIMESTAMP] = LAYOUT(hf_timestamp),
	[HF_T_DATE] = LAYOUT(hf_date),
	[HF_T_TIME] = LAYOUT(hf_time_of_day),
	[HF_T_TIMETZ] = LAYOUT(hf_timetz),
	[HF_T_INTERVAL] = LAYOUT(hf_interval),
	[HF_T_UUID] = LAYOUT(hf_uuid),
	[HF_T_JSON] = LAYOUT(hf_json),
	[HF_T_INET] = LAYOUT(hf_inet),
	[HF_T_MAC] = LAYOUT(hf_mac),
	[HF_T_LSN] = LAYOUT(hf_lsn) };

static const struct layout optional[] = { [HF_T_BOOL] = LAYOUT(hf_bool_opt),
	[HF_T_INT2] = LAYOUT(hf_int2_opt),
	[HF_T_INT4] = LAYOUT(hf_int4_opt),
	[HF_T_INT8] = LAYOUT(hf_int8_opt),
	[HF_T_FLOAT4] = LAYOUT(hf_float4_opt),
	[HF_T_FLOAT8] = LAYOUT(hf_float8_opt),
	[HF_T_NUMERIC] = LAYOUT(hf_numeric),
	[HF_T_TEXT] = LAYOUT(const char *),
	[HF_T_BYTEA] = LAYOUT(hf_bytes),
	[HF_T_TIMESTAMPTZ] = LAYOUT(hf_timestamptz_opt),
	[HF_T_TIMESTAMP] = LAYOUT(hf_timestamp_opt),
	[HF_T_DATE] = LAYOUT(hf_date_opt),
	[HF_T_TIME] = LAYOUT(hf_time_of_day_opt),
	[HF_T_TIMETZ] = LAYOUT(hf_timetz_opt),
	[HF_T_INTERVAL] = LAYOUT(hf_interval_opt),
	[HF_T_UUID] = LAYOUT(hf_uuid_opt),
	[HF_T_JSON] = LAYOUT(hf_json),
	[HF_T_INET] = LAYOUT(hf_inet_opt),
	[HF_T_MAC] = LAYOUT(hf_mac_opt),
	[HF_T_LSN] = LAYOUT(hf_lsn_opt) };

static const struct layout enumeration[] = { LAYOUT(int), LAYOUT(hf_enum_opt) };
static const struct layout array = LAYOUT(hf_int4_array); /* all arrays have one layout */

static const struct layout *layout_of(const hf_column *c)
{
	static const struct layout none;

	if (c->type & HF_T_ARRAY)
		return &array;
	if (c->labels)
		return &enumeration[c->nullable];
	if (c->type >= hf_countof(plain))
		return &none;
	return c->nullable ? &optional[c->type] : &plain[c->type];
}

size_t hf__member_size(const hf_column *c)
{
	return c->codec ? c->codec->size : layout_of(c)->size;
}

size_t hf__item_size(int type)
{
	return plain[type].size;
}

size_t hf__member_align(const hf_column *c)
{
	return c->codec ? c->codec->align : layout_of(c)->align;
}

const char *hf__label_of(const hf_column *c, int v, hf_error **e)
{
	const char *label = v >= 0 && v < c->labels->n ? c->labels->label[v] : NULL;

	if (!label)
		*e = hf__error_fmt(HF_E_TYPE, 0, "column \"%s\": %d is no value of enum %s",
			c->name, v, c->labels->sql_type);
	return label;
}

static hf_status label_of(const hf_column *c, int v, hf_value *out, hf_error **e)
{
	const char *label = hf__label_of(c, v, e);

	if (!label)
		return HF_E_TYPE;
	*out = c->as_text ? hf_v_text(label) : hf_v_int8(v);
	return HF_OK;
}

#define AS(T) (*(T const *)at)

static hf_value array_value(const hf_column *c, const void *at)
{
	return hf__v_array(AS(hf_int4_array).has, c->type & ~HF_T_ARRAY, at);
}

static hf_value optional_value(const hf_column *c, const void *at)
{
	switch ((int)c->type) {
	case HF_T_BOOL:
		return hf_v_bool_opt(AS(hf_bool_opt));
	case HF_T_INT2:
		return hf_v_int2_opt(AS(hf_int2_opt));
	case HF_T_INT4:
		return hf_v_int4_opt(AS(hf_int4_opt));
	case HF_T_INT8:
		return hf_v_int8_opt(AS(hf_int8_opt));
	case HF_T_FLOAT4:
		return hf_v_float4_opt(AS(hf_float4_opt));
	case HF_T_FLOAT8:
		return hf_v_float8_opt(AS(hf_float8_opt));
	case HF_T_TIMESTAMPTZ:
		return hf_v_timestamptz_opt(AS(hf_timestamptz_opt));
	case HF_T_TIMESTAMP:
		return hf_v_timestamp_opt(AS(hf_timestamp_opt));
	case HF_T_DATE:
		return hf_v_date_opt(AS(hf_date_opt));
	case HF_T_TIME:
		return hf_v_time_of_day_opt(AS(hf_time_of_day_opt));
	case HF_T_TIMETZ:
		return hf_v_timetz_opt(AS(hf_timetz_opt));
	case HF_T_INTERVAL:
		return hf_v_interval_opt(AS(hf_interval_opt));
	case HF_T_UUID:
		return hf_v_uuid_opt(AS(hf_uuid_opt));
	case HF_T_INET:
		return hf_v_inet_opt(AS(hf_inet_opt));
	case HF_T_MAC:
		return hf_v_mac_opt(AS(hf_mac_opt));
	case HF_T_LSN:
		return hf_v_lsn_opt(AS(hf_lsn_opt));
	default:
		return hf_v_null();
	}
}

static hf_value plain_value(const hf_column *c, const void *at)
{
	switch ((int)c->type) {
	case HF_T_BOOL:
		return hf_v_bool(AS(bool));
	case HF_T_INT2:
		return hf_v_int8(AS(int16_t));
	case HF_T_INT4:
		return hf_v_int8(AS(int32_t));
	case HF_T_INT8:
		return hf_v_int8(AS(int64_t));
	case HF_T_FLOAT4:
		return hf_v_float4(AS(float));
	case HF_T_FLOAT8:
		return hf_v_float8(AS(double));
	case HF_T_TIMESTAMPTZ:
		return hf_v_timestamptz(AS(hf_timestamptz));
	case HF_T_TIMESTAMP:
		return hf_v_timestamp(AS(hf_timestamp));
	case HF_T_DATE:
		return hf_v_date(AS(hf_date));
	case HF_T_TIME:
		return hf_v_time_of_day(AS(hf_time_of_day));
	case HF_T_TIMETZ:
		return hf_v_timetz(AS(hf_timetz));
	case HF_T_INTERVAL:
		return hf_v_interval(AS(hf_interval));
	case HF_T_UUID:
		return hf_v_uuid(AS(hf_uuid));
	case HF_T_INET:
		return hf_v_inet(AS(hf_inet));
	case HF_T_MAC:
		return hf_v_mac(AS(hf_mac));
	case HF_T_LSN:
		return hf_v_lsn(AS(hf_lsn));
	default:
		return hf_v_null();
	}
}

/* Those whose NULL is a pointer's. */
static bool pointed_value(const hf_column *c, const void *at, hf_value *out)
{
	switch ((int)c->type) {
	case HF_T_TEXT:
		*out = hf_v_text(AS(const char *));
		return true;
	case HF_T_BYTEA:
		*out = hf_v_bytes(AS(hf_bytes));
		return true;
	case HF_T_NUMERIC:
		*out = hf_v_numeric(AS(hf_numeric));
		return true;
	case HF_T_JSON:
		*out = hf_v_json(AS(hf_json));
		return true;
	default:
		return false;
	}
}

hf_status hf__member_value(const hf_column *c, const void *row, hf_value *out, hf_error **e)
{
	const void *at = (const char *)row + c->offset;

	if (hf__column_is_made(c)) {
		*e = hf__error_fmt(HF_E_TYPE, 0,
			"column \"%s\": its type, %s, does not travel this way", c->name,
			c->sql_type);
		return HF_E_TYPE;
	}
	if (c->labels && c->nullable && !AS(hf_enum_opt).has)
		*out = hf_v_null();
	else if (c->labels)
		return label_of(c, c->nullable ? AS(hf_enum_opt).v : AS(int), out, e);
	else if (c->type & HF_T_ARRAY)
		*out = array_value(c, at);
	else if (!pointed_value(c, at, out))
		*out = c->nullable ? optional_value(c, at) : plain_value(c, at);
	return HF_OK;
}

hf_status hf__member_sent(
	const hf_column *c, const void *row, hf__arena *arena, hf_value *out, hf_error **e)
{
	if (!hf__column_is_made(c))
		return hf__member_value(c, row, out, e);
	return hf__made_value(c, (const char *)row + c->offset, arena, out, e);
}

bool hf__values_same(const hf_value *a, const hf_value *b, hf_error **e)
{
	hf__strbuf x = HF__STRBUF_INIT, y = HF__STRBUF_INIT;
	bool same;

	if (hf__value_is_null(a) || hf__value_is_null(b))
		return hf__value_is_null(a) && hf__value_is_null(b);
	if (a->type == HF_T_TEXT && b->type == HF_T_TEXT)
		return strcmp(a->as.s, b->as.s) == 0;
	same = !hf__put_text(&x, a) && !hf__put_text(&y, b) &&
	       strcmp(hf__strbuf_text(&x), hf__strbuf_text(&y)) == 0;
	if (x.failed || y.failed)
		*e = hf__error_nomem();
	same = same && !*e;
	hf__strbuf_finish(&x);
	hf__strbuf_finish(&y);
	return same;
}

static bool is_zero(const char *at, size_t n)
{
	while (n > 0 && at[n - 1] == 0)
		n--;
	return n == 0;
}

bool hf__member_is_unset(const hf_column *c, const void *row)
{
	hf_value v;
	hf_error *e = NULL;

	if (is_zero((const char *)row + c->offset, hf__member_size(c)))
		return true;
	if (c->codec)
		return false;
	if (c->type & HF_T_ARRAY)
		return !((const hf_int4_array *)(const void *)((const char *)row + c->offset))->has;
	if (!c->nullable)
		return false;
	if (hf__member_value(c, row, &v, &e) == HF_OK)
		return v.type == HF_T_NULL; /* NULL, with something left in it */
	hf_error_unref(e);
	return false;
}

hf_status hf__column_value(
	const hf_column *c, const hf_value *in, hf__arena *arena, hf_value *out, hf_error **e)
{
	bool whole = in->type == HF_T_INT8 || in->type == HF_T_UINT8; /* gcc's enums are unsigned */

	*out = *in;
	if (hf__is_enum(c) && in->type == (HF_T_INT4 | HF_T_ARRAY))
		return hf__labels_value(c, in->as.array, arena, out, e);
	if ((in->type & HF_T_ARRAY) && hf__needs_list_type(c))
		return hf__list_value(c, (int)in->type & ~HF_T_ARRAY, in->as.array, arena, out, e);
	if (!c->labels || !whole)
		return HF_OK;
	return label_of(c, in->as.i >= 0 && in->as.i < c->labels->n ? (int)in->as.i : -1, out, e);
}
