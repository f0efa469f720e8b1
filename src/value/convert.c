/* SPDX-License-Identifier: MIT */
/* Values made, and turned into others. */
#include <holdfast/convert.h>

#include "value/number.h"

#include <apr_general.h>
#include <math.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

/* --- exact numbers --- */

/* In the order in which the server sorts them. */
typedef enum kind { BELOW, FINITE, ABOVE, NOT_A_NUMBER, NONE } kind;

struct number {
	kind kind;
	hf__decimal d; /* of what is FINITE */
};

static kind kind_of(const char *s)
{
	size_t sign = *s == '-' || *s == '+';

	if (strcasecmp(s + sign, "NaN") == 0)
		return NOT_A_NUMBER;
	return *s == '-' ? BELOW : ABOVE;
}

static struct number read_number(hf_numeric x)
{
	struct number a = { .kind = NONE };
	size_t n = x.s ? strlen(x.s) : 0;

	if (!x.s || !hf__numeric_valid(x.s, n))
		return a;
	a.kind = hf__decimal_valid(x.s, n) ? FINITE : kind_of(x.s);
	if (a.kind == FINITE)
		hf__decimal_read(&a.d, x.s, n);
	return a;
}

static size_t n_digits(const hf__decimal *d)
{
	return d->to - d->from;
}

hf_status hf_numeric_to_scaled(hf_numeric x, int scale, int64_t *out)
{
	struct number a = read_number(x);
	size_t n = n_digits(&a.d);
	long places = a.d.power + 1 + scale;
	int64_t v = 0;

	if (!x.s)
		return HF_E_NULL;
	if (a.kind != FINITE)
		return HF_E_TYPE;
	if (n > 0 && (places < (long)n || places > 19))
		return HF_E_TYPE;
	for (long i = 0; i < places && n > 0; i++) {
		int digit = hf__decimal_digit(&a.d, a.d.from + (size_t)i);

		/* downwards, as the least number has no opposite */
		if (v < (INT64_MIN + digit) / 10)
			return HF_E_TYPE;
		v = v * 10 - digit;
	}
	if (!a.d.negative && v == INT64_MIN)
		return HF_E_TYPE;
	*out = a.d.negative ? v : -v;
	return HF_OK;
}

double hf_numeric_to_double(hf_numeric x)
{
	struct number a = read_number(x);
	double v = 0;

	if (a.kind == NONE || a.kind == NOT_A_NUMBER)
		return (double)NAN;
	if (a.kind != FINITE)
		return a.kind == BELOW ? -(double)INFINITY : (double)INFINITY;
	if (hf__float8_parse(x.s, strlen(x.s), &v) == HF__GOT)
		return v;
	v = a.d.power >= 0 ? (double)INFINITY : 0;
	return a.d.negative ? -v : v;
}

/* Of two that are finite and have one sign, and are not 0: by their sizes. */
static int compare_sizes(const hf__decimal *a, const hf__decimal *b)
{
	size_t n = n_digits(a) > n_digits(b) ? n_digits(a) : n_digits(b);

	if (a->power != b->power)
		return a->power < b->power ? -1 : 1;
	for (size_t i = 0; i < n; i++) {
		int x = hf__decimal_digit(a, a->from + i), y = hf__decimal_digit(b, b->from + i);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

static int sign_of(const hf__decimal *d)
{
	return n_digits(d) == 0 ? 0 : d->negative ? -1 : 1;
}

int hf_numeric_compare(hf_numeric x, hf_numeric y)
{
	struct number a = read_number(x), b = read_number(y);
	int sign = sign_of(&a.d), signs = sign - sign_of(&b.d);

	if (a.kind != b.kind)
		return a.kind < b.kind ? -1 : 1;
	if (a.kind != FINITE)
		return 0;
	if (signs != 0 || sign == 0)
		return (signs > 0) - (signs < 0);
	return sign < 0 ? compare_sizes(&b.d, &a.d) : compare_sizes(&a.d, &b.d);
}

/* --- addresses --- */

bool hf_inet_from_sockaddr(hf_inet *out, const struct sockaddr *from)
{
	bool v6 = from && from->sa_family == AF_INET6;

	if (!from || (!v6 && from->sa_family != AF_INET))
		return false;
	*out = (hf_inet){ .v6 = v6, .bits = v6 ? 128 : 32 };
	if (v6)
		memcpy(out->addr, (const char *)from + offsetof(struct sockaddr_in6, sin6_addr),
			16);
	else
		memcpy(out->addr, (const char *)from + offsetof(struct sockaddr_in, sin_addr), 4);
	return true;
}

unsigned hf_inet_to_sockaddr(const hf_inet *a, unsigned short port, struct sockaddr *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memcpy(&v4.sin_addr, a->addr, 4);
	memcpy(&v6.sin6_addr, a->addr, 16);
	if (a->v6)
		memcpy(out, &v6, sizeof v6);
	else
		memcpy(out, &v4, sizeof v4);
	return a->v6 ? sizeof v6 : sizeof v4;
}

/* --- UUIDs --- */

static hf_status random_bytes(hf_uuid *out)
{
	return apr_generate_random_bytes(out->b, sizeof out->b) == APR_SUCCESS ? HF_OK : HF_E_NOMEM;
}

static void mark(hf_uuid *u, uint8_t version)
{
	u->b[6] = (uint8_t)((u->b[6] & 0x0f) | version << 4);
	u->b[8] = (uint8_t)((u->b[8] & 0x3f) | 0x80);
}

hf_status hf_uuid_v4(hf_uuid *out)
{
	hf_status st = random_bytes(out);

	mark(out, 4);
	return st;
}

/* Milliseconds of the wall clock, with 12 bits behind the point; never the same, nor a lower one,
 * in one process, whatever becomes of the clock. */
static uint64_t next_tick(void)
{
	static _Atomic uint64_t last;
	struct timespec t;
	uint64_t now, was = atomic_load(&last);

	clock_gettime(CLOCK_REALTIME, &t);
	now = ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000) << 12;
	now |= ((uint64_t)t.tv_nsec % 1000000 << 12) / 1000000;
	do {
		if (now <= was)
			now = was + 1;
	} while (!atomic_compare_exchange_weak(&last, &was, now));
	return now;
}

hf_status hf_uuid_v7(hf_uuid *out)
{
	hf_status st = random_bytes(out);
	uint64_t tick = next_tick(), ms = tick >> 12;

	for (int i = 0; i < 6; i++)
		out->b[i] = (uint8_t)(ms >> (40 - 8 * i));
	out->b[6] = (uint8_t)(tick >> 8 & 0x0f);
	out->b[7] = (uint8_t)tick;
	mark(out, 7);
	return st;
}
