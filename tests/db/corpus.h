/* SPDX-License-Identifier: MIT */
/* What test_corpus does with one table, in two files. */
#ifndef HF_TESTS_CORPUS_H
#define HF_TESTS_CORPUS_H

#include "catalog.h"
#include "models.h"

#include <inttypes.h>

#define ROWS 7 /* of each table */

struct suite {
	hf_pool *pool;
	hf_session *s;
	const struct t_table *t;
	uint64_t seed, first_seed;
};

/* What fails names the table, and the seed to see it again. */
void must_be(struct suite *c, hf_status st, hf_status wanted, const char *what);
void must_equal(struct suite *c, const void *a, const void *b, const char *what);

/* Conditions on the key, ended; room for HF_MAX_KEY. */
void by_key(const struct t_table *t, const void *row, hf_term *terms);

/* The row with this one's key. */
void *read_one(struct suite *c, const void *row, hf_status wanted);

bool is_among(struct suite *c, const void *row, hf_rows *found);

/* The verbs but the plain ones, on ROWS rows that are in the table; and of a table without a key.
 * The table has the rows afterwards, as they stand there. */
void other_verbs(struct suite *c, char *rows);
void other_verbs_without_key(struct suite *c, char *rows);

/* The tables are dropped, made of their descriptions, and read again from the catalog: what they
 * were, they are. Views and all else that leaned on them are gone. */
struct t_table *make_again(struct suite *c, struct t_table *tables, size_t n);
void drop_all(struct suite *c, struct t_table *tables, size_t n);

#endif
