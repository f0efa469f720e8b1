/* SPDX-License-Identifier: MIT */
/* From values to parameters. */
#include "value/codec.h"

#include "base/attr.h"
#include "base/mem.h"
#include "value/copy_row.h"
#include "value/datetime.h"
#include "value/error.h"
#include "value/net.h"
#include "value/number.h"
#include "value/text.h"

#include <stdio.h>
#include <string.h>

/* How many parameters the protocol can count. */
#define MAX_PARAMS 65535

static const char *put_utf8(hf__strbuf *b, const char *s)
{
	size_t n = strlen(s);

	if (!hf__utf8_valid(s, n))
		return "text is not valid UTF-8";
	hf__strbuf_add(b, s, n);
	return NULL;
}

static const char *put_numeric(hf__strbuf *b, const char *s)
{
	size_t n = strlen(s);

	if (!hf__numeric_valid(s, n))
		return "hf_numeric is not a number";
	hf__strbuf_add(b, s, n);
	return NULL;
}

static const char *put_time(hf__strbuf *b, int64_t us)
{
	if (us < 0 || us > HF__DAY_US)
		return "hf_time_of_day lies outside the day";
	hf__time_text(b, us);
	return NULL;
}

static const char *put_timetz(hf__strbuf *b, hf_timetz t)
{
	if (t.us < 0 || t.us > HF__DAY_US)
		return "hf_timetz lies outside the day";
	if (t.east <= -HF__ZONE_LIMIT_S || t.east >= HF__ZONE_LIMIT_S)
		return "hf_timetz has a zone of 16 hours or more";
	hf__timetz_text(b, t);
	return NULL;
}

static const char *put_inet(hf__strbuf *b, const hf_inet *v)
{
	if (!hf__inet_valid(v))
		return "hf_inet has more bits than its address";
	hf__inet_text(b, v);
	return NULL;
}

static const char *put_mac(hf__strbuf *b, const hf_mac *v)
{
	if (v->n != 6 && v->n != 8)
		return "hf_mac has neither 6 nor 8 bytes";
	hf__mac_text(b, v);
	return NULL;
}

static const char *put_pointed(hf__strbuf *b, const hf_value *v)
{
	if (!v->as.s)
		return NULL;
	return v->type == HF_T_NUMERIC ? put_numeric(b, v->as.s) : put_utf8(b, v->as.s);
}

/* What can fail for no value. */
static bool put_plain(hf__strbuf *b, const hf_value *v)
{
	switch ((int)v->type) {
	case HF_T_BOOL:
		hf__strbuf_puts(b, v->as.b ? "true" : "false");
		return true;
	case HF_T_INT2:
	case HF_T_INT4:
	case HF_T_INT8:
		hf__int_text(b, v->as.i);
		return true;
	case HF_T_UINT8:
		hf__uint_text(b, v->as.u);
		return true;
	case HF_T_FLOAT4:
		hf__float4_text(b, (float)v->as.f);
		return true;
	case HF_T_FLOAT8:
		hf__float8_text(b, v->as.f);
		return true;
	case HF_T_TIMESTAMPTZ:
		hf__timestamp_text(b, v->as.timestamptz.us, true);
		return true;
	case HF_T_TIMESTAMP:
		hf__timestamp_text(b, v->as.timestamp.us, false);
		return true;
	case HF_T_DATE:
		hf__date_text(b, v->as.date.days);
		return true;
	case HF_T_INTERVAL:
		hf__interval_text(b, v->as.interval);
		return true;
	case HF_T_UUID:
		hf__uuid_text(b, &v->as.uuid);
		return true;
	case HF_T_LSN:
		hf__lsn_text(b, v->as.lsn);
		return true;
	default:
		return false;
	}
}

const char *hf__put_text(hf__strbuf *b, const hf_value *v)
{
	int type = (int)v->type;

	if (type & HF_T_ARRAY)
		return hf__put_array(b, type & ~HF_T_ARRAY, v->as.array);
	if (put_plain(b, v))
		return NULL;
	switch (type) {
	case HF_T_NULL:
		return NULL;
	case HF_T_NUMERIC:
	case HF_T_TEXT:
	case HF_T_JSON:
		return put_pointed(b, v);
	case HF_T_BYTEA:
		if (v->as.bytes.data)
			hf__bytea_text(b, v->as.bytes);
		return NULL;
	case HF_T_TIME:
		return put_time(b, v->as.time.us);
	case HF_T_TIMETZ:
		return put_timetz(b, v->as.timetz);
	case HF_T_INET:
		return put_inet(b, &v->as.inet);
	case HF_T_MAC:
		return put_mac(b, &v->as.mac);
	default:
		return "the value is not set";
	}
}

bool hf__value_is_null(const hf_value *v)
{
	switch ((int)v->type) {
	case HF_T_NULL:
		return true;
	case HF_T_TEXT:
	case HF_T_NUMERIC:
	case HF_T_JSON:
		return !v->as.s;
	case HF_T_BYTEA:
		return !v->as.bytes.data;
	default:
		return false;
	}
}

uint32_t hf__param_type(const hf_value *v)
{
	int type = (int)v->type;
	const hf__shape *shape = hf__shape_of(type & ~HF_T_ARRAY);

	if (!shape)
		return 0;
	if (type & HF_T_ARRAY)
		return hf__array_oid(type & ~HF_T_ARRAY);
	switch (type) {
	case HF_T_BYTEA:
	case HF_T_UUID:
	case HF_T_TIMESTAMPTZ:
	case HF_T_TIMESTAMP:
	case HF_T_DATE:
	case HF_T_TIME:
	case HF_T_TIMETZ:
	case HF_T_INTERVAL:
	case HF_T_LSN:
		return shape->oid;
	case HF_T_INET:
		return v->as.inet.is_cidr ? HF__OID_CIDR : HF__OID_INET;
	case HF_T_MAC:
		return v->as.mac.n == 8 ? HF__OID_MACADDR8 : shape->oid;
	default:
		return 0;
	}
}

/* --- the block: an hf__params, its four arrays, and the values --- */

/* Where the arrays begin; the values' offsets stand in for pointers until the block is complete. */
struct layout {
	size_t values, types, lengths, formats, end;
};

static struct layout layout_of(size_t n)
{
	struct layout at;

	at.values = sizeof(hf__params);
	at.types = at.values + n * sizeof(char *);
	at.lengths = at.types + n * sizeof(uint32_t);
	at.formats = at.lengths + n * sizeof(int);
	at.end = at.formats + n * sizeof(int);
	return at;
}

size_t hf__params_size(size_t n)
{
	return n ? layout_of(n).end : 0;
}

static hf_status refuse(hf_status st, size_t i, const char *why, hf_error **out_error)
{
	return hf__error_give(hf__error_fmt(st, 0, "$%zu: %s", i + 1, why), out_error);
}

/* An array in binary, behind 4 bytes of its length. False: nothing was added, as its type is for
 * the server to tell, or one of its values has no such form; the text, or what the server says to
 * it, tells why. */
static bool put_array(hf__strbuf *b, const hf_value *v)
{
	uint32_t oid = hf__array_oid((int)v->type & ~HF_T_ARRAY);
	hf__strbuf scratch = HF__STRBUF_INIT;
	hf__put p = { b, &scratch, hf__type_of_items(oid) };
	size_t was = b->n;
	bool fits = p.type && hf__put_wire_array(&p, v) == HF__FIT;

	hf__strbuf_finish(&scratch);
	if (!fits)
		b->n = was;
	return fits;
}

/* Appends one value, which begins at *at, and a NUL. */
static const char *put_param(hf__strbuf *b, const hf_value *v, int *format, size_t *at)
{
	const char *why = NULL;

	*format = 1;
	*at = b->n;
	if (v->type == HF_T_BYTEA) {
		hf__strbuf_add(b, v->as.bytes.data, v->as.bytes.len);
	} else if (v->type == HF_T_UUID) {
		hf__strbuf_add(b, v->as.uuid.b, sizeof v->as.uuid.b);
	} else if (((int)v->type & HF_T_ARRAY) && put_array(b, v)) {
		*at += 4;
	} else {
		*format = 0;
		why = hf__put_text(b, v);
	}
	hf__strbuf_putc(b, '\0');
	return why;
}

/* The length of what is copied as it is: refused before it is copied, and reserved for. The rest is
 * short, or grows as it goes. */
static size_t known_length(const hf_value *v)
{
	if (hf__value_is_null(v))
		return 0;
	switch ((int)v->type) {
	case HF_T_TEXT:
	case HF_T_JSON:
	case HF_T_NUMERIC:
		return strlen(v->as.s);
	case HF_T_BYTEA:
		return v->as.bytes.len;
	default:
		return 0;
	}
}

static hf_status reserve(
	hf__strbuf *b, const hf_value *args, size_t n, size_t header, hf_error **out_error)
{
	size_t total = header;

	for (size_t i = 0; i < n; i++) {
		size_t more = known_length(&args[i]);

		if (more > HF__VALUE_MAX)
			return refuse(HF_E_TOO_LARGE, i, "the value has 1 GB or more", out_error);
		if (__builtin_add_overflow(total, more + 1, &total) || total > INT32_MAX)
			return refuse(
				HF_E_TOO_LARGE, i, "the parameters have 2 GB or more", out_error);
	}
	if (!hf__strbuf_reserve(b, total))
		return hf__error_give(hf__error_nomem(), out_error);
	memset(b->s, 0, header);
	b->n = header;
	return HF_OK;
}

static hf_status add_param(
	hf__strbuf *b, const struct layout *at, const hf_value *v, size_t i, hf_error **out_error)
{
	uint32_t type = hf__param_type(v);
	size_t offset, size;
	const char *why;
	int format, length;

	if (hf__value_is_null(v))
		return HF_OK;
	why = put_param(b, v, &format, &offset);
	if (why)
		return refuse(HF_E_MISUSE, i, why, out_error);
	if (b->failed)
		return hf__error_give(hf__error_nomem(), out_error);
	size = b->n - offset - 1;
	if (size > HF__VALUE_MAX)
		return refuse(HF_E_TOO_LARGE, i, "the value has 1 GB or more", out_error);
	if (b->n > INT32_MAX)
		return refuse(HF_E_TOO_LARGE, i, "the parameters have 2 GB or more", out_error);
	length = (int)size;
	memcpy(b->s + at->values + i * sizeof offset, &offset, sizeof offset);
	memcpy(b->s + at->types + i * sizeof type, &type, sizeof type);
	memcpy(b->s + at->lengths + i * sizeof length, &length, sizeof length);
	memcpy(b->s + at->formats + i * sizeof format, &format, sizeof format);
	return HF_OK;
}

/* Makes pointers of the offsets. */
static hf__params *finish(char *block, const struct layout *at, size_t n)
{
	hf__params *p = (hf__params *)(void *)block;

	p->n = (int)n;
	p->values = (const char **)(void *)(block + at->values);
	p->types = (uint32_t *)(void *)(block + at->types);
	p->lengths = (int *)(void *)(block + at->lengths);
	p->formats = (int *)(void *)(block + at->formats);
	for (size_t i = 0; i < n; i++) {
		size_t offset;

		memcpy(&offset, &p->values[i], sizeof offset);
		p->values[i] = offset ? block + offset : NULL;
	}
	return p;
}

static hf_status check_count(const hf_value *args, size_t n, hf_error **out_error)
{
	if (args && n <= MAX_PARAMS)
		return HF_OK;
	return hf__error_give(hf__error_fmt(HF_E_MISUSE, 0,
				      args ? "%zu parameters: a statement takes at most 65535"
					   : "the %zu parameters are NULL",
				      n),
		out_error);
}

hf_status hf__params_make(void *room, size_t size, const hf_value *args, size_t n, hf__params **out,
	hf_error **out_error)
{
	hf__strbuf b = hf__strbuf_in(room, size);
	struct layout at;
	hf_status st;

	_Static_assert(sizeof(size_t) == sizeof(char *), "offsets stand in for pointers");
	*out = NULL;
	if (n == 0)
		return HF_OK;
	st = check_count(args, n, out_error);
	if (st != HF_OK)
		return st;
	at = layout_of(n);
	st = reserve(&b, args, n, at.end, out_error);
	for (size_t i = 0; st == HF_OK && i < n; i++)
		st = add_param(&b, &at, &args[i], i, out_error);
	if (st != HF_OK) {
		hf__strbuf_finish(&b);
		return st;
	}
	*out = finish(b.s, &at, n);
	return HF_OK;
}

hf_status hf__params_new(const hf_value *args, size_t n, hf__params **out, hf_error **out_error)
{
	return hf__params_make(NULL, 0, args, n, out, out_error);
}

hf_status hf__value_text(hf__strbuf *b, const hf_value *v, hf_error **out_error)
{
	const char *why = hf__put_text(b, v);

	if (why)
		return hf__error_give(hf__error_fmt(HF_E_MISUSE, 0, "%s", why), out_error);
	return b->failed ? hf__error_give(hf__error_nomem(), out_error) : HF_OK;
}
