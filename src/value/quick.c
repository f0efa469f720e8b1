/* SPDX-License-Identifier: MIT */
/* The cells and destinations of nearly every row, without the tables that the others go through. */
#include "value/datetime.h"
#include "value/decode.h"

#include <string.h>

/* Up to 18 digits, which cannot overflow. */
static bool quick_digits(const char *s, int n, int64_t *out)
{
	bool minus = n > 0 && s[0] == '-';
	int64_t x = 0;

	s += minus;
	n -= minus;
	if (n < 1 || n > 18)
		return false;
	for (int i = 0; i < n; i++) {
		unsigned digit = (unsigned)((unsigned char)s[i] - '0');

		if (digit > 9)
			return false;
		x = x * 10 + (int64_t)digit;
	}
	*out = minus ? -x : x;
	return true;
}

static bool quick_int(const hf__cell *c, int64_t *out)
{
	if (c->type != HF__OID_INT4 && c->type != HF__OID_INT8 && c->type != HF__OID_INT2)
		return false;
	if (c->format == 0)
		return quick_digits(c->data, c->len, out);
	if (c->type == HF__OID_INT4 && c->len == 4)
		*out = (int32_t)hf__be32(c->data);
	else if (c->type == HF__OID_INT8 && c->len == 8)
		*out = (int64_t)hf__be64(c->data);
	else if (c->type == HF__OID_INT2 && c->len == 2)
		*out = (int16_t)hf__be16(c->data);
	else
		return false;
	return true;
}

static bool quick_int2(const hf__cell *c, int16_t *out)
{
	int64_t x;

	if (!quick_int(c, &x) || x < INT16_MIN || x > INT16_MAX)
		return false;
	*out = (int16_t)x;
	return true;
}

static bool quick_int4(const hf__cell *c, int32_t *out)
{
	int64_t x;

	if (!quick_int(c, &x) || x < INT32_MIN || x > INT32_MAX)
		return false;
	*out = (int32_t)x;
	return true;
}

static bool quick_bool(const hf__cell *c, bool *out)
{
	char yes = c->format == 0 ? 't' : 1, no = c->format == 0 ? 'f' : 0;

	if (c->type != HF__OID_BOOL || c->len != 1 || (c->data[0] != yes && c->data[0] != no))
		return false;
	*out = c->data[0] == yes;
	return true;
}

static bool quick_float8(const hf__cell *c, double *out)
{
	uint64_t bits;

	if (c->type != HF__OID_FLOAT8 || c->format == 0 || c->len != 8)
		return false;
	bits = hf__be64(c->data);
	memcpy(out, &bits, sizeof bits);
	return true;
}

static bool quick_time(const hf__cell *c, uint32_t type, int64_t *us)
{
	return c->type == type && c->format != 0 && c->len == 8 &&
	       hf__timestamp_wire((int64_t)hf__be64(c->data), us) == HF__GOT;
}

/* Whether the bytes are the text in binary format, too. */
static bool is_text(uint32_t type)
{
	return type == HF__OID_TEXT || type == HF__OID_VARCHAR || type == HF__OID_BPCHAR ||
	       type == HF__OID_NAME;
}

static bool quick_text(const hf__cell *c, const char **out)
{
	if (c->format != 0 && !is_text(c->type))
		return false;
	*out = c->data;
	return true;
}

static bool quick_bytes(const hf__cell *c, hf_bytes *out)
{
	if (!is_text(c->type) && (c->type != HF__OID_BYTEA || c->format == 0))
		return false;
	*out = hf_blob(c->data, (size_t)c->len);
	return true;
}

/* Into a struct { bool has; T v; }, whose `has` is written last. */
#define OPT(T, read)                                                                               \
	{                                                                                          \
		hf_##T##_opt *o = to.ptr;                                                          \
                                                                                                   \
		return (read) && (o->has = true);                                                  \
	}

bool hf__decode_quick(const hf__cell *c, hf_dest to)
{
	if (!c->data || !to.ptr)
		return false;
	switch (to.type) {
	case HF_T_TEXT:
		return quick_text(c, to.ptr);
	case HF_T_BYTEA:
		return quick_bytes(c, to.ptr);
	case HF_T_BOOL:
		return quick_bool(c, to.ptr);
	case HF_T_INT2:
		return quick_int2(c, to.ptr);
	case HF_T_INT4:
		return quick_int4(c, to.ptr);
	case HF_T_INT8:
		return quick_int(c, to.ptr);
	case HF_T_FLOAT8:
		return quick_float8(c, to.ptr);
	case HF_T_TIMESTAMPTZ:
		return quick_time(c, HF__OID_TIMESTAMPTZ, &((hf_timestamptz *)to.ptr)->us);
	case HF_T_TIMESTAMP:
		return quick_time(c, HF__OID_TIMESTAMP, &((hf_timestamp *)to.ptr)->us);
	case HF_T_BOOL | HF_T_OPT:
		OPT(bool, quick_bool(c, &o->v))
	case HF_T_INT2 | HF_T_OPT:
		OPT(int2, quick_int2(c, &o->v))
	case HF_T_INT4 | HF_T_OPT:
		OPT(int4, quick_int4(c, &o->v))
	case HF_T_INT8 | HF_T_OPT:
		OPT(int8, quick_int(c, &o->v))
	case HF_T_FLOAT8 | HF_T_OPT:
		OPT(float8, quick_float8(c, &o->v))
	case HF_T_TIMESTAMPTZ | HF_T_OPT:
		OPT(timestamptz, quick_time(c, HF__OID_TIMESTAMPTZ, &o->v.us))
	case HF_T_TIMESTAMP | HF_T_OPT:
		OPT(timestamp, quick_time(c, HF__OID_TIMESTAMP, &o->v.us))
	default:
		return false;
	}
}

/* --- whole columns, whose type is looked at once --- */

static bool wire_bool(const char *data, int len, void *to)
{
	if (len != 1 || (unsigned char)*data > 1)
		return false;
	*(bool *)to = *data != 0;
	return true;
}

static bool wire_int2(const char *data, int len, void *to)
{
	if (len != 2)
		return false;
	*(int16_t *)to = (int16_t)hf__be16(data);
	return true;
}

static bool wire_int4(const char *data, int len, void *to)
{
	if (len != 4)
		return false;
	*(int32_t *)to = (int32_t)hf__be32(data);
	return true;
}

static bool wire_int8(const char *data, int len, void *to)
{
	if (len != 8)
		return false;
	*(int64_t *)to = (int64_t)hf__be64(data);
	return true;
}

static bool wire_float8(const char *data, int len, void *to)
{
	uint64_t bits;

	if (len != 8)
		return false;
	bits = hf__be64(data);
	memcpy(to, &bits, sizeof bits);
	return true;
}

/* A timestamp and a timestamptz are one int64_t. */
static bool wire_time(const char *data, int len, void *to)
{
	return len == 8 && hf__timestamp_wire((int64_t)hf__be64(data), to) == HF__GOT;
}

static bool wire_uuid(const char *data, int len, void *to)
{
	if (len != (int)sizeof(hf_uuid))
		return false;
	memcpy(to, data, sizeof(hf_uuid));
	return true;
}

static bool lend_text(const char *data, int len, void *to)
{
	(void)len;
	*(const char **)to = data;
	return true;
}

static bool lend_bytes(const char *data, int len, void *to)
{
	*(hf_bytes *)to = hf_blob(data, (size_t)len);
	return true;
}

hf__quick_fn *hf__quick_for(uint32_t type, int format, int dest)
{
	static const struct {
		uint32_t type;
		int dest;
		hf__quick_fn *read;
	} wire[] = { { HF__OID_BOOL, HF_T_BOOL, wire_bool }, { HF__OID_INT2, HF_T_INT2, wire_int2 },
		{ HF__OID_INT4, HF_T_INT4, wire_int4 }, { HF__OID_INT8, HF_T_INT8, wire_int8 },
		{ HF__OID_FLOAT8, HF_T_FLOAT8, wire_float8 },
		{ HF__OID_TIMESTAMPTZ, HF_T_TIMESTAMPTZ, wire_time },
		{ HF__OID_TIMESTAMP, HF_T_TIMESTAMP, wire_time },
		{ HF__OID_UUID, HF_T_UUID, wire_uuid }, { HF__OID_BYTEA, HF_T_BYTEA, lend_bytes } };

	if (dest == HF_T_TEXT && (format == 0 || is_text(type)))
		return lend_text;
	for (size_t i = 0; format != 0 && i < sizeof wire / sizeof *wire; i++)
		if (wire[i].type == type && wire[i].dest == dest)
			return wire[i].read;
	return NULL;
}
