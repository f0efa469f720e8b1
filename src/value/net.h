/* SPDX-License-Identifier: MIT */
/* Addresses and other short codes: inet, cidr, macaddr, pg_lsn, uuid, hexadecimal bytes. */
#ifndef HF_VALUE_NET_H
#define HF_VALUE_NET_H

#include "value/type.h"

hf__got hf__inet_parse(const char *s, size_t n, bool is_cidr, hf_inet *out);
hf__got hf__inet_wire(const char *data, size_t n, bool is_cidr, hf_inet *out);
void hf__inet_put_wire(
	char *to, const hf_inet *v, bool is_cidr); /* 4 bytes more than its address has */
bool hf__inet_valid(const hf_inet *v);
void hf__inet_text(hf__strbuf *b, const hf_inet *v);

/* `bytes` is 6 or 8. */
hf__got hf__mac_parse(const char *s, size_t n, int bytes, hf_mac *out);
void hf__mac_text(hf__strbuf *b, const hf_mac *v);

hf__got hf__lsn_parse(const char *s, size_t n, hf_lsn *out);
void hf__lsn_text(hf__strbuf *b, hf_lsn v);

/* s[n] must be NUL. */
hf__got hf__uuid_parse(const char *s, size_t n, hf_uuid *out);
void hf__uuid_text(hf__strbuf *b, const hf_uuid *v);

/* How many bytes the text of a bytea stands for, and the bytes; both formats of bytea_output. The
 * second is for what the first took. */
hf__got hf__bytea_size(const char *s, size_t n, size_t *size);
void hf__bytea_read(const char *s, size_t n, unsigned char *out);

/* \x00ff */
void hf__bytea_text(hf__strbuf *b, hf_bytes v);

#endif
