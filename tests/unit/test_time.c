/* SPDX-License-Identifier: MIT */
/* Dates, times and intervals as text. */
#include "check_main.h"

#include "value/datetime.h"

#include <stdlib.h>
#include <string.h>

static hf__got timestamp(const char *s, bool zoned, int64_t *us)
{
	return hf__timestamp_parse(s, strlen(s), zoned, us);
}

START_TEST(test_timestamps)
{
	int64_t us = 7;

	ck_assert_int_eq(timestamp("1970-01-01 00:00:00+00", true, &us), HF__GOT);
	ck_assert_int_eq(us, 0);
	ck_assert_int_eq(timestamp("2000-01-01 00:00:00.5", false, &us), HF__GOT);
	ck_assert_int_eq(us, HF__EPOCH_US + 500000);
	ck_assert_int_eq(timestamp("1970-01-01 05:53:28+05:53:28", true, &us), HF__GOT);
	ck_assert_int_eq(us, 0);
	ck_assert_int_eq(timestamp("1969-12-31 18:30:00-05:30", true, &us), HF__GOT);
	ck_assert_int_eq(us, 0);
	ck_assert_int_eq(timestamp("4714-11-24 00:00:00+00 BC", true, &us), HF__GOT);
	ck_assert_int_eq(us, -210866803200000000LL);
	ck_assert_int_eq(timestamp("294247-01-10 04:00:54.775806+00", true, &us), HF__GOT);
	ck_assert(us == INT64_MAX - 1);
	ck_assert_int_eq(timestamp("294247-01-10 04:00:54.775807+00", true, &us), HF__GOT_RANGE);
	ck_assert_int_eq(timestamp("294276-12-31 23:59:59", false, &us), HF__GOT_RANGE);
	ck_assert_int_eq(timestamp("-infinity", false, &us), HF__GOT);
	ck_assert(us == HF_TIME_MINUS_INFINITY);
}
END_TEST

START_TEST(test_malformed)
{
	static const char *const bad[] = { "", "2024-01-01", "2024-01-01 00:00:00",
		"2024-02-30 00:00:00+00", "2023-02-29 00:00:00+00", "0000-01-01 00:00:00+00",
		"2024-13-01 00:00:00+00", "2024-00-01 00:00:00+00", "2024-01-01T00:00:00+00",
		"2024-01-01 25:00:00+00", "2024-01-01 00:60:00+00", "2024-01-01 00:00:00.+00",
		"2024-01-01 00:00:00.1234567+00", "2024-01-01 00:00:00+16", "2024-01-01 00:00:00+0",
		"2024-01-01 00:00:00+00 AD", "2024-01-01 00:00:00+00 ", "24-01-01 00:00:00+00",
		"01/02/2024 00:00:00+00", "99999999-01-01 00:00:00+00", "Infinity",
		"2024-01-01 00:00:00 UTC" };
	int64_t us = 7;

	for (size_t i = 0; i < T_COUNT(bad); i++)
		ck_assert_msg(timestamp(bad[i], true, &us) == HF__GOT_BAD, "%s", bad[i]);
	ck_assert_int_eq(timestamp("2024-01-01 00:00:00+00", false, &us), HF__GOT_BAD);
	ck_assert_int_eq(us, 7);
}
END_TEST

/* Every day of a few centuries, and single days far away, there and back. */
START_TEST(test_calendar)
{
	for (int32_t day = -800000; day < 200000; day += 1 + (day > -720000 && day < -10) * 13) {
		hf__strbuf b = HF__STRBUF_INIT;
		int32_t back = 0;

		hf__date_text(&b, day);
		ck_assert_msg(hf__date_parse(b.s, b.n, &back) == HF__GOT && back == day,
			"%d became %s and %d", day, b.s, back);
		hf__strbuf_finish(&b);
	}
	for (int64_t day = -2440588; day < 2145042905; day += 1000003) {
		hf__strbuf b = HF__STRBUF_INIT;
		int32_t back = 0;

		hf__date_text(&b, (int32_t)day);
		ck_assert_int_eq(hf__date_parse(b.s, b.n, &back), HF__GOT);
		ck_assert_int_eq(back, day);
		hf__strbuf_finish(&b);
	}
}
END_TEST

START_TEST(test_any_number_has_a_text)
{
	static const int64_t extremes[] = { INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX - 1,
		INT64_MAX };

	for (size_t i = 0; i < T_COUNT(extremes); i++) {
		hf__strbuf b = HF__STRBUF_INIT;
		int32_t half = (int32_t)(extremes[i] >> 32);

		hf__timestamp_text(&b, extremes[i], true);
		hf__timestamp_wire_text(&b, extremes[i], false);
		hf__date_text(&b, half);
		hf__interval_text(&b, (hf_interval){ half, half, extremes[i] });
		ck_assert(!b.failed);
		hf__strbuf_finish(&b);
	}
}
END_TEST

static void interval(const char *s, int32_t months, int32_t days, int64_t us, const char *written)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_interval v = { 1, 1, 1 };

	ck_assert_msg(hf__interval_parse(s, strlen(s), &v) == HF__GOT, "%s", s);
	ck_assert_msg(v.months == months && v.days == days && v.us == us, "%s: %d %d %lld", s,
		v.months, v.days, (long long)v.us);
	hf__interval_text(&b, v);
	ck_assert_str_eq(b.s, written ? written : s);
	hf__strbuf_finish(&b);
}

START_TEST(test_intervals)
{
	interval("00:00:00", 0, 0, 0, NULL);
	interval("1 year 2 mons -3 days +04:05:06.789", 14, -3, 14706789000LL, NULL);
	interval("-1 years -2 mons +3 days -00:00:00.5", -14, 3, -500000, NULL);
	interval("1 mon", 1, 0, 0, NULL);
	interval("-1 days", 0, -1, 0, NULL);
	interval("infinity", INT32_MAX, INT32_MAX, INT64_MAX, NULL);
	interval("-infinity", INT32_MIN, INT32_MIN, INT64_MIN, NULL);
	interval("-2562047788:00:54.775808", 0, 0, INT64_MIN, NULL);
	interval("2562047788:00:54.775807", 0, 0, INT64_MAX, NULL);
	interval("-178956970 years -8 mons -2147483648 days", INT32_MIN, INT32_MIN, 0, NULL);
	interval("PT0S", 0, 0, 0, "00:00:00");
	interval("P1Y2M-3DT4H5M6.789S", 14, -3, 14706789000LL,
		"1 year 2 mons -3 days +04:05:06.789");
	interval("P2W", 0, 14, 0, "14 days");
	interval("PT-0.5S", 0, 0, -500000, "-00:00:00.5");
}
END_TEST

START_TEST(test_malformed_intervals)
{
	static const char *const bad[] = { "", " ", "1", "1 ", "1 fortnight", "1 year ",
		"1 year2 mons", "01:00", "01:60:00", "1 day 01:00:00 ", "01:00:00 1 day", "P", "P1",
		"P1H", "PT1D", "P1.5Y", "PT1.S", "+", "-", "1 s", "Infinity" };
	static const char *const large[] = { "2562047788:00:54.775808", "178956971 years",
		"2147483648 days", "999999999999999999:00:00", "PT999999999999999999H",
		"-178956970 years -9 mons" };
	hf_interval v = { 7, 7, 7 };

	for (size_t i = 0; i < T_COUNT(bad); i++)
		ck_assert_msg(hf__interval_parse(bad[i], strlen(bad[i]), &v) == HF__GOT_BAD, "%s",
			bad[i]);
	for (size_t i = 0; i < T_COUNT(large); i++)
		ck_assert_msg(hf__interval_parse(large[i], strlen(large[i]), &v) == HF__GOT_RANGE,
			"%s", large[i]);
	ck_assert_int_eq(v.months, 7);
}
END_TEST

T_MAIN("time", { "timestamps with and without a zone", test_timestamps, 0 },
	{ "malformed timestamps are refused", test_malformed, 0 },
	{ "the calendar, there and back", test_calendar, 0 },
	{ "any number has a text", test_any_number_has_a_text, 0 },
	{ "intervals of both styles", test_intervals, 0 },
	{ "malformed intervals are refused", test_malformed_intervals, 0 })
