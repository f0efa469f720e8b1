/* SPDX-License-Identifier: MIT */
/* The lender of memory that decoding takes, for tests of the codecs. */
#include "lent.h"

#include <stdlib.h>

static struct lent {
	struct lent *next;
	max_align_t data[];
} * all_lent;

void *t_lend(void *owner, size_t n)
{
	struct lent *l = malloc(sizeof *l + n);

	(void)owner;
	if (!l)
		return NULL;
	l->next = all_lent;
	all_lent = l;
	return l->data;
}
