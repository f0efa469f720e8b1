/* SPDX-License-Identifier: MIT */
/* Dates and times as text: ISO style to the microsecond, years before Christ, infinities. Calendars
 * are Gregorian throughout, as the server's. */
#ifndef HF_VALUE_DATETIME_H
#define HF_VALUE_DATETIME_H

#include "value/type.h"

#define HF__DAY_US       86400000000LL
#define HF__EPOCH_DAYS   10957 /* from 1970 to 2000, where the wire counts from */
#define HF__EPOCH_US     (HF__EPOCH_DAYS * HF__DAY_US)
#define HF__ZONE_LIMIT_S 57600 /* zones lie less than 16 hours from UTC */

/* datetime.c. A timestamp with `zoned` must carry an offset, one without must not. HF__GOT_RANGE:
 * it is later than 294247-01-10, where microseconds since 1970 end. */
hf__got hf__timestamp_parse(const char *s, size_t n, bool zoned, int64_t *us);
hf__got hf__date_parse(const char *s, size_t n, int32_t *days);
hf__got hf__time_parse(const char *s, size_t n, int64_t *us);
hf__got hf__timetz_parse(const char *s, size_t n, hf_timetz *out);

/* From the wire's count since 2000. */
hf__got hf__timestamp_wire(int64_t since_2000, int64_t *us);
hf__got hf__date_wire(int32_t since_2000, int32_t *days);

void hf__timestamp_text(hf__strbuf *b, int64_t us, bool zoned);
void hf__timestamp_wire_text(hf__strbuf *b, int64_t since_2000, bool zoned);
void hf__date_text(hf__strbuf *b, int32_t days);
void hf__time_text(hf__strbuf *b, int64_t us);
void hf__timetz_text(hf__strbuf *b, hf_timetz t);

/* interval.c. Reads the styles postgres and iso_8601, writes postgres. An infinity has all three
 * fields at their largest or smallest. */
hf__got hf__interval_parse(const char *s, size_t n, hf_interval *out);
void hf__interval_text(hf__strbuf *b, hf_interval v);

/* What both read: a place in a text, and the text's end. */
typedef struct hf__cursor {
	const char *at, *end;
} hf__cursor;

/* Skips `c` if it is next. */
bool hf__eat(hf__cursor *cur, char c);

/* Between min and max decimal digits (at most 18), as many as there are. */
bool hf__digits(hf__cursor *cur, int min, int max, int64_t *out);

/* "" or a point and one to six digits, as microseconds. */
bool hf__fraction(hf__cursor *cur, int64_t *us);

/* .25 for 250000, nothing for 0. */
void hf__fraction_text(hf__strbuf *b, int64_t us);

/* *sum += n × unit; false: an overflow. */
bool hf__add_scaled(int64_t *sum, int64_t n, int64_t unit);

#endif
