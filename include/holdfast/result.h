/* SPDX-License-Identifier: MIT */
/* Results and rows.
 *
 * A result is immutable once you have it and may be shared between threads; everything read from it
 * (texts, bytes, arrays) is lent by it and lives as long as it does. A row is two words by value.
 */
#ifndef HOLDFAST_RESULT_H
#define HOLDFAST_RESULT_H

#include <holdfast/status.h>
#include <holdfast/value.h>

HF__BEGIN

typedef struct hf_result hf_result;

typedef struct hf_row {
	const hf_result *res;
	size_t n;
} hf_row;

/* Where a column goes: a tag and a pointer. Made by HF_TO. */
typedef struct hf_dest {
	int type; /* an hf_type, with its flags */
	void *ptr;
} hf_dest;

/* Accessors accept NULL: no rows, no columns. */
HF_API size_t hf_result_rows(const hf_result *r);
HF_API int hf_result_columns(const hf_result *r);
HF_API const char *hf_result_column_name(const hf_result *r, int col); /* NULL: no such column */
HF_API int hf_result_column(const hf_result *r, const char *name);  /* the first so named, or -1 */
HF_API uint32_t hf_result_column_type(const hf_result *r, int col); /* its type's oid, or 0 */

/* Rows that the statement inserted, updated, deleted or returned, from its command tag. A statement
 * that counts nothing: 0. */
HF_API int64_t hf_result_affected(const hf_result *r);
HF_API const char *hf_result_tag(const hf_result *r); /* "UPDATE 3"; "" when there is none */

/* The results of a script: hf_result_count() of them, in order. The result that its future gives is
 * the last. Any other result counts 1 and holds itself. The results of a script are lent by the
 * last. */
HF_API size_t hf_result_count(const hf_result *r);
HF_API const hf_result *hf_result_at(const hf_result *r, size_t i); /* NULL beyond the end */

/* Notices (RAISE NOTICE, WARNING) that the server sent while the statement ran, one per line,
 * oldest first; "" when there were none. */
HF_API const char *hf_result_notices(const hf_result *r);

/* A further reference, for keeping a result beyond the object that lent it, and the release of one.
 */
HF_OWNED hf_result *hf_result_ref(const hf_result *r);
HF_API hf_result *hf_result_unref(hf_result *r);

static inline hf_row hf_result_row(const hf_result *r, size_t n)
{
	hf_row row = { r, n };

	return row;
}

/* Quick ways, without a status. A row or column that does not exist reads as NULL. */
HF_API bool hf_row_is_null(hf_row row, int col);
HF_API const char *hf_row_text(
	hf_row row, int col);                      /* as the server writes it; NULL for SQL NULL */
HF_API hf_bytes hf_row_bytes(hf_row row, int col); /* a bytea's bytes, any other type's text */
HF_API int64_t hf_row_int8(
	hf_row row, int col, int64_t otherwise); /* NULL, no integer: otherwise */
HF_API double hf_row_float8(hf_row row, int col, double otherwise);
HF_API bool hf_row_bool(hf_row row, int col, bool otherwise);

/* Reads one column by name, or n columns by position from the first on, into typed destinations.
 *
 * HF_E_TYPE: the column's type does not fit the destination, or its value is out of the
 * destination's range (never wrapped). HF_E_NULL: SQL NULL into a plain scalar; hf_X_opt, text,
 * bytes, numeric, json and arrays can hold it. HF_E_NO_ROWS: the result has no such row.
 * HF_E_MISUSE: no such column, no such destination. A numeric column may be read as double on
 * request, and as an integer if it is one. Any type may be read as text. Destinations before the
 * failing one have been written. out_error, when not NULL, receives the story, which is yours to
 * unref. */
HF_CHECK hf_status hf_row_read(hf_row row, const char *column, hf_dest to, hf_error **out_error);
HF_CHECK hf_status hf_row_scan_v(hf_row row, const hf_dest *to, size_t n, hf_error **out_error);

/* A streamed query calls it on its worker for each row, in order; row and what is read from it live
 * until it returns. Anything but HF_OK stops the query, and that is its outcome (HF_E_USER where it
 * is HF_PENDING). */
typedef hf_status hf_row_fn(hf_row row, void *arg);

HF__END

#ifndef __cplusplus

/* clang-format off */
#define HF__LONG (sizeof(long) == 8 ? HF_T_INT8 : HF_T_INT4)
/* HF_TO(&x): a destination, tagged by the type of the pointer. An unknown type does not compile. */
#define HF_TO(p) ((hf_dest){ _Generic((p), \
	bool *: HF_T_BOOL, \
	short *: HF_T_INT2, \
	int *: HF_T_INT4, \
	long *: HF__LONG, \
	long long *: HF_T_INT8, \
	float *: HF_T_FLOAT4, \
	double *: HF_T_FLOAT8, \
	const char **: HF_T_TEXT, \
	hf_bytes *: HF_T_BYTEA, \
	hf_numeric *: HF_T_NUMERIC, \
	hf_json *: HF_T_JSON, \
	hf_timestamptz *: HF_T_TIMESTAMPTZ, \
	hf_timestamp *: HF_T_TIMESTAMP, \
	hf_date *: HF_T_DATE, \
	hf_time_of_day *: HF_T_TIME, \
	hf_timetz *: HF_T_TIMETZ, \
	hf_interval *: HF_T_INTERVAL, \
	hf_uuid *: HF_T_UUID, \
	hf_inet *: HF_T_INET, \
	hf_mac *: HF_T_MAC, \
	hf_lsn *: HF_T_LSN, \
	hf_bool_opt *: HF_T_BOOL | HF_T_OPT, \
	hf_int2_opt *: HF_T_INT2 | HF_T_OPT, \
	hf_int4_opt *: HF_T_INT4 | HF_T_OPT, \
	hf_int8_opt *: HF_T_INT8 | HF_T_OPT, \
	hf_float4_opt *: HF_T_FLOAT4 | HF_T_OPT, \
	hf_float8_opt *: HF_T_FLOAT8 | HF_T_OPT, \
	hf_timestamptz_opt *: HF_T_TIMESTAMPTZ | HF_T_OPT, \
	hf_timestamp_opt *: HF_T_TIMESTAMP | HF_T_OPT, \
	hf_date_opt *: HF_T_DATE | HF_T_OPT, \
	hf_time_of_day_opt *: HF_T_TIME | HF_T_OPT, \
	hf_timetz_opt *: HF_T_TIMETZ | HF_T_OPT, \
	hf_interval_opt *: HF_T_INTERVAL | HF_T_OPT, \
	hf_uuid_opt *: HF_T_UUID | HF_T_OPT, \
	hf_inet_opt *: HF_T_INET | HF_T_OPT, \
	hf_mac_opt *: HF_T_MAC | HF_T_OPT, \
	hf_lsn_opt *: HF_T_LSN | HF_T_OPT, \
	hf_bool_array *: HF_T_BOOL | HF_T_ARRAY, \
	hf_int2_array *: HF_T_INT2 | HF_T_ARRAY, \
	hf_int4_array *: HF_T_INT4 | HF_T_ARRAY, \
	hf_int8_array *: HF_T_INT8 | HF_T_ARRAY, \
	hf_float4_array *: HF_T_FLOAT4 | HF_T_ARRAY, \
	hf_float8_array *: HF_T_FLOAT8 | HF_T_ARRAY, \
	hf_numeric_array *: HF_T_NUMERIC | HF_T_ARRAY, \
	hf_text_array *: HF_T_TEXT | HF_T_ARRAY, \
	hf_timestamptz_array *: HF_T_TIMESTAMPTZ | HF_T_ARRAY, \
	hf_timestamp_array *: HF_T_TIMESTAMP | HF_T_ARRAY, \
	hf_date_array *: HF_T_DATE | HF_T_ARRAY, \
	hf_uuid_array *: HF_T_UUID | HF_T_ARRAY, \
	hf_bytes_array *: HF_T_BYTEA | HF_T_ARRAY, \
	hf_time_of_day_array *: HF_T_TIME | HF_T_ARRAY, \
	hf_timetz_array *: HF_T_TIMETZ | HF_T_ARRAY, \
	hf_interval_array *: HF_T_INTERVAL | HF_T_ARRAY, \
	hf_json_array *: HF_T_JSON | HF_T_ARRAY, \
	hf_inet_array *: HF_T_INET | HF_T_ARRAY, \
	hf_mac_array *: HF_T_MAC | HF_T_ARRAY), (p) })
/* clang-format on */

/* hf_row_scan(row, HF_TO(&id), HF_TO(&name)): columns 0, 1, … in order. */
#define hf_row_scan(row, ...)                                                                      \
	hf_row_scan_v((row), (const hf_dest[]){ __VA_ARGS__ },                                     \
		sizeof((const hf_dest[]){ __VA_ARGS__ }) / sizeof(hf_dest), NULL)

/* for each row of a result: HF_FOREACH_ROW (row, res) { ... } */
#define HF_FOREACH_ROW(row, result)                                                                \
	for (hf_row row = hf_result_row((result), 0); row.n < hf_result_rows(row.res); row.n++)

#endif

#endif
