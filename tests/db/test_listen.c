/* SPDX-License-Identifier: MIT */
/* Listening: what comes, in which order, to whom. */
#include "listening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each UPDATE tells its row, as gDBPool's example has it. */
static void make_trigger(void)
{
	t_test_values(500);
	free(t_psql("create function tell() returns trigger language plpgsql as $$ begin"
		    " perform pg_notify('notify_test_values',"
		    " 'id:' || new.id || '|val1:' || new.val1); return new; end $$;"
		    "create trigger tell after update on test_values for each row"
		    " execute function tell()"));
}

/* Twin of the listen_on example in gDBPool's README. */
START_TEST(test_listen_on_example)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(
		p, HF_LISTEN_OPTS(.decode = hf_pairs_decode, .free_decoded = hf_pairs_free));
	const hf_notice *n;
	const hf_pairs *pairs;

	make_trigger();
	t_listen(l, "notify_test_values");
	ck_assert_int_eq(hf_listener_next(l, 0, &n), HF_PENDING);
	t_done(hf_query(p, "update test_values set val1 = $1 where id = $2", 123, 459));
	n = t_notice(l);
	ck_assert_str_eq(n->channel, "notify_test_values");
	ck_assert_str_eq(n->payload, "id:459|val1:123");
	ck_assert_int_gt(n->pid, 0);
	ck_assert(!n->malformed);
	pairs = n->decoded;
	ck_assert_uint_eq(pairs->n, 2);
	ck_assert_str_eq(hf_pairs_get(pairs, "id"), "459");
	ck_assert_str_eq(hf_pairs_get(pairs, "val1"), "123");
	ck_assert_int_eq(hf_listener_next(l, 50, &n), HF_PENDING);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

START_TEST(test_order)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);

	t_listen(l, "numbers");
	t_done(hf_script(
		p, "select pg_notify('numbers', i::text) from generate_series(1, 1000) i"));
	for (int i = 1; i <= 1000; i++)
		ck_assert_int_eq(atoi(t_notice(l)->payload), i);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

T_MAIN("listen", { "E1 an UPDATE of a row arrives with its values", test_listen_on_example, 0 },
	{ "E3 1,000 notices of one transaction arrive in order", test_order, 0 })
