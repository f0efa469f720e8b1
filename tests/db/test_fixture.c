/* SPDX-License-Identifier: MIT */
/* The fixture: what the other tests of the library against a server rely on. */
#include "fixture.h"

START_TEST(test_fixture)
{
	hf_pool *p;

	t_test_values(100);
	ck_assert_int_eq(t_backends(), 0);
	p = t_pool(HF_POOL_OPTS(.min_conns = 2, .max_conns = 3));
	t_wait_idle(p, 2);
	ck_assert_int_eq(t_backends(), 2);
	ck_assert_int_eq(t_int(hf_query(p, "select count(*) from test_values")), 100);
	t_failed(hf_query(p, "ESLECT 1"), HF_E_SQL);
	t_close(p);
	t_wait_backends(0);
}
END_TEST

T_MAIN("fixture", { "pools of a test open, count and close", test_fixture, 0 })
