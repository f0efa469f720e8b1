/* SPDX-License-Identifier: MIT */
/* Timestamps, dates and times of day as text. */
#include "value/datetime.h"

#include "value/number.h"

#include <string.h>

#define SECOND_US 1000000LL

bool hf__eat(hf__cursor *cur, char c)
{
	if (cur->at == cur->end || *cur->at != c)
		return false;
	cur->at++;
	return true;
}

bool hf__digits(hf__cursor *cur, int min, int max, int64_t *out)
{
	int n = 0;

	*out = 0;
	for (; n < max && cur->at < cur->end && *cur->at >= '0' && *cur->at <= '9'; n++)
		*out = *out * 10 + (*cur->at++ - '0');
	return n >= min;
}

bool hf__fraction(hf__cursor *cur, int64_t *us)
{
	const char *from;

	*us = 0;
	if (!hf__eat(cur, '.'))
		return true;
	from = cur->at;
	if (!hf__digits(cur, 1, 6, us))
		return false;
	for (long n = cur->at - from; n < 6; n++)
		*us *= 10;
	return true;
}

void hf__fraction_text(hf__strbuf *b, int64_t us)
{
	int width = 6;

	if (us == 0)
		return;
	for (; us % 10 == 0; width--)
		us /= 10;
	hf__strbuf_putc(b, '.');
	hf__digits_text(b, (uint64_t)us, width);
}

bool hf__add_scaled(int64_t *sum, int64_t n, int64_t unit)
{
	int64_t product;

	return !__builtin_mul_overflow(n, unit, &product) &&
	       !__builtin_add_overflow(*sum, product, sum);
}

static bool is(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(s, word, n) == 0;
}

/* --- the calendar: eras of 400 years, years that begin in March --- */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Year 0 is 1 BC. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	int64_t shifted = m <= 2 ? y - 1 : y, era = floor_div(shifted, 400);
	int64_t of_era = shifted - era * 400;
	int64_t day = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day - 719468;
}

static void civil_of(int64_t days, int64_t *y, int *m, int *d)
{
	int64_t z = days + 719468, era = floor_div(z, 146097), doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = yoe + era * 400 + (*m <= 2);
}

static int days_in_month(int64_t y, int64_t m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

	return days[m - 1] + (m == 2 && leap);
}

/* --- reading --- */

/* The year comes without its era, which stands at the end of the text. */
static bool read_date(hf__cursor *cur, int64_t ymd[3])
{
	return hf__digits(cur, 4, 7, &ymd[0]) && hf__eat(cur, '-') &&
	       hf__digits(cur, 2, 2, &ymd[1]) && hf__eat(cur, '-') &&
	       hf__digits(cur, 2, 2, &ymd[2]);
}

/* Reads the era and gives the days since 1970. */
static bool finish_date(hf__cursor *cur, const int64_t ymd[3], int64_t *days)
{
	bool bc = is(cur->at, (size_t)(cur->end - cur->at), " BC");
	int64_t y = bc ? 1 - ymd[0] : ymd[0];

	if (!bc && cur->at != cur->end)
		return false;
	if (ymd[0] < 1 || ymd[1] < 1 || ymd[1] > 12)
		return false;
	if (ymd[2] < 1 || ymd[2] > days_in_month(y, ymd[1]))
		return false;
	*days = days_of(y, ymd[1], ymd[2]);
	return true;
}

static bool read_time(hf__cursor *cur, int64_t *us)
{
	int64_t h, m, s, part;

	if (!hf__digits(cur, 2, 2, &h) || !hf__eat(cur, ':') || !hf__digits(cur, 2, 2, &m) ||
		!hf__eat(cur, ':') || !hf__digits(cur, 2, 2, &s) || !hf__fraction(cur, &part))
		return false;
	*us = ((h * 60 + m) * 60 + s) * SECOND_US + part;
	return m < 60 && s < 60 && *us <= HF__DAY_US;
}

/* +05, +05:30, -05:53:28 */
static bool read_zone(hf__cursor *cur, int32_t *east)
{
	bool minus = hf__eat(cur, '-');
	int64_t h, m = 0, s = 0;

	if (!minus && !hf__eat(cur, '+'))
		return false;
	if (!hf__digits(cur, 2, 2, &h))
		return false;
	if (hf__eat(cur, ':') && !hf__digits(cur, 2, 2, &m))
		return false;
	if (hf__eat(cur, ':') && !hf__digits(cur, 2, 2, &s))
		return false;
	if (h > 15 || m > 59 || s > 59)
		return false;
	*east = (int32_t)((h * 60 + m) * 60 + s);
	if (minus)
		*east = -*east;
	return true;
}

hf__got hf__timestamp_parse(const char *s, size_t n, bool zoned, int64_t *us)
{
	hf__cursor cur = { s, s + n };
	int64_t ymd[3], days, time, sum;
	int32_t east = 0;

	if (is(s, n, "infinity") || is(s, n, "-infinity")) {
		*us = s[0] == '-' ? HF_TIME_MINUS_INFINITY : HF_TIME_INFINITY;
		return HF__GOT;
	}
	if (!read_date(&cur, ymd) || !hf__eat(&cur, ' ') || !read_time(&cur, &time))
		return HF__GOT_BAD;
	if (zoned && !read_zone(&cur, &east))
		return HF__GOT_BAD;
	if (!finish_date(&cur, ymd, &days))
		return HF__GOT_BAD;
	sum = time - east * SECOND_US;
	if (!hf__add_scaled(&sum, days, HF__DAY_US) || sum == INT64_MAX || sum == INT64_MIN)
		return HF__GOT_RANGE;
	*us = sum;
	return HF__GOT;
}

hf__got hf__date_parse(const char *s, size_t n, int32_t *days)
{
	hf__cursor cur = { s, s + n };
	int64_t ymd[3], x;

	if (is(s, n, "infinity") || is(s, n, "-infinity")) {
		*days = s[0] == '-' ? HF_DATE_MINUS_INFINITY : HF_DATE_INFINITY;
		return HF__GOT;
	}
	if (!read_date(&cur, ymd) || !finish_date(&cur, ymd, &x))
		return HF__GOT_BAD;
	if (x >= INT32_MAX || x <= INT32_MIN)
		return HF__GOT_RANGE;
	*days = (int32_t)x;
	return HF__GOT;
}

hf__got hf__time_parse(const char *s, size_t n, int64_t *us)
{
	hf__cursor cur = { s, s + n };
	int64_t x;

	if (!read_time(&cur, &x) || cur.at != cur.end)
		return HF__GOT_BAD;
	*us = x;
	return HF__GOT;
}

hf__got hf__timetz_parse(const char *s, size_t n, hf_timetz *out)
{
	hf__cursor cur = { s, s + n };
	hf_timetz x;

	if (!read_time(&cur, &x.us) || !read_zone(&cur, &x.east) || cur.at != cur.end)
		return HF__GOT_BAD;
	*out = x;
	return HF__GOT;
}

hf__got hf__timestamp_wire(int64_t since_2000, int64_t *us)
{
	int64_t x = since_2000;

	if (x == INT64_MAX || x == INT64_MIN) {
		*us = x;
		return HF__GOT;
	}
	if (__builtin_add_overflow(x, HF__EPOCH_US, &x) || x == INT64_MAX)
		return HF__GOT_RANGE;
	*us = x;
	return HF__GOT;
}

hf__got hf__date_wire(int32_t since_2000, int32_t *days)
{
	int32_t x = since_2000;

	if (x == INT32_MAX || x == INT32_MIN) {
		*days = x;
		return HF__GOT;
	}
	if (__builtin_add_overflow(x, HF__EPOCH_DAYS, &x) || x == INT32_MAX)
		return HF__GOT_RANGE;
	*days = x;
	return HF__GOT;
}

/* --- writing --- */

static void put_two(hf__strbuf *b, char before, int64_t x)
{
	hf__strbuf_putc(b, before);
	hf__digits_text(b, (uint64_t)x, 2);
}

/* Returns what must stand at the end of the text: " BC" or "". */
static const char *put_date(hf__strbuf *b, int64_t days)
{
	int64_t y;
	int m, d;

	civil_of(days, &y, &m, &d);
	hf__digits_text(b, (uint64_t)(y > 0 ? y : 1 - y), 4);
	put_two(b, '-', m);
	put_two(b, '-', d);
	return y > 0 ? "" : " BC";
}

/* True for an infinity. */
static bool put_infinity(hf__strbuf *b, bool plus, bool minus)
{
	if (plus || minus)
		hf__strbuf_puts(b, plus ? "infinity" : "-infinity");
	return plus || minus;
}

/* `us` counts from the day `epoch` of 1970's count. */
static void put_timestamp(hf__strbuf *b, int64_t us, int64_t epoch, bool zoned)
{
	int64_t days = floor_div(us, HF__DAY_US);
	const char *era;

	if (put_infinity(b, us == INT64_MAX, us == INT64_MIN))
		return;
	era = put_date(b, days + epoch);
	hf__strbuf_putc(b, ' ');
	hf__time_text(b, us % HF__DAY_US < 0 ? us % HF__DAY_US + HF__DAY_US : us % HF__DAY_US);
	if (zoned)
		hf__strbuf_puts(b, "+00");
	hf__strbuf_puts(b, era);
}

void hf__timestamp_text(hf__strbuf *b, int64_t us, bool zoned)
{
	put_timestamp(b, us, 0, zoned);
}

void hf__timestamp_wire_text(hf__strbuf *b, int64_t since_2000, bool zoned)
{
	put_timestamp(b, since_2000, HF__EPOCH_DAYS, zoned);
}

void hf__date_text(hf__strbuf *b, int32_t days)
{
	if (!put_infinity(b, days == HF_DATE_INFINITY, days == HF_DATE_MINUS_INFINITY))
		hf__strbuf_puts(b, put_date(b, days));
}

void hf__time_text(hf__strbuf *b, int64_t us)
{
	int64_t s = us / SECOND_US;

	hf__digits_text(b, (uint64_t)s / 3600, 2);
	put_two(b, ':', s / 60 % 60);
	put_two(b, ':', s % 60);
	hf__fraction_text(b, us % SECOND_US);
}

void hf__timetz_text(hf__strbuf *b, hf_timetz t)
{
	int32_t s = t.east < 0 ? -t.east : t.east;

	hf__time_text(b, t.us);
	put_two(b, t.east < 0 ? '-' : '+', s / 3600);
	if (s % 3600)
		put_two(b, ':', s / 60 % 60);
	if (s % 60)
		put_two(b, ':', s % 60);
}
