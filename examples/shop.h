/* SPDX-License-Identifier: MIT */
/* The tables of a record shop: all of Chinook's (https://github.com/lerocha/chinook-database, MIT),
 * as its script for PostgreSQL makes them. A struct is a row. A text that may be NULL is a NULL
 * pointer then. */
#ifndef SHOP_H
#define SHOP_H

#include <holdfast.h>

struct artist {
	int32_t artist_id;
	const char *name;
};

struct album {
	int32_t album_id;
	const char *title;
	int32_t artist_id;
};

struct genre {
	int32_t genre_id;
	const char *name;
};

struct media_type {
	int32_t media_type_id;
	const char *name;
};

struct track {
	int32_t track_id;
	const char *name;
	hf_int4_opt album_id;
	int32_t media_type_id;
	hf_int4_opt genre_id;
	const char *composer;
	int32_t milliseconds;
	hf_int4_opt bytes;
	hf_numeric unit_price;
};

struct playlist {
	int32_t playlist_id;
	const char *name;
};

struct playlist_track {
	int32_t playlist_id;
	int32_t track_id;
};

struct employee {
	int32_t employee_id;
	const char *last_name, *first_name, *title;
	hf_int4_opt reports_to; /* another one */
	hf_timestamp_opt birth_date, hire_date;
	const char *address, *city, *state, *country, *postal_code, *phone, *fax, *email;
};

struct customer {
	int32_t customer_id;
	const char *first_name, *last_name, *company;
	const char *address, *city, *state, *country, *postal_code, *phone, *fax, *email;
	hf_int4_opt support_rep_id;
};

struct invoice {
	int32_t invoice_id;
	int32_t customer_id;
	hf_timestamp invoice_date;
	const char *billing_address, *billing_city, *billing_state, *billing_country;
	const char *billing_postal_code;
	hf_numeric total;
};

struct invoice_line {
	int32_t invoice_line_id;
	int32_t invoice_id;
	int32_t track_id;
	hf_numeric unit_price;
	int32_t quantity;
};

extern const hf_table artist_table, album_table, genre_table, media_type_table, track_table,
	playlist_table, playlist_track_table, employee_table, customer_table, invoice_table,
	invoice_line_table;

/* All of them, and NULL. */
extern const hf_table *const shop_tables[];

/* No tables: what the shop's reports answer. */
struct sale {
	const char *artist;
	int64_t sold;
	hf_numeric takings;
};

struct agent {
	const char *name;
	int64_t customers, invoices;
	hf_numeric takings; /* NULL: none */
};

struct post {
	int32_t level; /* 0: nobody above */
	const char *name, *title;
};

extern const hf_table sale_table, agent_table, post_table;

/* A small catalogue, for tables that are empty. */
hf_status shop_fill(hf_session *s);

#endif
