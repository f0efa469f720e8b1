/* SPDX-License-Identifier: MIT */
/* Values: the C types that stand for PostgreSQL's, and the parameters of a statement.
 *
 * hf_query(pool, "... where id = $1 and name = $2", id, name): each argument goes through HF_V,
 * which tags it by its C type. There is no format string and no sentinel, and a type that holdfast
 * does not know does not compile. Not accepted on purpose: void * (so a bare NULL: write (const
 * char *)NULL or hf_v_null()), char, unsigned char * (bytes need a
 * length: use hf_blob), structs of your own.
 *
 * Scalars travel as text and the server infers their SQL type, so an int serves int2, int8, numeric
 * and boolean parameters alike. C11's `true` is an int and travels as 1; a bool variable as true.
 */
#ifndef HOLDFAST_VALUE_H
#define HOLDFAST_VALUE_H

#include <holdfast/base.h>

HF__BEGIN

typedef enum hf_type {
	HF_T_NONE,
	HF_T_NULL,
	HF_T_BOOL,
	HF_T_INT2,
	HF_T_INT4,
	HF_T_INT8,
	HF_T_UINT8, /* parameters only: a C unsigned integer */
	HF_T_FLOAT4,
	HF_T_FLOAT8,
	HF_T_NUMERIC,
	HF_T_TEXT,
	HF_T_BYTEA,
	HF_T_TIMESTAMPTZ,
	HF_T_TIMESTAMP,
	HF_T_DATE,
	HF_T_TIME,
	HF_T_TIMETZ,
	HF_T_INTERVAL,
	HF_T_UUID,
	HF_T_JSON,        /* json and jsonb */
	HF_T_INET,        /* inet and cidr */
	HF_T_MAC,         /* macaddr and macaddr8 */
	HF_T_LSN,         /* pg_lsn */
	HF_T_OPT = 64,    /* flag: struct { bool has; T v; } */
	HF_T_ARRAY = 128, /* flag: an array of T */
} hf_type;

/* Bytes with a length. `data` NULL is SQL NULL. */
typedef struct hf_bytes {
	const void *data;
	size_t len;
} hf_bytes;

/* Microseconds since 1970-01-01 00:00:00 UTC, as apr_time_t. A struct, so that time() cannot be
 * stored by accident. Up to 294247-01-10: the last 29 years of PostgreSQL's range are HF_E_TYPE,
 * and can be read as text. HF_TIME_INFINITY and HF_TIME_MINUS_INFINITY are PostgreSQL's infinities.
 */
typedef struct hf_timestamptz {
	int64_t us;
} hf_timestamptz;

/* A date and time without a zone: microseconds since 1970-01-01 00:00:00 on its own wall clock. */
typedef struct hf_timestamp {
	int64_t us;
} hf_timestamp;

/* Days since 1970-01-01. HF_DATE_INFINITY and HF_DATE_MINUS_INFINITY are the infinities. */
typedef struct hf_date {
	int32_t days;
} hf_date;

#define HF_TIME_INFINITY       INT64_MAX
#define HF_TIME_MINUS_INFINITY INT64_MIN
#define HF_DATE_INFINITY       INT32_MAX
#define HF_DATE_MINUS_INFINITY INT32_MIN

/* Microseconds since midnight; 24:00:00 (86,400,000,000) is legal. */
typedef struct hf_time_of_day {
	int64_t us;
} hf_time_of_day;

/* A time of day and the seconds that its zone lies east of UTC (PostgreSQL's wire counts west). */
typedef struct hf_timetz {
	int64_t us;
	int32_t east;
} hf_timetz;

/* Three fields without a normal form: a month is not a number of days. */
typedef struct hf_interval {
	int32_t months;
	int32_t days;
	int64_t us;
} hf_interval;

typedef struct hf_uuid {
	uint8_t b[16];
} hf_uuid;

/* A decimal number as text: exact. `s` NULL is SQL NULL; NaN, Infinity and -Infinity are values. */
typedef struct hf_numeric {
	const char *s;
} hf_numeric;

/* JSON text of a json or jsonb value. `s` NULL is SQL NULL; "null" is JSON's null. */
typedef struct hf_json {
	const char *s;
} hf_json;

/* An address of inet or cidr: `bits` is the length of the network part, `addr` has 4 or 16 bytes.
 */
typedef struct hf_inet {
	bool v6;
	bool is_cidr;
	uint8_t bits;
	uint8_t addr[16];
} hf_inet;

/* An address of macaddr (n = 6) or macaddr8 (n = 8). */
typedef struct hf_mac {
	uint8_t n;
	uint8_t b[8];
} hf_mac;

/* A position in the write-ahead log. */
typedef struct hf_lsn {
	uint64_t v;
} hf_lsn;

/* Nullable scalars. Text, bytes, numeric and json use a NULL pointer instead. */
typedef struct hf_bool_opt {
	bool has;
	bool v;
} hf_bool_opt;

typedef struct hf_int2_opt {
	bool has;
	int16_t v;
} hf_int2_opt;

typedef struct hf_int4_opt {
	bool has;
	int32_t v;
} hf_int4_opt;

typedef struct hf_int8_opt {
	bool has;
	int64_t v;
} hf_int8_opt;

typedef struct hf_float4_opt {
	bool has;
	float v;
} hf_float4_opt;

typedef struct hf_float8_opt {
	bool has;
	double v;
} hf_float8_opt;

typedef struct hf_timestamptz_opt {
	bool has;
	hf_timestamptz v;
} hf_timestamptz_opt;

typedef struct hf_timestamp_opt {
	bool has;
	hf_timestamp v;
} hf_timestamp_opt;

typedef struct hf_date_opt {
	bool has;
	hf_date v;
} hf_date_opt;

typedef struct hf_time_of_day_opt {
	bool has;
	hf_time_of_day v;
} hf_time_of_day_opt;

typedef struct hf_timetz_opt {
	bool has;
	hf_timetz v;
} hf_timetz_opt;

typedef struct hf_interval_opt {
	bool has;
	hf_interval v;
} hf_interval_opt;

typedef struct hf_uuid_opt {
	bool has;
	hf_uuid v;
} hf_uuid_opt;

typedef struct hf_inet_opt {
	bool has;
	hf_inet v;
} hf_inet_opt;

typedef struct hf_mac_opt {
	bool has;
	hf_mac v;
} hf_mac_opt;

typedef struct hf_lsn_opt {
	bool has;
	hf_lsn v;
} hf_lsn_opt;

/* Arrays. All have one layout; `has` false is SQL NULL. An empty array has ndim 0 and n 0. `v`
 * holds the n items in row-major order; `null` tells which of them are SQL NULL, and is NULL when
 * none is. An array read from a result is lent by it; one passed as a parameter is copied. For a
 * parameter of one dimension counted from 1, HF_ARRAY(text, items, n) fills everything in. Those of
 * json, inet and mac may be of either of two SQL types: the server takes a parameter for the one
 * that belongs there, as it takes their items. */
#define HF_MAXDIM 6
#define HF__ARRAY_OF(T)                                                                            \
	{                                                                                          \
		bool has;                                                                          \
		int ndim;                                                                          \
		int32_t dim[HF_MAXDIM], lower[HF_MAXDIM];                                          \
		size_t n;                                                                          \
		T const *v;                                                                        \
		const bool *null;                                                                  \
	}
typedef struct hf_bool_array HF__ARRAY_OF(bool) hf_bool_array;
typedef struct hf_int2_array HF__ARRAY_OF(int16_t) hf_int2_array;
typedef struct hf_int4_array HF__ARRAY_OF(int32_t) hf_int4_array;
typedef struct hf_int8_array HF__ARRAY_OF(int64_t) hf_int8_array;
typedef struct hf_float4_array HF__ARRAY_OF(float) hf_float4_array;
typedef struct hf_float8_array HF__ARRAY_OF(double) hf_float8_array;
typedef struct hf_numeric_array HF__ARRAY_OF(hf_numeric) hf_numeric_array;
typedef struct hf_text_array HF__ARRAY_OF(const char *) hf_text_array;
typedef struct hf_timestamptz_array HF__ARRAY_OF(hf_timestamptz) hf_timestamptz_array;
typedef struct hf_timestamp_array HF__ARRAY_OF(hf_timestamp) hf_timestamp_array;
typedef struct hf_date_array HF__ARRAY_OF(hf_date) hf_date_array;
typedef struct hf_uuid_array HF__ARRAY_OF(hf_uuid) hf_uuid_array;
typedef struct hf_bytes_array HF__ARRAY_OF(hf_bytes) hf_bytes_array;
typedef struct hf_time_of_day_array HF__ARRAY_OF(hf_time_of_day) hf_time_of_day_array;
typedef struct hf_timetz_array HF__ARRAY_OF(hf_timetz) hf_timetz_array;
typedef struct hf_interval_array HF__ARRAY_OF(hf_interval) hf_interval_array;
typedef struct hf_json_array HF__ARRAY_OF(hf_json) hf_json_array;
typedef struct hf_inet_array HF__ARRAY_OF(hf_inet) hf_inet_array;
typedef struct hf_mac_array HF__ARRAY_OF(hf_mac) hf_mac_array;

/* A parameter: a tag and a value. Made by HF_V or by the hf_v_ functions below. */
typedef struct hf_value {
	hf_type type;
	union {
		bool b;
		int64_t i;
		uint64_t u;
		double f;
		const char *s; /* text, numeric, json */
		hf_bytes bytes;
		hf_timestamptz timestamptz;
		hf_timestamp timestamp;
		hf_date date;
		hf_time_of_day time;
		hf_timetz timetz;
		hf_interval interval;
		hf_uuid uuid;
		hf_inet inet;
		hf_mac mac;
		hf_lsn lsn;
		const void *array; /* an hf_X_array; type is HF_T_ARRAY | HF_T_X */
	} as;
} hf_value;

static inline hf_value hf_v_null(void)
{
	hf_value v = { HF_T_NULL, { false } };

	return v;
}

static inline hf_value hf_v_bool(bool x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_BOOL;
	v.as.b = x;
	return v;
}

static inline hf_value hf_v_int8(long long x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_INT8;
	v.as.i = x;
	return v;
}

static inline hf_value hf_v_uint8(unsigned long long x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_UINT8;
	v.as.u = x;
	return v;
}

static inline hf_value hf_v_float4(float x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_FLOAT4;
	v.as.f = (double)x;
	return v;
}

static inline hf_value hf_v_float8(double x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_FLOAT8;
	v.as.f = x;
	return v;
}

static inline hf_value hf_v_text(const char *x)
{
	hf_value v = hf_v_null();

	if (!(x))
		return v;
	v.type = HF_T_TEXT;
	v.as.s = x;
	return v;
}

static inline hf_value hf_v_bytes(hf_bytes x)
{
	hf_value v = hf_v_null();

	if (!(x.data))
		return v;
	v.type = HF_T_BYTEA;
	v.as.bytes = x;
	return v;
}

static inline hf_value hf_v_numeric(hf_numeric x)
{
	hf_value v = hf_v_null();

	if (!(x.s))
		return v;
	v.type = HF_T_NUMERIC;
	v.as.s = x.s;
	return v;
}

static inline hf_value hf_v_json(hf_json x)
{
	hf_value v = hf_v_null();

	if (!(x.s))
		return v;
	v.type = HF_T_JSON;
	v.as.s = x.s;
	return v;
}

static inline hf_value hf_v_timestamptz(hf_timestamptz x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_TIMESTAMPTZ;
	v.as.timestamptz = x;
	return v;
}

static inline hf_value hf_v_timestamp(hf_timestamp x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_TIMESTAMP;
	v.as.timestamp = x;
	return v;
}

static inline hf_value hf_v_date(hf_date x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_DATE;
	v.as.date = x;
	return v;
}

static inline hf_value hf_v_time_of_day(hf_time_of_day x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_TIME;
	v.as.time = x;
	return v;
}

static inline hf_value hf_v_timetz(hf_timetz x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_TIMETZ;
	v.as.timetz = x;
	return v;
}

static inline hf_value hf_v_interval(hf_interval x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_INTERVAL;
	v.as.interval = x;
	return v;
}

static inline hf_value hf_v_uuid(hf_uuid x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_UUID;
	v.as.uuid = x;
	return v;
}

static inline hf_value hf_v_inet(hf_inet x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_INET;
	v.as.inet = x;
	return v;
}

static inline hf_value hf_v_mac(hf_mac x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_MAC;
	v.as.mac = x;
	return v;
}

static inline hf_value hf_v_lsn(hf_lsn x)
{
	hf_value v = hf_v_null();

	v.type = HF_T_LSN;
	v.as.lsn = x;
	return v;
}

static inline hf_value hf_v_bool_opt(hf_bool_opt x)
{
	return x.has ? hf_v_bool(x.v) : hf_v_null();
}

static inline hf_value hf_v_int2_opt(hf_int2_opt x)
{
	return x.has ? hf_v_int8(x.v) : hf_v_null();
}

static inline hf_value hf_v_int4_opt(hf_int4_opt x)
{
	return x.has ? hf_v_int8(x.v) : hf_v_null();
}

static inline hf_value hf_v_int8_opt(hf_int8_opt x)
{
	return x.has ? hf_v_int8(x.v) : hf_v_null();
}

static inline hf_value hf_v_float4_opt(hf_float4_opt x)
{
	return x.has ? hf_v_float4(x.v) : hf_v_null();
}

static inline hf_value hf_v_float8_opt(hf_float8_opt x)
{
	return x.has ? hf_v_float8(x.v) : hf_v_null();
}

static inline hf_value hf_v_timestamptz_opt(hf_timestamptz_opt x)
{
	return x.has ? hf_v_timestamptz(x.v) : hf_v_null();
}

static inline hf_value hf_v_timestamp_opt(hf_timestamp_opt x)
{
	return x.has ? hf_v_timestamp(x.v) : hf_v_null();
}

static inline hf_value hf_v_date_opt(hf_date_opt x)
{
	return x.has ? hf_v_date(x.v) : hf_v_null();
}

static inline hf_value hf_v_time_of_day_opt(hf_time_of_day_opt x)
{
	return x.has ? hf_v_time_of_day(x.v) : hf_v_null();
}

static inline hf_value hf_v_timetz_opt(hf_timetz_opt x)
{
	return x.has ? hf_v_timetz(x.v) : hf_v_null();
}

static inline hf_value hf_v_interval_opt(hf_interval_opt x)
{
	return x.has ? hf_v_interval(x.v) : hf_v_null();
}

static inline hf_value hf_v_uuid_opt(hf_uuid_opt x)
{
	return x.has ? hf_v_uuid(x.v) : hf_v_null();
}

static inline hf_value hf_v_inet_opt(hf_inet_opt x)
{
	return x.has ? hf_v_inet(x.v) : hf_v_null();
}

static inline hf_value hf_v_mac_opt(hf_mac_opt x)
{
	return x.has ? hf_v_mac(x.v) : hf_v_null();
}

static inline hf_value hf_v_lsn_opt(hf_lsn_opt x)
{
	return x.has ? hf_v_lsn(x.v) : hf_v_null();
}

static inline hf_value hf__v_array(bool has, int element, const void *array)
{
	hf_value v = hf_v_null();

	if (!has)
		return v;
	v.type = (hf_type)((int)HF_T_ARRAY | element);
	v.as.array = array;
	return v;
}

/* Arrays are passed by pointer: &(hf_int4_array){...} or &HF_ARRAY(int4, items, n). As an argument
 * of hf_query and its kin a literal with a comma in it needs parentheses around it, or the
 * preprocessor splits it:
 * (&(hf_int4_array){ .has = true, … }), ((hf_interval){ .days = 2, .us = 3 }). In HF_ARRAY(text, …)
 * a NULL item is SQL NULL. */
static inline hf_value hf_v_bool_array(const hf_bool_array *x)
{
	return hf__v_array(x && x->has, HF_T_BOOL, x);
}

static inline hf_value hf_v_int2_array(const hf_int2_array *x)
{
	return hf__v_array(x && x->has, HF_T_INT2, x);
}

static inline hf_value hf_v_int4_array(const hf_int4_array *x)
{
	return hf__v_array(x && x->has, HF_T_INT4, x);
}

static inline hf_value hf_v_int8_array(const hf_int8_array *x)
{
	return hf__v_array(x && x->has, HF_T_INT8, x);
}

static inline hf_value hf_v_float4_array(const hf_float4_array *x)
{
	return hf__v_array(x && x->has, HF_T_FLOAT4, x);
}

static inline hf_value hf_v_float8_array(const hf_float8_array *x)
{
	return hf__v_array(x && x->has, HF_T_FLOAT8, x);
}

static inline hf_value hf_v_numeric_array(const hf_numeric_array *x)
{
	return hf__v_array(x && x->has, HF_T_NUMERIC, x);
}

static inline hf_value hf_v_text_array(const hf_text_array *x)
{
	return hf__v_array(x && x->has, HF_T_TEXT, x);
}

static inline hf_value hf_v_timestamptz_array(const hf_timestamptz_array *x)
{
	return hf__v_array(x && x->has, HF_T_TIMESTAMPTZ, x);
}

static inline hf_value hf_v_timestamp_array(const hf_timestamp_array *x)
{
	return hf__v_array(x && x->has, HF_T_TIMESTAMP, x);
}

static inline hf_value hf_v_date_array(const hf_date_array *x)
{
	return hf__v_array(x && x->has, HF_T_DATE, x);
}

static inline hf_value hf_v_uuid_array(const hf_uuid_array *x)
{
	return hf__v_array(x && x->has, HF_T_UUID, x);
}

static inline hf_value hf_v_bytes_array(const hf_bytes_array *x)
{
	return hf__v_array(x && x->has, HF_T_BYTEA, x);
}

static inline hf_value hf_v_time_of_day_array(const hf_time_of_day_array *x)
{
	return hf__v_array(x && x->has, HF_T_TIME, x);
}

static inline hf_value hf_v_timetz_array(const hf_timetz_array *x)
{
	return hf__v_array(x && x->has, HF_T_TIMETZ, x);
}

static inline hf_value hf_v_interval_array(const hf_interval_array *x)
{
	return hf__v_array(x && x->has, HF_T_INTERVAL, x);
}

static inline hf_value hf_v_json_array(const hf_json_array *x)
{
	return hf__v_array(x && x->has, HF_T_JSON, x);
}

static inline hf_value hf_v_inet_array(const hf_inet_array *x)
{
	return hf__v_array(x && x->has, HF_T_INET, x);
}

static inline hf_value hf_v_mac_array(const hf_mac_array *x)
{
	return hf__v_array(x && x->has, HF_T_MAC, x);
}

/* A value that was made before, in place of an argument. */
static inline hf_value hf_v_value(hf_value x)
{
	return x;
}

static inline hf_bytes hf_blob(const void *data, size_t len)
{
	hf_bytes b = { data, len };

	return b;
}

HF__END

#ifndef __cplusplus

/* HF_SOME(42) initialises any hf_X_opt: hf_int4_opt age = HF_SOME(42); */
#define HF_SOME(x)                                                                                 \
	{                                                                                          \
		.has = true, .v = (x)                                                              \
	}

/* HF_ARRAY(int4, items, n): an array of one dimension, counted from 1, for a parameter. */
#define HF_ARRAY(name, items, count)                                                               \
	((const hf_##name##_array){ .has = true,                                                   \
		.ndim = (count) ? 1 : 0,                                                           \
		.dim = { (int32_t)(count) },                                                       \
		.lower = { 1 },                                                                    \
		.n = (size_t)(count),                                                              \
		.v = (items) })

/* HF_V(x): a tagged value from a C expression; x is evaluated once. There is no default branch: an
 * unknown type does not compile. Base types, not intN_t: which of them int64_t names differs by
 * platform. */
/* clang-format off */
#define HF_V(x) _Generic((x), \
	bool: hf_v_bool, \
	signed char: hf_v_int8, \
	short: hf_v_int8, \
	int: hf_v_int8, \
	long: hf_v_int8, \
	long long: hf_v_int8, \
	unsigned char: hf_v_uint8, \
	unsigned short: hf_v_uint8, \
	unsigned: hf_v_uint8, \
	unsigned long: hf_v_uint8, \
	unsigned long long: hf_v_uint8, \
	float: hf_v_float4, \
	double: hf_v_float8, \
	char *: hf_v_text, \
	const char *: hf_v_text, \
	hf_bytes: hf_v_bytes, \
	hf_numeric: hf_v_numeric, \
	hf_json: hf_v_json, \
	hf_timestamptz: hf_v_timestamptz, \
	hf_timestamp: hf_v_timestamp, \
	hf_date: hf_v_date, \
	hf_time_of_day: hf_v_time_of_day, \
	hf_timetz: hf_v_timetz, \
	hf_interval: hf_v_interval, \
	hf_uuid: hf_v_uuid, \
	hf_inet: hf_v_inet, \
	hf_mac: hf_v_mac, \
	hf_lsn: hf_v_lsn, \
	hf_bool_opt: hf_v_bool_opt, \
	hf_int2_opt: hf_v_int2_opt, \
	hf_int4_opt: hf_v_int4_opt, \
	hf_int8_opt: hf_v_int8_opt, \
	hf_float4_opt: hf_v_float4_opt, \
	hf_float8_opt: hf_v_float8_opt, \
	hf_timestamptz_opt: hf_v_timestamptz_opt, \
	hf_timestamp_opt: hf_v_timestamp_opt, \
	hf_date_opt: hf_v_date_opt, \
	hf_time_of_day_opt: hf_v_time_of_day_opt, \
	hf_timetz_opt: hf_v_timetz_opt, \
	hf_interval_opt: hf_v_interval_opt, \
	hf_uuid_opt: hf_v_uuid_opt, \
	hf_inet_opt: hf_v_inet_opt, \
	hf_mac_opt: hf_v_mac_opt, \
	hf_lsn_opt: hf_v_lsn_opt, \
	hf_bool_array *: hf_v_bool_array, \
	const hf_bool_array *: hf_v_bool_array, \
	hf_int2_array *: hf_v_int2_array, \
	const hf_int2_array *: hf_v_int2_array, \
	hf_int4_array *: hf_v_int4_array, \
	const hf_int4_array *: hf_v_int4_array, \
	hf_int8_array *: hf_v_int8_array, \
	const hf_int8_array *: hf_v_int8_array, \
	hf_float4_array *: hf_v_float4_array, \
	const hf_float4_array *: hf_v_float4_array, \
	hf_float8_array *: hf_v_float8_array, \
	const hf_float8_array *: hf_v_float8_array, \
	hf_numeric_array *: hf_v_numeric_array, \
	const hf_numeric_array *: hf_v_numeric_array, \
	hf_text_array *: hf_v_text_array, \
	const hf_text_array *: hf_v_text_array, \
	hf_timestamptz_array *: hf_v_timestamptz_array, \
	const hf_timestamptz_array *: hf_v_timestamptz_array, \
	hf_timestamp_array *: hf_v_timestamp_array, \
	const hf_timestamp_array *: hf_v_timestamp_array, \
	hf_date_array *: hf_v_date_array, \
	const hf_date_array *: hf_v_date_array, \
	hf_uuid_array *: hf_v_uuid_array, \
	const hf_uuid_array *: hf_v_uuid_array, \
	hf_bytes_array *: hf_v_bytes_array, \
	const hf_bytes_array *: hf_v_bytes_array, \
	hf_time_of_day_array *: hf_v_time_of_day_array, \
	const hf_time_of_day_array *: hf_v_time_of_day_array, \
	hf_timetz_array *: hf_v_timetz_array, \
	const hf_timetz_array *: hf_v_timetz_array, \
	hf_interval_array *: hf_v_interval_array, \
	const hf_interval_array *: hf_v_interval_array, \
	hf_json_array *: hf_v_json_array, \
	const hf_json_array *: hf_v_json_array, \
	hf_inet_array *: hf_v_inet_array, \
	const hf_inet_array *: hf_v_inet_array, \
	hf_mac_array *: hf_v_mac_array, \
	const hf_mac_array *: hf_v_mac_array, \
	hf_value: hf_v_value)(x)

/* HF__SQL(sql, a, b...) -> sql, (const hf_value[]){ HF_V(a), HF_V(b) }, 2      up to 32 arguments */
#define HF__PICK(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, a33, n, ...) n
#define HF__COUNT(...) HF__PICK(__VA_ARGS__, HF_ERROR_more_than_32_arguments, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define HF__CAT_(a, b) a##b
#define HF__CAT(a, b) HF__CAT_(a, b)
#define HF__EACH(...) HF__CAT(HF__E, HF__COUNT(__VA_ARGS__))(__VA_ARGS__)
#define HF__E1(a) HF_V(a)
#define HF__E2(a, ...) HF_V(a), HF__E1(__VA_ARGS__)
#define HF__E3(a, ...) HF_V(a), HF__E2(__VA_ARGS__)
#define HF__E4(a, ...) HF_V(a), HF__E3(__VA_ARGS__)
#define HF__E5(a, ...) HF_V(a), HF__E4(__VA_ARGS__)
#define HF__E6(a, ...) HF_V(a), HF__E5(__VA_ARGS__)
#define HF__E7(a, ...) HF_V(a), HF__E6(__VA_ARGS__)
#define HF__E8(a, ...) HF_V(a), HF__E7(__VA_ARGS__)
#define HF__E9(a, ...) HF_V(a), HF__E8(__VA_ARGS__)
#define HF__E10(a, ...) HF_V(a), HF__E9(__VA_ARGS__)
#define HF__E11(a, ...) HF_V(a), HF__E10(__VA_ARGS__)
#define HF__E12(a, ...) HF_V(a), HF__E11(__VA_ARGS__)
#define HF__E13(a, ...) HF_V(a), HF__E12(__VA_ARGS__)
#define HF__E14(a, ...) HF_V(a), HF__E13(__VA_ARGS__)
#define HF__E15(a, ...) HF_V(a), HF__E14(__VA_ARGS__)
#define HF__E16(a, ...) HF_V(a), HF__E15(__VA_ARGS__)
#define HF__E17(a, ...) HF_V(a), HF__E16(__VA_ARGS__)
#define HF__E18(a, ...) HF_V(a), HF__E17(__VA_ARGS__)
#define HF__E19(a, ...) HF_V(a), HF__E18(__VA_ARGS__)
#define HF__E20(a, ...) HF_V(a), HF__E19(__VA_ARGS__)
#define HF__E21(a, ...) HF_V(a), HF__E20(__VA_ARGS__)
#define HF__E22(a, ...) HF_V(a), HF__E21(__VA_ARGS__)
#define HF__E23(a, ...) HF_V(a), HF__E22(__VA_ARGS__)
#define HF__E24(a, ...) HF_V(a), HF__E23(__VA_ARGS__)
#define HF__E25(a, ...) HF_V(a), HF__E24(__VA_ARGS__)
#define HF__E26(a, ...) HF_V(a), HF__E25(__VA_ARGS__)
#define HF__E27(a, ...) HF_V(a), HF__E26(__VA_ARGS__)
#define HF__E28(a, ...) HF_V(a), HF__E27(__VA_ARGS__)
#define HF__E29(a, ...) HF_V(a), HF__E28(__VA_ARGS__)
#define HF__E30(a, ...) HF_V(a), HF__E29(__VA_ARGS__)
#define HF__E31(a, ...) HF_V(a), HF__E30(__VA_ARGS__)
#define HF__E32(a, ...) HF_V(a), HF__E31(__VA_ARGS__)
#define HF__EHF_ERROR_more_than_32_arguments(...) HF_ERROR_more_than_32_arguments
#define HF__S1(q) (q), NULL, 0
#define HF__SN(q, ...) (q), (const hf_value[]){ HF__EACH(__VA_ARGS__) }, HF__COUNT(__VA_ARGS__)
#define HF__SX(...) HF_ERROR_more_than_32_arguments
#define HF__PICK_AFTER(q, ...) HF__PICK(__VA_ARGS__)
#define HF__SEL(...) HF__PICK_AFTER(__VA_ARGS__, HF__SX, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__SN, HF__S1, 0)
#define HF__SQL(...) HF__SEL(__VA_ARGS__)(__VA_ARGS__)
/* clang-format on */

#endif

#endif
