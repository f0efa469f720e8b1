/* SPDX-License-Identifier: MIT */
/* What the server has of the structs of shop.h. */
#include "shop.h"

static const hf_column artist_columns[] = {
	HF_COLUMN(artist, artist_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(artist, name, VARCHAR(120), NULLABLE, HF_UNIQUE),
};
HF_TABLE(artist, .schema = "shop");

static const hf_column album_columns[] = {
	HF_COLUMN(album, album_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(album, title, VARCHAR(160), NOT_NULL, HF_PLAIN),
	HF_COLUMN(album, artist_id, INT4, NOT_NULL, HF_PLAIN),
};
static const hf_foreign_key album_keys[] = {
	HF_FOREIGN_KEY(album, artist_id, artist, artist_id, .on_delete = HF_NO_ACTION),
};
static const hf_index album_indexes[] = { HF_INDEX_ON(HF_C(album, artist_id)) };
HF_TABLE(album, .schema = "shop", .foreign_keys = album_keys,
	.n_foreign_keys = HF_COUNT(album_keys), .indexes = album_indexes,
	.n_indexes = HF_COUNT(album_indexes));

static const hf_column track_columns[] = {
	HF_COLUMN(track, track_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(track, name, VARCHAR(200), NOT_NULL, HF_PLAIN),
	HF_COLUMN(track, album_id, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(track, composer, VARCHAR(220), NULLABLE, HF_PLAIN),
	HF_COLUMN(track, milliseconds, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(track, unit_price, DECIMAL(10, 2), NOT_NULL, HF_PLAIN),
};
static const hf_foreign_key track_keys[] = {
	HF_FOREIGN_KEY(track, album_id, album, album_id, .on_delete = HF_NO_ACTION),
};
HF_TABLE(track, .schema = "shop", .foreign_keys = track_keys,
	.n_foreign_keys = HF_COUNT(track_keys));

static const hf_column customer_columns[] = {
	HF_COLUMN(customer, customer_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(customer, first_name, VARCHAR(40), NOT_NULL, HF_PLAIN),
	HF_COLUMN(customer, last_name, VARCHAR(20), NOT_NULL, HF_PLAIN),
	HF_COLUMN(customer, country, VARCHAR(40), NULLABLE, HF_PLAIN),
	HF_COLUMN(customer, email, VARCHAR(60), NOT_NULL, HF_UNIQUE),
};
HF_TABLE(customer, .schema = "shop");

static const hf_column invoice_columns[] = {
	HF_COLUMN(invoice, invoice_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(invoice, customer_id, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(invoice, invoice_date, TIMESTAMP, NOT_NULL, HF_DEFAULT("localtimestamp")),
	HF_COLUMN(invoice, total, DECIMAL(10, 2), NOT_NULL, HF_PLAIN),
};
static const hf_foreign_key invoice_keys[] = {
	HF_FOREIGN_KEY(invoice, customer_id, customer, customer_id, .on_delete = HF_NO_ACTION),
};
HF_TABLE(invoice, .schema = "shop", .foreign_keys = invoice_keys,
	.n_foreign_keys = HF_COUNT(invoice_keys));

static const hf_column invoice_line_columns[] = {
	HF_COLUMN(invoice_line, invoice_line_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(invoice_line, invoice_id, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(invoice_line, track_id, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(invoice_line, unit_price, DECIMAL(10, 2), NOT_NULL, HF_PLAIN),
	HF_COLUMN(invoice_line, quantity, INT4, NOT_NULL, HF_PLAIN),
};
static const hf_foreign_key invoice_line_keys[] = {
	HF_FOREIGN_KEY(invoice_line, invoice_id, invoice, invoice_id, .on_delete = HF_NO_ACTION),
	HF_FOREIGN_KEY(invoice_line, track_id, track, track_id, .on_delete = HF_NO_ACTION),
};
static const hf_constraint invoice_line_checks[] = { { .name = "at_least_one",
	.check = "quantity > 0",
	.column = { HF_C(invoice_line, quantity) } } };
HF_TABLE(invoice_line, .schema = "shop", .foreign_keys = invoice_line_keys,
	.n_foreign_keys = HF_COUNT(invoice_line_keys), .constraints = invoice_line_checks,
	.n_constraints = HF_COUNT(invoice_line_checks));

static const hf_column playlist_columns[] = {
	HF_COLUMN(playlist, playlist_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(playlist, name, VARCHAR(120), NULLABLE, HF_PLAIN),
};
HF_TABLE(playlist, .schema = "shop");

/* A key of two columns. */
static const hf_column playlist_track_columns[] = {
	HF_COLUMN(playlist_track, playlist_id, INT4, NOT_NULL, HF_PK),
	HF_COLUMN(playlist_track, track_id, INT4, NOT_NULL, HF_PK),
};
static const hf_foreign_key playlist_track_keys[] = {
	HF_FOREIGN_KEY(
		playlist_track, playlist_id, playlist, playlist_id, .on_delete = HF_NO_ACTION),
	HF_FOREIGN_KEY(playlist_track, track_id, track, track_id, .on_delete = HF_NO_ACTION),
};
HF_TABLE(playlist_track, .schema = "shop", .foreign_keys = playlist_track_keys,
	.n_foreign_keys = HF_COUNT(playlist_track_keys));

static const hf_column sale_columns[] = {
	HF_COLUMN(sale, artist, TEXT, NULLABLE, HF_PLAIN),
	HF_COLUMN(sale, sold, INT8, NOT_NULL, HF_PLAIN),
	HF_COLUMN(sale, takings, NUMERIC, NOT_NULL, HF_PLAIN),
};
HF_TABLE(sale, .name = "sale");

/* In any order: they are made in that of their foreign keys. */
const hf_table *const shop_tables[] = { &album_table, &artist_table, &customer_table,
	&invoice_table, &invoice_line_table, &playlist_table, &playlist_track_table, &track_table,
	NULL };
