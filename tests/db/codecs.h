/* SPDX-License-Identifier: MIT */
/* A connection of libpq's own, for tests of the codecs against a server. All fail the running case,
 * and say why, when they cannot do what they promise. */
#ifndef HF_TESTS_CODECS_H
#define HF_TESTS_CODECS_H

#include "helpers.h"

#include "value/codec.h"
#include "value/type.h"

#include <libpq-fe.h>

/* One value that a server is asked for. `tag` 0: it has no C type, or no room in it. */
typedef struct t_sample {
	const char *type, *text;
	int tag;
} t_sample;

/* Of every type, its extremes among them. */
extern const t_sample t_samples[];
extern const size_t t_n_samples;

/* Room for any destination. */
typedef union t_any {
	int16_t int2;
	int32_t int4;
	int64_t int8;
	float float4;
	double float8;
	hf_bytes bytes;
	hf__any_array array;
	char room[128];
} t_any;

/* What was read into it, as a value that is lent by it. */
hf_value t_value_of(int tag, const t_any *x);

/* What t_connect_as has made; PQfinish() is yours. */
extern PGconn *t_conn;

/* Connects: UTF-8, ISO dates, UTC, and then these `settings`. */
void t_connect_as(const char *settings);

/* What a query gives, in this format (0 text, 1 binary); `p` may be NULL. PQclear() is yours. */
PGresult *t_run(const char *sql, const hf__params *p, int format);

/* The same for one value: what the server writes for `text` as a `type`. */
PGresult *t_ask(const char *type, const char *text, int format);

/* The first column of the first row, lent by `res`. */
hf__cell t_cell_of(const PGresult *res);

/* Decodes that cell into `out`, which must work; `what` is for the message. */
void t_decode_ok(const PGresult *res, int tag, void *out, const char *what);

#endif
