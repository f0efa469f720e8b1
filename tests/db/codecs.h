/* SPDX-License-Identifier: MIT */
/* A connection of libpq's own, for tests of the codecs against a server. All fail the running case,
 * and say why, when they cannot do what they promise. */
#ifndef HF_TESTS_CODECS_H
#define HF_TESTS_CODECS_H

#include "helpers.h"

#include "value/codec.h"

#include <libpq-fe.h>

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
