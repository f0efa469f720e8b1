/* SPDX-License-Identifier: MIT */
/* Numbers as PostgreSQL's binary formats have them, which is in network order. Each returns what is
 * behind it. */
#ifndef BENCH_PQ_BINARY_H
#define BENCH_PQ_BINARY_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define BENCH_PG_EPOCH_US (INT64_C(946684800) * 1000000) /* 2000-01-01 from 1970 */

static inline char *bench_put2(char *p, int v)
{
	uint16_t n = htobe16((uint16_t)v);

	memcpy(p, &n, sizeof n);
	return p + sizeof n;
}

static inline char *bench_put4(char *p, int v)
{
	uint32_t n = htobe32((uint32_t)v);

	memcpy(p, &n, sizeof n);
	return p + sizeof n;
}

/* The eight bytes at v, a double's too. */
static inline char *bench_put8(char *p, const void *v)
{
	uint64_t n;

	memcpy(&n, v, sizeof n);
	n = htobe64(n);
	memcpy(p, &n, sizeof n);
	return p + sizeof n;
}

static inline int64_t bench_int8(const char *p)
{
	uint64_t n;

	memcpy(&n, p, sizeof n);
	return (int64_t)be64toh(n);
}

#endif
