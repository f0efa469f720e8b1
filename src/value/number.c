/* SPDX-License-Identifier: MIT */
/* Integers and floats as text. */
#include "value/number.h"

#include "base/attr.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static locale_t c_locale;

static void make_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* Numbers have a point in them, whatever setlocale() was told. */
static locale_t plain_locale(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_c_locale);
	return c_locale;
}

/* The digits of x end before `end`; answers where they begin. */
static char *put_digits(char *end, uint64_t x)
{
	do {
		*--end = (char)('0' + x % 10);
		x /= 10;
	} while (x);
	return end;
}

void hf__uint_text(hf__strbuf *b, uint64_t x)
{
	char text[20], *end = text + sizeof text, *from = put_digits(end, x);

	hf__strbuf_add(b, from, (size_t)(end - from));
}

void hf__int_text(hf__strbuf *b, int64_t x)
{
	char text[20], *end = text + sizeof text;
	char *from = put_digits(end, x < 0 ? 0 - (uint64_t)x : (uint64_t)x);

	if (x < 0)
		*--from = '-';
	hf__strbuf_add(b, from, (size_t)(end - from));
}

hf__got hf__uint_parse(const char *s, size_t n, uint64_t *out)
{
	uint64_t x = 0;
	bool over = n == 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return HF__GOT_BAD;
		over |= __builtin_mul_overflow(x, 10, &x);
		over |= __builtin_add_overflow(x, (uint64_t)(s[i] - '0'), &x);
	}
	if (n == 0)
		return HF__GOT_BAD;
	if (over)
		return HF__GOT_RANGE;
	*out = x;
	return HF__GOT;
}

hf__got hf__int_parse(const char *s, size_t n, int64_t *out)
{
	bool minus = n > 0 && s[0] == '-';
	uint64_t x, most = (uint64_t)INT64_MAX + minus;
	hf__got got = hf__uint_parse(s + minus, n - minus, &x);

	if (got != HF__GOT)
		return got;
	if (x > most)
		return HF__GOT_RANGE;
	*out = minus ? (int64_t)(0 - x) : (int64_t)x;
	return HF__GOT;
}

static bool special_parse(const char *s, double *out)
{
	if (strcmp(s, "NaN") == 0)
		*out = (double)NAN;
	else if (strcmp(s, "Infinity") == 0)
		*out = (double)INFINITY;
	else if (strcmp(s, "-Infinity") == 0)
		*out = -(double)INFINITY;
	else
		return false;
	return true;
}

/* An underflow to zero of something that is not zero is out of range too, as for the server. */
static bool vanished(const char *s, bool is_zero)
{
	return is_zero && strcspn(s, "123456789") < strcspn(s, "eE");
}

hf__got hf__float8_parse(const char *s, size_t n, double *out)
{
	double x;

	if (special_parse(s, out))
		return HF__GOT;
	if (!hf__decimal_valid(s, n))
		return HF__GOT_BAD;
	x = strtod_l(s, NULL, plain_locale());
	if (isinf(x) || vanished(s, fpclassify(x) == FP_ZERO))
		return HF__GOT_RANGE;
	*out = x;
	return HF__GOT;
}

hf__got hf__float4_parse(const char *s, size_t n, float *out)
{
	double special;
	float x;

	if (special_parse(s, &special)) {
		*out = (float)special;
		return HF__GOT;
	}
	if (!hf__decimal_valid(s, n))
		return HF__GOT_BAD;
	x = strtof_l(s, NULL, plain_locale());
	if (isinf(x) || vanished(s, fpclassify(x) == FP_ZERO))
		return HF__GOT_RANGE;
	*out = x;
	return HF__GOT;
}

/* A positive number as digits × 10^(exp - count + 1): the first digit stands before the point. */
struct decimal {
	char digits[24];
	int count, exp;
};

static void trim(struct decimal *d)
{
	while (d->count > 1 && d->digits[d->count - 1] == '0')
		d->digits[--d->count] = '\0';
}

/* Takes %e output apart; the locale's decimal point, whatever it is, is skipped. */
static void take_apart(const char *e, struct decimal *d)
{
	d->count = 0;
	for (; *e && *e != 'e'; e++)
		if (*e >= '0' && *e <= '9' && d->count < (int)sizeof d->digits - 1)
			d->digits[d->count++] = *e;
	d->digits[d->count] = '\0';
	d->exp = *e ? (int)strtol(e + 1, NULL, 10) : 0;
	trim(d);
}

/* Whether x, written out to the end, has these digits and no others. */
static bool is_exactly(long double x, const struct decimal *d)
{
	char e[1200];
	int i = 0;

	snprintf(e, sizeof e, "%.1150Le", x);
	for (const char *c = e; *c && *c != 'e'; c++) {
		if (*c < '0' || *c > '9')
			continue;
		if (*c != (i < d->count ? d->digits[i] : '0'))
			return false;
		i++;
	}
	return true;
}

/* The neighbour of a positive number, above (1) or below (-1). */
static long double next_to(double x, bool is_float4, int way)
{
	float f = (float)x;
	uint32_t bits4;
	uint64_t bits8;

	memcpy(&bits4, &f, sizeof f);
	memcpy(&bits8, &x, sizeof x);
	bits4 += (uint32_t)way;
	bits8 += (uint64_t)(int64_t)way;
	memcpy(&f, &bits4, sizeof f);
	memcpy(&x, &bits8, sizeof x);
	return is_float4 ? (long double)f : (long double)x;
}

/* Digits that lie exactly in the middle between x and a neighbour read back as x if x is even, but
 * the server does not write them. */
static bool in_the_middle(const char *text, const struct decimal *d, double x, bool is_float4)
{
	long double v = strtold_l(text, NULL, plain_locale());

	for (int way = -1; way <= 1; way += 2) {
		long double middle = ((long double)x + next_to(x, is_float4, way)) / 2;

		if (!islessgreater(v, middle) && is_exactly(middle, d))
			return true;
	}
	return false;
}

static bool reads_back(const struct decimal *d, double x, bool is_float4)
{
	char text[48];
	double back;

	snprintf(text, sizeof text, "%c.%se%d", d->digits[0], d->digits + 1, d->exp);
	back = is_float4 ? (double)strtof_l(text, NULL, plain_locale())
			 : strtod_l(text, NULL, plain_locale());
	return !islessgreater(back, x) && !in_the_middle(text, d, x, is_float4);
}

/* One more in the last of p digits. */
static void step_up(struct decimal *d, int p)
{
	int i = p - 1;

	while (d->count < p)
		d->digits[d->count++] = '0';
	while (i > 0 && d->digits[i] == '9')
		d->digits[i--] = '0';
	if (d->digits[i] == '9') {
		d->digits[i] = '1';
		d->exp++;
	} else {
		d->digits[i]++;
	}
	d->digits[d->count] = '\0';
	trim(d);
}

/* The fewest digits that mean x. Those nearest to x do, if any of their number; but below a power
 * of two the neighbour is half as far as above it, where digits that are not the nearest may do. */
static void shortest(double x, bool is_float4, struct decimal *d)
{
	bool subnormal = x < (is_float4 ? (double)FLT_MIN : DBL_MIN);
	int from = subnormal ? 1 : is_float4 ? FLT_DIG : DBL_DIG;
	int to = is_float4 ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;

	for (int p = from; p <= to; p++) {
		char e[48];

		snprintf(e, sizeof e, "%.*e", p - 1, x);
		take_apart(e, d);
		if (reads_back(d, x, is_float4))
			return;
		step_up(d, p);
		if (reads_back(d, x, is_float4))
			return;
	}
}

static void put_zeros(hf__strbuf *b, int n)
{
	for (; n > 0; n--)
		hf__strbuf_putc(b, '0');
}

static void put_fixed(hf__strbuf *b, const struct decimal *d)
{
	int whole = d->exp + 1;

	if (whole <= 0) {
		hf__strbuf_puts(b, "0.");
		put_zeros(b, -whole);
		hf__strbuf_puts(b, d->digits);
		return;
	}
	hf__strbuf_add(b, d->digits, (size_t)(whole < d->count ? whole : d->count));
	put_zeros(b, whole - d->count);
	if (whole < d->count)
		hf__strbuf_printf(b, ".%s", d->digits + whole);
}

static void put_float(hf__strbuf *b, double x, bool is_float4)
{
	struct decimal d;

	if (isnan(x)) {
		hf__strbuf_puts(b, "NaN");
		return;
	}
	if (signbit(x))
		hf__strbuf_putc(b, '-');
	if (isinf(x)) {
		hf__strbuf_puts(b, "Infinity");
		return;
	}
	if (fpclassify(x) == FP_ZERO) {
		hf__strbuf_putc(b, '0');
		return;
	}
	shortest(fabs(x), is_float4, &d);
	if (d.exp >= -4 && d.exp < (is_float4 ? FLT_DIG : DBL_DIG))
		put_fixed(b, &d);
	else
		hf__strbuf_printf(b, "%c%s%se%c%02d", d.digits[0], d.count > 1 ? "." : "",
			d.digits + 1, d.exp < 0 ? '-' : '+', abs(d.exp));
}

void hf__float8_text(hf__strbuf *b, double x)
{
	put_float(b, x, false);
}

void hf__float4_text(hf__strbuf *b, float x)
{
	put_float(b, (double)x, true);
}
