/* SPDX-License-Identifier: MIT */
/* Rows that travel as an array for each column, in binary: each type, NULL and extremes included,
 * arrives as it does in a row of its own. */
#include "models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 211

struct every {
	int32_t id;
	bool truth;
	int16_t i2;
	int64_t i8;
	float f4;
	double f8;
	hf_timestamptz at;
	hf_timestamp local;
	hf_date day;
	hf_time_of_day hour;
	hf_timetz hour_there;
	hf_interval span;
	hf_uuid uuid;
	hf_lsn lsn;
	hf_bool_opt o_truth;
	hf_int2_opt o_i2;
	hf_int4_opt o_i4;
	hf_int8_opt o_i8;
	hf_float4_opt o_f4;
	hf_float8_opt o_f8;
	hf_numeric numeric;
	const char *text;
	hf_bytes bytes;
	hf_timestamptz_opt o_at;
	hf_timestamp_opt o_local;
	hf_date_opt o_day;
	hf_time_of_day_opt o_hour;
	hf_timetz_opt o_hour_there;
	hf_interval_opt o_span;
	hf_uuid_opt o_uuid;
	hf_lsn_opt o_lsn;
};
static const hf_column every_columns[] = {
	HF_COLUMN(every, id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(every, truth, BOOL, NOT_NULL, HF_PLAIN),
	HF_COLUMN(every, i2, INT2, NOT_NULL, HF_PLAIN),
	HF_COLUMN(every, i8, INT8, NOT_NULL, HF_PLAIN),
	HF_COLUMN(every, f4, FLOAT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(every, f8, FLOAT8, NOT_NULL, HF_PLAIN),
	HF_COLUMN(every, at, TIMESTAMPTZ, NOT_NULL, HF_PLAIN),
	HF_COLUMN(every, local, TIMESTAMP, NOT_NULL, HF_PLAIN),
	HF_COLUMN(every, day, DATE, NOT_NULL, HF_PLAIN),
	HF_COLUMN(every, hour, TIME, NOT_NULL, HF_PLAIN),
	HF_COLUMN(every, hour_there, TIMETZ, NOT_NULL, HF_PLAIN),
	HF_COLUMN(every, span, INTERVAL, NOT_NULL, HF_PLAIN),
	HF_COLUMN(every, uuid, UUID, NOT_NULL, HF_PLAIN),
	HF_COLUMN(every, lsn, PG_LSN, NOT_NULL, HF_PLAIN),
	HF_COLUMN(every, o_truth, BOOL, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, o_i2, INT2, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, o_i4, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, o_i8, INT8, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, o_f4, FLOAT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, o_f8, FLOAT8, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, numeric, NUMERIC, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, text, TEXT, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, bytes, BYTEA, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, o_at, TIMESTAMPTZ, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, o_local, TIMESTAMP, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, o_day, DATE, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, o_hour, TIME, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, o_hour_there, TIMETZ, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, o_span, INTERVAL, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, o_uuid, UUID, NULLABLE, HF_PLAIN),
	HF_COLUMN(every, o_lsn, PG_LSN, NULLABLE, HF_PLAIN),
};
HF_TABLE(every, .name = "every");

static struct t_store open_every(void)
{
	struct t_store st = t_store_open();

	free(t_psql("set client_min_messages to warning; drop table if exists every, single"));
	t_verb(st.s, hf_table_create(st.s, &every_table, 0));
	free(t_psql("create table single (like every)"));
	return st;
}

/* --- values that come round at different times --- */

#define PICK(list, i) ((list)[(size_t)(i) % T_COUNT(list)])

static int64_t an_int(int i)
{
	static const int64_t some[] = { 0, 1, -1, INT64_MAX, INT64_MIN, 1234567890123 };

	return PICK(some, i);
}

static int64_t a_time(int i)
{
	static const int64_t some[] = { 0, -1, 1700000000123456, HF_TIME_INFINITY,
		HF_TIME_MINUS_INFINITY, 946684800000000, -62200000000000000 };

	return PICK(some, i);
}

static int32_t a_day(int i)
{
	static const int32_t some[] = { 0, -1, 20000, HF_DATE_INFINITY, HF_DATE_MINUS_INFINITY };

	return PICK(some, i);
}

static double a_float(int i)
{
	static const double some[] = { 0, -0.5, 0.1, 1e30, (double)NAN, (double)INFINITY,
		(double)-INFINITY };

	return PICK(some, i);
}

static const char *a_text(int i)
{
	static const char *const some[] = { "", "NULL", "a \"b\", {c}\\d", "\xc3\xa4\xe2\x82\xac",
		"two\nlines", NULL };

	return PICK(some, i);
}

static hf_numeric a_number(int i)
{
	static const char *const some[] = { "0", "-12.340", "1e20", "NaN", "0.00000001", NULL,
		"99999999999999999999999999999.9" };

	return (hf_numeric){ PICK(some, i) };
}

static hf_bytes some_bytes(int i)
{
	static const unsigned char all[] = { 0, 1, '\\', '"', 255 };

	return i % 7 ? hf_blob(all, (size_t)(i % 6)) : (hf_bytes){ NULL, 0 };
}

static hf_uuid a_uuid(int i)
{
	hf_uuid u = { { 0 } };

	for (int k = 0; k < 16; k++)
		u.b[k] = (uint8_t)(i * 31 + k);
	return u;
}

static hf_interval a_span(int i)
{
	return (hf_interval){ .us = i * 1000003LL, .days = -i, .months = i % 25 };
}

static void make_plain(struct every *e, int i)
{
	*e = (struct every){ .id = i,
		.truth = i % 3 == 0,
		.i2 = (int16_t)(i * 311),
		.i8 = an_int(i),
		.f4 = (float)a_float(i),
		.f8 = a_float(i + 1),
		.at.us = a_time(i),
		.local.us = a_time(i + 1),
		.day.days = a_day(i),
		.hour.us = i % 2 ? i % 86000 * 1000003LL : 86400000000,
		.hour_there = { .us = i % 86000 * 1000003LL, .east = i % 900 * 60 },
		.span = a_span(i),
		.uuid = a_uuid(i),
		.lsn.v = (uint64_t)i << 33,
		.numeric = a_number(i),
		.text = a_text(i),
		.bytes = some_bytes(i) };
}

/* What may be NULL is so at times. */
static void make(struct every *e, int i)
{
	make_plain(e, i);
	e->o_truth = (hf_bool_opt){ i % 2, e->truth };
	e->o_i2 = (hf_int2_opt){ i % 3, e->i2 };
	e->o_i4 = (hf_int4_opt){ i % 4, (int32_t)e->i8 };
	e->o_i8 = (hf_int8_opt){ i % 5, e->i8 };
	e->o_f4 = (hf_float4_opt){ i % 2, e->f4 };
	e->o_f8 = (hf_float8_opt){ i % 3, e->f8 };
	e->o_at = (hf_timestamptz_opt){ i % 4, e->at };
	e->o_local = (hf_timestamp_opt){ i % 5, e->local };
	e->o_day = (hf_date_opt){ i % 2, e->day };
	e->o_hour = (hf_time_of_day_opt){ i % 3, e->hour };
	e->o_hour_there = (hf_timetz_opt){ i % 4, e->hour_there };
	e->o_span = (hf_interval_opt){ i % 5, e->span };
	e->o_uuid = (hf_uuid_opt){ i % 2, e->uuid };
	e->o_lsn = (hf_lsn_opt){ i % 3, e->lsn };
}

static struct every *rows_of(int n)
{
	struct every *e = calloc((size_t)n, sizeof *e);

	for (int i = 0; i < n; i++)
		make(&e[i], i);
	return e;
}

/* --- the cases --- */

static void both_are_the_same(void)
{
	ck_assert_int_eq(t_psql_int("select count(*) from every"), ROWS);
	t_sql_gives("select count(*) from (select e::text from every e except all "
		    "select s::text from single s) x",
		"0");
}

/* One by one their values travel as scalars; their rows read the same. */
START_TEST(test_every_type)
{
	struct t_store st = open_every();
	struct every *e = rows_of(ROWS);
	int64_t n;

	for (int i = 0; i < ROWS; i++)
		t_verb(st.s, hf_insert(st.s, every, &e[i]));
	free(t_psql("insert into single select * from every; truncate every"));
	t_verb(st.s, hf_insert_many(st.s, every, e, ROWS));
	both_are_the_same();
	free(t_psql("truncate every; insert into every (select (jsonb_populate_record(s, "
		    "'{\"text\": \"old\", \"bytes\": \"old\", \"o_hour\": \"1:00\", "
		    "\"numeric\": 7}')).* from single s)"));
	t_verb(st.s, hf_update_many(st.s, every, e, ROWS, NULL, &n));
	ck_assert_int_eq(n, ROWS);
	both_are_the_same();
	free(e);
	t_store_close(&st);
}
END_TEST

static void refused(struct t_store *st, struct every *bad, hf_status expected)
{
	struct every e[2];

	make(&e[0], 2);
	e[1] = *bad;
	ck_assert_int_eq(hf_insert(st->s, every, bad), expected);
	ck_assert_int_eq(hf_insert_many(st->s, every, e, 2), expected);
	ck_assert_int_eq(t_psql_int("select count(*) from every"), 0);
}

/* What has no binary form is refused as in a row of its own. */
START_TEST(test_refused)
{
	struct t_store st = open_every();
	struct every e;

	make(&e, 1);
	e.hour.us = -1;
	refused(&st, &e, HF_E_MISUSE);
	make(&e, 1);
	e.hour_there.east = 16 * 3600;
	refused(&st, &e, HF_E_MISUSE);
	make(&e, 1);
	e.at.us = HF_TIME_MINUS_INFINITY + 1;
	refused(&st, &e, HF_E_SQL);
	make(&e, 1);
	e.day.days = HF_DATE_MINUS_INFINITY + 1;
	refused(&st, &e, HF_E_SQL);
	make(&e, 1);
	e.numeric.s = "1; drop";
	refused(&st, &e, HF_E_TYPE);
	make(&e, 1);
	e.text = "\xff";
	refused(&st, &e, HF_E_TYPE);
	t_store_close(&st);
}
END_TEST

START_TEST(test_hundred_thousand)
{
	struct t_store st = open_every();
	struct every *e = rows_of(100000);

	t_verb(st.s, hf_insert_many(st.s, every, e, 100000));
	t_sql_gives("select concat_ws(' ', count(*), sum(id), count(text), count(o_hour), "
		    "count(bytes)) from every",
		"100000 4999950000 83334 66666 85714");
	free(e);
	t_store_close(&st);
}
END_TEST

T_MAIN("many_arrays",
	{ "J6 H11 every type, NULL and extremes, as in single rows", test_every_type, 60 },
	{ "J6 H11 what has no binary form is refused", test_refused, 0 },
	{ "J6 H11 100,000 rows of 31 columns", test_hundred_thousand, 60 })
