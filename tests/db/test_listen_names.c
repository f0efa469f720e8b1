/* SPDX-License-Identifier: MIT */
/* Names of channels and payloads: quoted, checked, whole. */
#include "listening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEIRD "Mixed\"Case; DROP"

START_TEST(test_weird)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	const hf_notice *n;

	t_listen(l, WEIRD);
	t_listen(l, "Case");
	free(t_psql("notify \"Mixed\"\"Case; DROP\", 'from psql'"));
	n = t_notice(l);
	ck_assert_str_eq(n->channel, WEIRD);
	ck_assert_str_eq(n->payload, "from psql");
	t_notify(p, WEIRD, "from us");
	ck_assert_str_eq(t_notice(l)->payload, "from us");
	free(t_psql("notify \"case\", 'another channel'"));
	t_notify(p, "Case", NULL);
	n = t_notice(l);
	ck_assert_str_eq(n->channel, "Case");
	ck_assert_str_eq(n->payload, "");
	t_unlisten(l, WEIRD);
	t_notify(p, WEIRD, "nobody hears");
	ck_assert_int_eq(hf_listener_next(l, 20, &n), HF_PENDING);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

static void name_of(char *name, size_t n)
{
	memset(name, 'n', n);
	name[n] = '\0';
}

static void says(const hf_error *e, const char *one, const char *two)
{
	const char *m = hf_error_message(e);

	if (!strstr(m, one) || !strstr(m, two))
		ck_abort_msg("\"%s\" says nothing of \"%s\" or \"%s\"", m, one, two);
}

START_TEST(test_name_limits)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	char name[80];
	hf_future *f;

	name_of(name, 63);
	t_listen(l, name);
	t_notify(p, name, "fits");
	ck_assert_str_eq(t_notice(l)->channel, name);
	name_of(name, 64);
	f = hf_listener_add(l, name);
	says(t_fails(f, HF_E_TOO_LARGE), "channel \"nnnn", "63");
	hf_future_unref(f);
	f = hf_notify(p, name, "x");
	says(t_fails(f, HF_E_TOO_LARGE), "has 64 bytes", "limit is 63");
	hf_future_unref(f);
	t_failed(hf_listener_add(l, ""), HF_E_MISUSE);
	t_failed(hf_listener_add(l, NULL), HF_E_MISUSE);
	t_failed(hf_listener_add(l, "\xff"), HF_E_MISUSE);
	t_failed(hf_notify(p, NULL, "x"), HF_E_MISUSE);
	t_failed(hf_notify(p, "", "x"), HF_E_MISUSE);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

START_TEST(test_payload_limits)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	char payload[8001];
	uint64_t before;
	hf_future *f;

	t_listen(l, "large");
	name_of(payload, HF_PAYLOAD_BYTES);
	t_notify(p, "large", payload);
	ck_assert_str_eq(t_notice(l)->payload, payload);
	name_of(payload, HF_PAYLOAD_BYTES + 1);
	before = t_stats(p).completed;
	f = hf_notify(p, "large", payload);
	says(t_fails(f, HF_E_TOO_LARGE), "channel \"large\" has 8000 bytes", "limit is 7999");
	hf_future_unref(f);
	ck_assert_uint_eq(t_stats(p).completed, before);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

START_TEST(test_decoder)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(
		p, HF_LISTEN_OPTS(.decode = hf_pairs_decode, .free_decoded = hf_pairs_free));
	const hf_notice *n;

	t_listen(l, "pairs");
	t_notify(p, "pairs", "at:12:30:00|url:https://x.org/|empty:");
	n = t_notice(l);
	ck_assert(!n->malformed);
	ck_assert_str_eq(hf_pairs_get(n->decoded, "at"), "12:30:00");
	ck_assert_str_eq(hf_pairs_get(n->decoded, "url"), "https://x.org/");
	ck_assert_str_eq(hf_pairs_get(n->decoded, "empty"), "");
	ck_assert_ptr_null(hf_pairs_get(n->decoded, "none"));
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

START_TEST(test_malformed)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(
		p, HF_LISTEN_OPTS(.decode = hf_pairs_decode, .free_decoded = hf_pairs_free));
	const hf_notice *n;

	t_listen(l, "pairs");
	t_notify(p, "pairs", "garbage");
	t_notify(p, "pairs", "id:1");
	n = t_notice(l);
	ck_assert(n->malformed);
	ck_assert_ptr_null(n->decoded);
	ck_assert_str_eq(n->payload, "garbage");
	n = t_notice(l);
	ck_assert(!n->malformed);
	ck_assert_str_eq(hf_pairs_get(n->decoded, "id"), "1");
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

T_MAIN("listen_names", { "E10 a channel's name is quoted and keeps its case", test_weird, 0 },
	{ "E10 a channel's name has a limit, and the error names both", test_name_limits, 0 },
	{ "E10 a payload has a limit, checked before it is sent", test_payload_limits, 0 },
	{ "E4 a value with colons is kept whole", test_decoder, 0 },
	{ "E5 a malformed payload arrives raw, and listening goes on", test_malformed, 0 })
