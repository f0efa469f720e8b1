/* SPDX-License-Identifier: MIT */
/* Numbers, texts and bytes in the binary format of a column's type: what goes where, and the
 * ranges. Texts go into columns of other types where they are what the server would write. */
#include "value/copy_put.h"

#include "value/net.h"
#include "value/number.h"
#include "value/text.h"

#include <math.h>
#include <string.h>

static hf__fit put_bytes(hf__put *p, const void *data, size_t n, const char *before, size_t k)
{
	char *at;

	if (n > HF__VALUE_MAX)
		return HF__FIT_LARGE;
	at = hf__put_begin(p, k + n);
	if (!at)
		return HF__FIT_NOMEM;
	if (k > 0)
		memcpy(at, before, k);
	if (n > 0)
		memcpy(at + k, data, n);
	return HF__FIT;
}

/* --- numbers --- */

static hf__fit fit_of(hf__got got)
{
	return got == HF__GOT ? HF__FIT : got == HF__GOT_RANGE ? HF__FIT_RANGE : HF__FIT_FORM;
}

static hf__fit float_to_int(double x, int64_t *out)
{
	if (!(x >= -0x1p63 && x < 0x1p63))
		return HF__FIT_RANGE;
	*out = (int64_t)x;
	return (double)*out < x || (double)*out > x ? HF__FIT_RANGE : HF__FIT;
}

/* A decimal that is whole, but for one in too many digits. */
static hf__fit numeric_to_int(const char *s, int64_t *out)
{
	return hf__numeric_int(s, strlen(s), out) == HF__GOT ? HF__FIT : HF__FIT_RANGE;
}

static hf__fit to_int(const hf_value *v, int64_t *out)
{
	switch ((int)v->type) {
	case HF_T_INT2:
	case HF_T_INT4:
	case HF_T_INT8:
		*out = v->as.i;
		return HF__FIT;
	case HF_T_UINT8:
		*out = (int64_t)v->as.u;
		return v->as.u > INT64_MAX ? HF__FIT_RANGE : HF__FIT;
	case HF_T_FLOAT4:
	case HF_T_FLOAT8:
		return float_to_int(v->as.f, out);
	case HF_T_NUMERIC:
		return numeric_to_int(v->as.s, out);
	case HF_T_TEXT:
		return fit_of(hf__int_parse(v->as.s, strlen(v->as.s), out));
	default:
		return HF__FIT_KIND;
	}
}

hf__fit hf__put_wire_int2(hf__put *p, const hf_value *v)
{
	int64_t x = 0;
	hf__fit fit = to_int(v, &x);

	if (fit != HF__FIT)
		return fit;
	return x < INT16_MIN || x > INT16_MAX ? HF__FIT_RANGE : hf__put_value2(p, (uint16_t)x);
}

hf__fit hf__put_wire_int4(hf__put *p, const hf_value *v)
{
	int64_t x = 0;
	hf__fit fit = to_int(v, &x);

	if (fit != HF__FIT)
		return fit;
	return x < INT32_MIN || x > INT32_MAX ? HF__FIT_RANGE : hf__put_value4(p, (uint32_t)x);
}

hf__fit hf__put_wire_int8(hf__put *p, const hf_value *v)
{
	int64_t x = 0;
	hf__fit fit = to_int(v, &x);

	return fit == HF__FIT ? hf__put_value8(p, (uint64_t)x) : fit;
}

/* oid, xid, cid; xid8 */
hf__fit hf__put_wire_uint(hf__put *p, const hf_value *v)
{
	size_t width = (size_t)p->type->width;
	uint64_t x;
	int64_t i = 0;
	hf__fit fit = HF__FIT;

	if (v->type == HF_T_UINT8) {
		x = v->as.u;
	} else {
		fit = to_int(v, &i);
		x = (uint64_t)i;
	}
	if (fit != HF__FIT)
		return fit;
	if (i < 0 || (width == 4 && x > UINT32_MAX))
		return HF__FIT_RANGE;
	return width == 4 ? hf__put_value4(p, (uint32_t)x) : hf__put_value8(p, x);
}

static hf__fit to_float(const hf_value *v, double *out)
{
	switch ((int)v->type) {
	case HF_T_FLOAT4:
	case HF_T_FLOAT8:
		*out = v->as.f;
		return HF__FIT;
	case HF_T_INT2:
	case HF_T_INT4:
	case HF_T_INT8:
		*out = (double)v->as.i;
		return HF__FIT;
	case HF_T_UINT8:
		*out = (double)v->as.u;
		return HF__FIT;
	case HF_T_NUMERIC:
	case HF_T_TEXT:
		return fit_of(hf__float8_parse(v->as.s, strlen(v->as.s), out));
	default:
		return HF__FIT_KIND;
	}
}

hf__fit hf__put_wire_float8(hf__put *p, const hf_value *v)
{
	double x = 0;
	uint64_t bits;
	hf__fit fit = to_float(v, &x);

	memcpy(&bits, &x, sizeof bits);
	return fit == HF__FIT ? hf__put_value8(p, bits) : fit;
}

hf__fit hf__put_wire_float4(hf__put *p, const hf_value *v)
{
	double x = 0;
	uint32_t bits;
	hf__fit fit = to_float(v, &x);
	float narrow = (float)x;

	if (fit != HF__FIT)
		return fit;
	if (isfinite(x) && isinf(narrow))
		return HF__FIT_RANGE;
	memcpy(&bits, &narrow, sizeof bits);
	return hf__put_value4(p, bits);
}

hf__fit hf__put_wire_numeric(hf__put *p, const hf_value *v)
{
	const char *s = v->as.s;
	size_t at = p->to->n;
	hf__got got;

	switch ((int)v->type) {
	case HF_T_NUMERIC:
	case HF_T_TEXT:
		break;
	case HF_T_INT2:
	case HF_T_INT4:
	case HF_T_INT8:
	case HF_T_UINT8:
	case HF_T_FLOAT4:
	case HF_T_FLOAT8:
		hf__strbuf_clear(p->scratch);
		hf__put_text(p->scratch, v);
		s = hf__strbuf_text(p->scratch);
		break;
	default:
		return HF__FIT_KIND;
	}
	if (!hf__put_begin(p, 0) || p->scratch->failed)
		return HF__FIT_NOMEM;
	got = hf__numeric_put_wire(p->to, s, strlen(s));
	if (got != HF__GOT)
		return fit_of(got);
	if (p->to->failed)
		return HF__FIT_NOMEM;
	hf__put4(p->to->s + at, (uint32_t)(p->to->n - at - 4));
	return HF__FIT;
}

/* --- texts --- */

/* Eight bytes at a time while they are ASCII. */
static bool is_utf8(const char *s, size_t n)
{
	uint64_t eight;

	while (n >= sizeof eight) {
		memcpy(&eight, s, sizeof eight);
		if (eight & 0x8080808080808080u)
			break;
		s += sizeof eight;
		n -= sizeof eight;
	}
	return hf__utf8_valid(s, n);
}

static hf__fit put_utf8(hf__put *p, const char *s, const char *before, size_t k)
{
	size_t n = strlen(s);

	return is_utf8(s, n) ? put_bytes(p, s, n, before, k) : HF__FIT_UTF8;
}

/* Anything but bytes and arrays has a text. */
hf__fit hf__put_wire_text(hf__put *p, const hf_value *v)
{
	if (hf_likely(v->type == HF_T_TEXT) || v->type == HF_T_JSON)
		return put_utf8(p, v->as.s, NULL, 0);
	if ((int)v->type & HF_T_ARRAY || v->type == HF_T_BYTEA)
		return HF__FIT_KIND;
	hf__strbuf_clear(p->scratch);
	if (hf__put_text(p->scratch, v))
		return HF__FIT_FORM;
	if (p->scratch->failed)
		return HF__FIT_NOMEM;
	return put_bytes(p, p->scratch->s, p->scratch->n, NULL, 0);
}

hf__fit hf__put_wire_json(hf__put *p, const hf_value *v)
{
	if (v->type != HF_T_TEXT && v->type != HF_T_JSON)
		return HF__FIT_KIND;
	return put_utf8(p, v->as.s, "\1", p->type->oid == HF__OID_JSONB);
}

hf__fit hf__put_wire_bytea(hf__put *p, const hf_value *v)
{
	const char *s = v->as.s;
	size_t size;
	char *at;

	if (v->type == HF_T_BYTEA)
		return put_bytes(p, v->as.bytes.data, v->as.bytes.len, NULL, 0);
	if (v->type != HF_T_TEXT)
		return HF__FIT_KIND;
	if (hf__bytea_size(s, strlen(s), &size) != HF__GOT)
		return HF__FIT_FORM;
	at = hf__put_begin(p, size);
	if (at)
		hf__bytea_read(s, strlen(s), (unsigned char *)at);
	return at ? HF__FIT : HF__FIT_NOMEM;
}
