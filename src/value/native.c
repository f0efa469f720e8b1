/* SPDX-License-Identifier: MIT */
/* From the server's two formats to C values of the column's own type. */
#include "value/decode.h"

#include "base/attr.h"
#include "value/datetime.h"
#include "value/net.h"
#include "value/number.h"
#include "value/text.h"

#include <string.h>

/* --- text --- */

static hf__got read_bool(const char *s, size_t n, bool *out)
{
	if (n != 1 || (s[0] != 't' && s[0] != 'f'))
		return HF__GOT_BAD;
	*out = s[0] == 't';
	return HF__GOT;
}

static hf__got read_float4(const char *s, size_t n, double *out)
{
	float x = 0;
	hf__got got = hf__float4_parse(s, n, &x);

	*out = (double)x;
	return got;
}

static hf__got read_numeric(const char *s, size_t n, const char **out)
{
	*out = s;
	return hf__numeric_valid(s, n) ? HF__GOT : HF__GOT_BAD;
}

static hf__got read_scalar(const hf__type *t, const char *s, size_t n, hf_value *v)
{
	switch ((int)t->tag) {
	case HF_T_BOOL:
		return read_bool(s, n, &v->as.b);
	case HF_T_INT8:
		return hf__int_parse(s, n, &v->as.i);
	case HF_T_UINT8:
		return hf__uint_parse(s, n, &v->as.u);
	case HF_T_FLOAT4:
		return read_float4(s, n, &v->as.f);
	case HF_T_FLOAT8:
		return hf__float8_parse(s, n, &v->as.f);
	case HF_T_NUMERIC:
		return read_numeric(s, n, &v->as.s);
	case HF_T_TIMESTAMPTZ:
		return hf__timestamp_parse(s, n, true, &v->as.timestamptz.us);
	case HF_T_TIMESTAMP:
		return hf__timestamp_parse(s, n, false, &v->as.timestamp.us);
	case HF_T_DATE:
		return hf__date_parse(s, n, &v->as.date.days);
	case HF_T_TIME:
		return hf__time_parse(s, n, &v->as.time.us);
	case HF_T_TIMETZ:
		return hf__timetz_parse(s, n, &v->as.timetz);
	case HF_T_INTERVAL:
		return hf__interval_parse(s, n, &v->as.interval);
	case HF_T_UUID:
		return hf__uuid_parse(s, n, &v->as.uuid);
	case HF_T_INET:
		return hf__inet_parse(s, n, t->oid == HF__OID_CIDR, &v->as.inet);
	case HF_T_MAC:
		return hf__mac_parse(s, n, t->width, &v->as.mac);
	case HF_T_LSN:
		return hf__lsn_parse(s, n, &v->as.lsn);
	default:
		return HF__GOT_BAD;
	}
}

/* The C type of integers of all widths. */
static hf_type native_tag(const hf__type *t)
{
	return t->tag == HF_T_INT2 || t->tag == HF_T_INT4 ? HF_T_INT8 : t->tag;
}

static hf_status say(hf__got got, const hf__type *t, const char *s, const hf__sink *k)
{
	const hf__shape *shape = hf__shape_of((int)t->tag);
	char name[32];

	if (got == HF__GOT)
		return HF_OK;
	if (got == HF__GOT_BAD)
		return hf__refuse(k, HF_E_TYPE, "malformed value of type %s", t->name);
	return hf__refuse(k, HF_E_TYPE, "value %.40s is out of range for %s", s,
		shape ? hf__shape_name((int)t->tag, name, sizeof name) : t->name);
}

static hf_status read_bytea(const char *s, size_t n, hf_bytes *out, const hf__sink *k)
{
	unsigned char *bytes;
	size_t size;

	if (hf__bytea_size(s, n, &size) != HF__GOT)
		return hf__refuse(k, HF_E_TYPE, "malformed value of type bytea");
	bytes = hf__lend(k, size + 1);
	if (!bytes)
		return hf__refuse(k, HF_E_NOMEM, "out of memory");
	hf__bytea_read(s, n, bytes);
	bytes[size] = 0;
	*out = hf_blob(bytes, size);
	return HF_OK;
}

hf_status hf__native_text(
	const hf__type *t, const char *s, size_t n, hf_value *v, const hf__sink *k)
{
	hf__type as = *t;

	v->type = as.tag = native_tag(t);
	switch ((int)as.tag) {
	case HF_T_TEXT:
	case HF_T_JSON:
		v->as.s = s;
		return HF_OK;
	case HF_T_BYTEA:
		return read_bytea(s, n, &v->as.bytes, k);
	default:
		return say(read_scalar(&as, s, n, v), t, s, k);
	}
}

/* --- binary --- */

static int64_t be_int(const char *s, int width)
{
	if (width == 2)
		return (int16_t)hf__be16(s);
	return width == 4 ? (int32_t)hf__be32(s) : (int64_t)hf__be64(s);
}

static double be_float4(const char *s)
{
	uint32_t bits = hf__be32(s);
	float x;

	memcpy(&x, &bits, sizeof x);
	return (double)x;
}

static double be_float8(const char *s)
{
	uint64_t bits = hf__be64(s);
	double x;

	memcpy(&x, &bits, sizeof x);
	return x;
}

static hf__got wire_bool(const char *s, bool *out)
{
	*out = s[0] == 1;
	return s[0] == 0 || s[0] == 1 ? HF__GOT : HF__GOT_BAD;
}

static hf__got wire_time(const char *s, int64_t *us)
{
	*us = (int64_t)hf__be64(s);
	return *us >= 0 && *us <= HF__DAY_US ? HF__GOT : HF__GOT_BAD;
}

static hf__got wire_timetz(const char *s, hf_timetz *out)
{
	int32_t west = (int32_t)hf__be32(s + 8);

	if (west <= -HF__ZONE_LIMIT_S || west >= HF__ZONE_LIMIT_S)
		return HF__GOT_BAD;
	out->east = -west;
	return wire_time(s, &out->us);
}

static hf__got wire_interval(const char *s, hf_interval *out)
{
	out->us = (int64_t)hf__be64(s);
	out->days = (int32_t)hf__be32(s + 8);
	out->months = (int32_t)hf__be32(s + 12);
	return HF__GOT;
}

static hf__got wire_mac(const char *s, int width, hf_mac *out)
{
	memset(out, 0, sizeof *out);
	out->n = (uint8_t)width;
	memcpy(out->b, s, (size_t)width);
	return HF__GOT;
}

/* Types of a fixed width, which has been checked. */
static hf__got read_fixed(const hf__type *t, const char *s, hf_value *v)
{
	switch ((int)t->tag) {
	case HF_T_BOOL:
		return wire_bool(s, &v->as.b);
	case HF_T_INT8:
		v->as.i = be_int(s, t->width);
		return HF__GOT;
	case HF_T_UINT8:
		v->as.u = t->width == 4 ? hf__be32(s) : hf__be64(s);
		return HF__GOT;
	case HF_T_FLOAT4:
		v->as.f = be_float4(s);
		return HF__GOT;
	case HF_T_FLOAT8:
		v->as.f = be_float8(s);
		return HF__GOT;
	case HF_T_TIMESTAMPTZ:
		return hf__timestamp_wire((int64_t)hf__be64(s), &v->as.timestamptz.us);
	case HF_T_TIMESTAMP:
		return hf__timestamp_wire((int64_t)hf__be64(s), &v->as.timestamp.us);
	case HF_T_DATE:
		return hf__date_wire((int32_t)hf__be32(s), &v->as.date.days);
	case HF_T_TIME:
		return wire_time(s, &v->as.time.us);
	case HF_T_TIMETZ:
		return wire_timetz(s, &v->as.timetz);
	case HF_T_INTERVAL:
		return wire_interval(s, &v->as.interval);
	case HF_T_UUID:
		memcpy(v->as.uuid.b, s, sizeof v->as.uuid.b);
		return HF__GOT;
	case HF_T_MAC:
		return wire_mac(s, t->width, &v->as.mac);
	case HF_T_LSN:
		v->as.lsn.v = hf__be64(s);
		return HF__GOT;
	default:
		return HF__GOT_BAD;
	}
}

/* jsonb's text stands behind a version byte. */
static hf__got wire_json(const hf__type *t, const char *s, size_t n, const char **out)
{
	bool versioned = t->oid == HF__OID_JSONB;

	if (versioned && (n == 0 || s[0] != 1))
		return HF__GOT_BAD;
	*out = s + versioned;
	return HF__GOT;
}

static hf__got read_wire(const hf__type *t, const char *s, size_t n, hf_value *v)
{
	if (t->width > 0)
		return n == (size_t)t->width ? read_fixed(t, s, v) : HF__GOT_BAD;
	switch ((int)t->tag) {
	case HF_T_TEXT:
		v->as.s = s;
		return HF__GOT;
	case HF_T_JSON:
		return wire_json(t, s, n, &v->as.s);
	case HF_T_BYTEA:
		v->as.bytes = hf_blob(s, n);
		return HF__GOT;
	case HF_T_INET:
		return hf__inet_wire(s, n, t->oid == HF__OID_CIDR, &v->as.inet);
	default:
		return HF__GOT_BAD;
	}
}

static hf_status lend_numeric(const char *s, size_t n, hf_value *v, const hf__sink *k)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf__got got = hf__numeric_wire(&b, s, n);

	v->as.s = got == HF__GOT && !b.failed ? hf__lend_copy(k, b.s, b.n) : NULL;
	hf__strbuf_finish(&b);
	if (got != HF__GOT)
		return hf__refuse(k, HF_E_TYPE, "malformed value of type numeric");
	return v->as.s ? HF_OK : hf__refuse(k, HF_E_NOMEM, "out of memory");
}

/* Times that C's count since 1970 has no room for still have a text. */
static hf__got print_timestamp(hf__strbuf *b, const hf__type *t, const char *s, size_t n)
{
	if (n != 8)
		return HF__GOT_BAD;
	hf__timestamp_wire_text(b, (int64_t)hf__be64(s), t->tag == HF_T_TIMESTAMPTZ);
	return HF__GOT;
}

hf__got hf__native_print(hf__strbuf *b, const hf__type *t, const char *s, size_t n)
{
	hf__type as = *t;
	hf_value v;
	hf__got got;

	v.type = as.tag = native_tag(t);
	switch ((int)as.tag) {
	case HF_T_NUMERIC:
		return hf__numeric_wire(b, s, n);
	case HF_T_TIMESTAMPTZ:
	case HF_T_TIMESTAMP:
		return print_timestamp(b, t, s, n);
	case HF_T_TEXT:
		hf__strbuf_add(b, s, n);
		return HF__GOT;
	case HF_T_JSON:
		got = wire_json(t, s, n, &v.as.s);
		if (got == HF__GOT)
			hf__strbuf_add(b, v.as.s, n - (size_t)(v.as.s - s));
		return got;
	default:
		got = read_wire(&as, s, n, &v);
	}
	if (got != HF__GOT)
		return got;
	if (v.type == HF_T_BOOL)
		hf__strbuf_putc(b, v.as.b ? 't' : 'f');
	else if (hf__put_text(b, &v))
		return HF__GOT_BAD;
	return HF__GOT;
}

/* In the words that the text format's failure has. */
static hf_status say_wire(
	hf__got got, const hf__type *t, const char *s, size_t n, const hf__sink *k)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_status st;

	if (got == HF__GOT_RANGE)
		(void)hf__native_print(&b, t, s, n);
	st = say(got, t, hf__strbuf_text(&b), k);
	hf__strbuf_finish(&b);
	return st;
}

hf_status hf__native_binary(
	const hf__type *t, const char *s, size_t n, hf_value *v, const hf__sink *k)
{
	hf__type as = *t;

	v->type = as.tag = native_tag(t);
	if (as.tag == HF_T_NUMERIC)
		return lend_numeric(s, n, v, k);
	return say_wire(read_wire(&as, s, n, v), t, s, n, k);
}
