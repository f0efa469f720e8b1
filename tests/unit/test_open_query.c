/* SPDX-License-Identifier: MIT */
/* Which queries are open: without a limit to their rows, so that they are worth a faster format. */
#include "check_main.h"

#include "model/statement.h"

#include <holdfast.h>

struct person {
	int32_t id;
};
static const hf_column person_columns[] = {
	HF_COLUMN(person, id, INT4, NOT_NULL, HF_SERIAL),
};
HF_TABLE(person, .name = "person");

#define OPEN(...) hf__is_open(HF__CLAUSES(__VA_ARGS__))

START_TEST(test_clauses)
{
	ck_assert(OPEN(HF_ALL));
	ck_assert(OPEN(HF_WHERE(HF_EQ(person, id, 1))));
	ck_assert(!OPEN(HF_ALL, HF_LIMIT(20)));
	ck_assert(!OPEN(HF_LIMIT(0)));
	ck_assert(OPEN(HF_LIMIT(-1)));
	ck_assert(OPEN(HF_LIMIT(HF_FOREVER)));
	ck_assert(!OPEN(HF_LIMIT(-1), HF_LIMIT(20))); /* the last counts */
	ck_assert(OPEN(HF_LIMIT(20), HF_LIMIT(-1)));
}
END_TEST

START_TEST(test_find)
{
	hf_find *f = hf_find_new(&person_table);

	ck_assert_ptr_nonnull(f);
	ck_assert(OPEN(HF_MATCHING(f)));
	ck_assert(!OPEN(HF_MATCHING(f), HF_LIMIT(20)));
	hf_find_limit(f, 20);
	ck_assert(!OPEN(HF_MATCHING(f)));
	ck_assert(OPEN(HF_MATCHING(f), HF_LIMIT(-1)));
	ck_assert(!OPEN(HF_LIMIT(-1), HF_MATCHING(f)));
	hf_find_limit(f, -1);
	ck_assert(OPEN(HF_MATCHING(f)));
	ck_assert(!OPEN(HF_LIMIT(20), HF_MATCHING(f))); /* which says nothing of it */
	hf_find_unref(f);
	ck_assert(OPEN(HF_MATCHING(NULL))); /* is told when it is put together */
}
END_TEST

T_MAIN("open_query", { "a query is open where it has no limit", test_clauses, 0 },
	{ "the limit of conditions that were collected", test_find, 0 })
