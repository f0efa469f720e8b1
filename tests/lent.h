/* SPDX-License-Identifier: MIT */
/* The lender of memory that decoding takes, for tests of the codecs. */
#ifndef HF_TESTS_LENT_H
#define HF_TESTS_LENT_H

#include <stddef.h>

/* Lent by nobody in particular, for any `owner`; gone with the process of the case, and in sight of
 * leak checkers until then. NULL: no memory. */
void *t_lend(void *owner, size_t n);

#endif
