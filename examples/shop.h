/* SPDX-License-Identifier: MIT */
/* The tables of a record shop, after Chinook (https://github.com/lerocha/chinook-database, MIT):
 * those of its tables and columns that shop.c needs. A struct is a row. */
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

struct track {
	int32_t track_id;
	const char *name;
	hf_int4_opt album_id;
	const char *composer; /* NULL: unknown */
	int32_t milliseconds;
	hf_numeric unit_price;
};

struct customer {
	int32_t customer_id;
	const char *first_name, *last_name;
	const char *country; /* NULL: unknown */
	const char *email;
};

struct invoice {
	int32_t invoice_id;
	int32_t customer_id;
	hf_timestamp invoice_date;
	hf_numeric total;
};

struct invoice_line {
	int32_t invoice_line_id;
	int32_t invoice_id;
	int32_t track_id;
	hf_numeric unit_price;
	int32_t quantity;
};

struct playlist {
	int32_t playlist_id;
	const char *name;
};

struct playlist_track {
	int32_t playlist_id;
	int32_t track_id;
};

/* No table: what one of the shop's own SELECTs answers. */
struct sale {
	const char *artist;
	int64_t sold;
	hf_numeric takings;
};

extern const hf_table artist_table, album_table, track_table, customer_table, invoice_table,
	invoice_line_table, playlist_table, playlist_track_table, sale_table;

/* All that are tables, and NULL. */
extern const hf_table *const shop_tables[];

#endif
