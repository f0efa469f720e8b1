/* SPDX-License-Identifier: MIT */
/* Exact numbers, addresses and UUIDs, made and turned into others. */
#include "check_main.h"

#include <holdfast.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

static hf_numeric n(const char *s)
{
	return (hf_numeric){ s };
}

static void scaled(const char *s, int scale, int64_t expected)
{
	int64_t v = 7;

	if (hf_numeric_to_scaled(n(s), scale, &v) != HF_OK || v != expected)
		ck_abort_msg("%s, %d: %lld", s, scale, (long long)v);
}

static void not_scaled(const char *s, int scale)
{
	int64_t v = 7;

	if (hf_numeric_to_scaled(n(s), scale, &v) != HF_E_TYPE || v != 7)
		ck_abort_msg("%s, %d: %lld", s, scale, (long long)v);
}

START_TEST(test_scaled)
{
	int64_t v;

	scaled("12.50", 2, 1250);
	scaled("12.50", 1, 125);
	scaled("12.5", 4, 125000);
	scaled("-0.01", 2, -1);
	scaled("0", 2, 0);
	scaled("0.000", 0, 0);
	scaled("-0", 18, 0);
	scaled("1200", -2, 12);
	scaled("1.2e3", -2, 12);
	scaled("1e-3", 3, 1);
	scaled(".5", 1, 5);
	scaled("5.", 0, 5);
	scaled("+0012.0", 0, 12);
	scaled("9223372036854775807", 0, INT64_MAX);
	scaled("-9223372036854775808", 0, INT64_MIN);
	scaled("92233720368547758.07", 2, INT64_MAX);
	not_scaled("12.50", 0);
	not_scaled("0.001", 2);
	not_scaled("1250", -2);
	not_scaled("9223372036854775808", 0);
	not_scaled("-9223372036854775809", 0);
	not_scaled("99999999999999999999", 0);
	not_scaled("1e19", 0);
	not_scaled("1e200000", 0);
	not_scaled("NaN", 0);
	not_scaled("Infinity", 0);
	not_scaled("", 0);
	not_scaled("x", 0);
	not_scaled("1 ", 0);
	ck_assert_int_eq(hf_numeric_to_scaled(n(NULL), 2, &v), HF_E_NULL);
}
END_TEST

START_TEST(test_double)
{
	ck_assert(hf_numeric_to_double(n("0.1")) == 0.1);
	ck_assert(hf_numeric_to_double(n("-12.50")) == -12.5);
	ck_assert(hf_numeric_to_double(n("9007199254740993")) == 9007199254740992.0);
	ck_assert(hf_numeric_to_double(n("1e400")) == (double)INFINITY);
	ck_assert(hf_numeric_to_double(n("-1e400")) == -(double)INFINITY);
	ck_assert(hf_numeric_to_double(n("-Infinity")) == -(double)INFINITY);
	ck_assert(hf_numeric_to_double(n("1e-400")) == 0);
	ck_assert(isnan(hf_numeric_to_double(n("NaN"))));
	ck_assert(isnan(hf_numeric_to_double(n(NULL))));
	ck_assert(isnan(hf_numeric_to_double(n("12x"))));
}
END_TEST

/* In the server's order, and each against each. */
START_TEST(test_compare)
{
	static const char *const sorted[] = { "-Infinity", "-1e100", "-10", "-9.99", "-9.9",
		"-0.001", "0", "0.0001", "0.00011", "0.1", "1", "1.01", "1.1", "9", "10", "10.5",
		"123456789012345678901234567890", "123456789012345678901234567890.1", "1e100",
		"Infinity", "NaN", NULL };

	for (int i = 0; i < (int)T_COUNT(sorted); i++)
		for (int k = 0; k < (int)T_COUNT(sorted); k++) {
			int is = hf_numeric_compare(n(sorted[i]), n(sorted[k]));

			if ((is > 0) - (is < 0) != (i > k) - (i < k))
				ck_abort_msg("%s, %s: %d", sorted[i], sorted[k], is);
		}
	ck_assert_int_eq(hf_numeric_compare(n("1.0"), n("1.000")), 0);
	ck_assert_int_eq(hf_numeric_compare(n("100"), n("1e2")), 0);
	ck_assert_int_eq(hf_numeric_compare(n("-0"), n("0.00")), 0);
	ck_assert_int_eq(hf_numeric_compare(n("0012.50"), n("12.5")), 0);
	ck_assert_int_eq(hf_numeric_compare(n("1.25e1"), n("012.5")), 0);
	ck_assert_int_eq(hf_numeric_compare(n("-.5"), n("-0.50")), 0);
	ck_assert_int_eq(hf_numeric_compare(n("nan"), n("NaN")), 0);
	ck_assert_int_eq(hf_numeric_compare(n("inf"), n("Infinity")), 0);
	/* far beyond what numeric holds: no one is the less for it */
	ck_assert_int_gt(hf_numeric_compare(n("1e9999999"), n("1e200000")), 0);
	ck_assert_int_ge(hf_numeric_compare(n("1e9999999"), n("1e2000001")), 0);
	ck_assert_int_lt(hf_numeric_compare(n("1e-9999999"), n("1e-200000")), 0);
}
END_TEST

START_TEST(test_addresses)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(5432) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_storage out, other = { .ss_family = AF_UNIX };
	hf_inet a;

	v4.sin_addr.s_addr = htonl(0x7f000001);
	memcpy(&out, &v4, sizeof v4);
	ck_assert(hf_inet_from_sockaddr(&a, (const struct sockaddr *)&out));
	ck_assert(!a.v6 && a.bits == 32 && a.addr[0] == 127 && a.addr[3] == 1);
	memset(&out, 0xff, sizeof out);
	ck_assert_uint_eq(hf_inet_to_sockaddr(&a, 5432, (struct sockaddr *)&out), sizeof v4);
	ck_assert_mem_eq(&out, &v4, sizeof v4);
	v6.sin6_addr.s6_addr[0] = 0x20;
	v6.sin6_addr.s6_addr[15] = 1;
	memcpy(&out, &v6, sizeof v6);
	ck_assert(hf_inet_from_sockaddr(&a, (const struct sockaddr *)&out));
	ck_assert(a.v6 && a.bits == 128 && a.addr[0] == 0x20 && a.addr[15] == 1);
	memset(&out, 0xff, sizeof out);
	ck_assert_uint_eq(hf_inet_to_sockaddr(&a, 0, (struct sockaddr *)&out), sizeof v6);
	ck_assert_mem_eq(&out, &v6, sizeof v6);
	ck_assert(!hf_inet_from_sockaddr(&a, (const struct sockaddr *)&other));
	ck_assert(!hf_inet_from_sockaddr(&a, NULL));
}
END_TEST

#define EACH 10000
static hf_uuid made[2][EACH];

static void *make(void *arg)
{
	hf_uuid *to = arg;

	for (int i = 0; i < EACH; i++)
		if (hf_uuid_v7(&to[i]) != HF_OK)
			return to;
	return NULL;
}

START_TEST(test_uuids)
{
	hf_uuid a, b;
	pthread_t thread[2];
	uint64_t ms = 0;

	ck_assert_int_eq(hf_uuid_v4(&a), HF_OK);
	ck_assert_int_eq(hf_uuid_v4(&b), HF_OK);
	ck_assert_mem_ne(&a, &b, sizeof a);
	ck_assert_uint_eq(a.b[6] >> 4, 4);
	ck_assert_uint_eq(a.b[8] >> 6, 2);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, make, made[i]), 0);
	for (int i = 0; i < 2; i++) {
		void *failed;

		pthread_join(thread[i], &failed);
		ck_assert_ptr_null(failed);
	}
	for (int t = 0; t < 2; t++)
		for (int i = 1; i < EACH; i++)
			ck_assert_int_lt(memcmp(&made[t][i - 1], &made[t][i], 8), 0);
	ck_assert_uint_eq(made[0][0].b[6] >> 4, 7);
	ck_assert_uint_eq(made[0][0].b[8] >> 6, 2);
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | made[0][EACH - 1].b[i];
	ck_assert_uint_gt(ms, 1700000000000); /* later than 2023 */
	ck_assert_uint_lt(ms, 4102444800000); /* and before 2100 */
}
END_TEST

T_MAIN("convert", { "exact numbers in units of a scale", test_scaled, 0 },
	{ "exact numbers as doubles", test_double, 0 },
	{ "exact numbers in the server's order", test_compare, 0 },
	{ "G22 addresses of sockets", test_addresses, 0 },
	{ "G18 UUIDs of either kind", test_uuids, 0 })
