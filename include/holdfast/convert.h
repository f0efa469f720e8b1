/* SPDX-License-Identifier: MIT */
/* Values made and turned into others: exact numbers, addresses, UUIDs. No I/O; any thread. */
#ifndef HOLDFAST_CONVERT_H
#define HOLDFAST_CONVERT_H

#include <holdfast/status.h>
#include <holdfast/value.h>

HF__BEGIN

/* A number in units of 10^-scale: "12.50" with scale 2 is 1250. Nothing is rounded: HF_E_TYPE for a
 * number that is not whole then, one that does not fit, NaN, and what is no number; HF_E_NULL for
 * NULL. *out is written for HF_OK only. */
HF_CHECK hf_status hf_numeric_to_scaled(hf_numeric n, int scale, int64_t *out);

/* The nearest double: infinite where it is too large, NaN for NaN, NULL and what is no number. */
HF_API double hf_numeric_to_double(hf_numeric n);

/* Less than 0, 0 or more than 0, as the server sorts them: 1.0 is 1.00, NaN is above all numbers
 * and itself, and NULL, and what is no number, above NaN. */
HF_API int hf_numeric_compare(hf_numeric a, hf_numeric b);

/* The address of a struct sockaddr_in or sockaddr_in6, as a host: 32 or 128 bits. False: it is of
 * another family. */
struct sockaddr;
HF_API bool hf_inet_from_sockaddr(hf_inet *out, const struct sockaddr *from);

/* The other way, with that port (host order; 0: none), into a struct sockaddr_storage. Answers how
 * long it is, for connect() and the like. The length of the network part has no place in it. */
HF_API unsigned hf_inet_to_sockaddr(const hf_inet *a, unsigned short port, struct sockaddr *out);

/* A new UUID: of random bits (v4); or (v7) of the time in milliseconds and of random bits, so that
 * those of one process sort as they were made, and land side by side in an index. HF_E_NOMEM: the
 * system gives no random numbers. */
HF_CHECK hf_status hf_uuid_v4(hf_uuid *out);
HF_CHECK hf_status hf_uuid_v7(hf_uuid *out);

HF__END

#endif
