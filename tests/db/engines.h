/* SPDX-License-Identifier: MIT */
/* Two databases of one server, for what spans several: the shop is t_dsn()'s, the bank one of its
 * own. Each has the table part (id int primary key, what text). */
#ifndef HF_TESTS_ENGINES_H
#define HF_TESTS_ENGINES_H

#include "fixture.h"

/* Makes both databases' tables anew. Call it before pools are opened. */
void t_engines(void);

/* The bank's connection string, like t_dsn() for the shop. Lent for ever. */
const char *t_bank_dsn(void);

/* t_psql_int at the bank. */
long long t_bank_int(const char *sql);

/* The rows of part: of the shop times 100, plus those of the bank. */
int t_parts(void);

/* Prepared transactions at the server, in both databases. */
int t_prepared(void);

#endif
