/* SPDX-License-Identifier: MIT */
/* What the server has of the structs of shop.h: column for column, and key for key, what Chinook's
 * own script makes. Keys and indexes have PostgreSQL's names, as there. */
#include "shop.h"

#include <time.h>

static const hf_column artist_columns[] = {
	HF_COLUMN(artist, artist_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(artist, name, VARCHAR(120), NULLABLE, HF_PLAIN),
};
HF_TABLE(artist, .name = "artist");

static const hf_column album_columns[] = {
	HF_COLUMN(album, album_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(album, title, VARCHAR(160), NOT_NULL, HF_PLAIN),
	HF_COLUMN(album, artist_id, INT4, NOT_NULL, HF_PLAIN),
};
static const hf_foreign_key album_keys[] = {
	HF_FOREIGN_KEY(album, artist_id, artist, artist_id, .on_delete = HF_NO_ACTION),
};
static const hf_index album_indexes[] = {
	HF_INDEX_ON(HF_C(album, artist_id)),
};
HF_TABLE(album, .foreign_keys = album_keys, .n_foreign_keys = HF_COUNT(album_keys),
	.indexes = album_indexes, .n_indexes = HF_COUNT(album_indexes));

static const hf_column genre_columns[] = {
	HF_COLUMN(genre, genre_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(genre, name, VARCHAR(120), NULLABLE, HF_PLAIN),
};
HF_TABLE(genre, .name = "genre");

static const hf_column media_type_columns[] = {
	HF_COLUMN(media_type, media_type_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(media_type, name, VARCHAR(120), NULLABLE, HF_PLAIN),
};
HF_TABLE(media_type, .name = "media_type");

static const hf_column track_columns[] = {
	HF_COLUMN(track, track_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(track, name, VARCHAR(200), NOT_NULL, HF_PLAIN),
	HF_COLUMN(track, album_id, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(track, media_type_id, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(track, genre_id, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(track, composer, VARCHAR(220), NULLABLE, HF_PLAIN),
	HF_COLUMN(track, milliseconds, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(track, bytes, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(track, unit_price, DECIMAL(10, 2), NOT_NULL, HF_PLAIN),
};
static const hf_foreign_key track_keys[] = {
	HF_FOREIGN_KEY(track, album_id, album, album_id, .on_delete = HF_NO_ACTION),
	HF_FOREIGN_KEY(track, genre_id, genre, genre_id, .on_delete = HF_NO_ACTION),
	HF_FOREIGN_KEY(track, media_type_id, media_type, media_type_id, .on_delete = HF_NO_ACTION),
};
static const hf_index track_indexes[] = {
	HF_INDEX_ON(HF_C(track, album_id)),
	HF_INDEX_ON(HF_C(track, genre_id)),
	HF_INDEX_ON(HF_C(track, media_type_id)),
};
HF_TABLE(track, .foreign_keys = track_keys, .n_foreign_keys = HF_COUNT(track_keys),
	.indexes = track_indexes, .n_indexes = HF_COUNT(track_indexes));

static const hf_column playlist_columns[] = {
	HF_COLUMN(playlist, playlist_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(playlist, name, VARCHAR(120), NULLABLE, HF_PLAIN),
};
HF_TABLE(playlist, .name = "playlist");

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
static const hf_index playlist_track_indexes[] = {
	HF_INDEX_ON(HF_C(playlist_track, playlist_id)),
	HF_INDEX_ON(HF_C(playlist_track, track_id)),
};
HF_TABLE(playlist_track, .foreign_keys = playlist_track_keys,
	.n_foreign_keys = HF_COUNT(playlist_track_keys), .indexes = playlist_track_indexes,
	.n_indexes = HF_COUNT(playlist_track_indexes));

/* A key to the table itself. */
static const hf_column employee_columns[] = {
	HF_COLUMN(employee, employee_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(employee, last_name, VARCHAR(20), NOT_NULL, HF_PLAIN),
	HF_COLUMN(employee, first_name, VARCHAR(20), NOT_NULL, HF_PLAIN),
	HF_COLUMN(employee, title, VARCHAR(30), NULLABLE, HF_PLAIN),
	HF_COLUMN(employee, reports_to, INT4, NULLABLE, HF_PLAIN),
	HF_COLUMN(employee, birth_date, TIMESTAMP, NULLABLE, HF_PLAIN),
	HF_COLUMN(employee, hire_date, TIMESTAMP, NULLABLE, HF_PLAIN),
	HF_COLUMN(employee, address, VARCHAR(70), NULLABLE, HF_PLAIN),
	HF_COLUMN(employee, city, VARCHAR(40), NULLABLE, HF_PLAIN),
	HF_COLUMN(employee, state, VARCHAR(40), NULLABLE, HF_PLAIN),
	HF_COLUMN(employee, country, VARCHAR(40), NULLABLE, HF_PLAIN),
	HF_COLUMN(employee, postal_code, VARCHAR(10), NULLABLE, HF_PLAIN),
	HF_COLUMN(employee, phone, VARCHAR(24), NULLABLE, HF_PLAIN),
	HF_COLUMN(employee, fax, VARCHAR(24), NULLABLE, HF_PLAIN),
	HF_COLUMN(employee, email, VARCHAR(60), NULLABLE, HF_PLAIN),
};
static const hf_foreign_key employee_keys[] = {
	HF_FOREIGN_KEY(employee, reports_to, employee, employee_id, .on_delete = HF_NO_ACTION),
};
static const hf_index employee_indexes[] = {
	HF_INDEX_ON(HF_C(employee, reports_to)),
};
HF_TABLE(employee, .foreign_keys = employee_keys, .n_foreign_keys = HF_COUNT(employee_keys),
	.indexes = employee_indexes, .n_indexes = HF_COUNT(employee_indexes));

static const hf_column customer_columns[] = {
	HF_COLUMN(customer, customer_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(customer, first_name, VARCHAR(40), NOT_NULL, HF_PLAIN),
	HF_COLUMN(customer, last_name, VARCHAR(20), NOT_NULL, HF_PLAIN),
	HF_COLUMN(customer, company, VARCHAR(80), NULLABLE, HF_PLAIN),
	HF_COLUMN(customer, address, VARCHAR(70), NULLABLE, HF_PLAIN),
	HF_COLUMN(customer, city, VARCHAR(40), NULLABLE, HF_PLAIN),
	HF_COLUMN(customer, state, VARCHAR(40), NULLABLE, HF_PLAIN),
	HF_COLUMN(customer, country, VARCHAR(40), NULLABLE, HF_PLAIN),
	HF_COLUMN(customer, postal_code, VARCHAR(10), NULLABLE, HF_PLAIN),
	HF_COLUMN(customer, phone, VARCHAR(24), NULLABLE, HF_PLAIN),
	HF_COLUMN(customer, fax, VARCHAR(24), NULLABLE, HF_PLAIN),
	HF_COLUMN(customer, email, VARCHAR(60), NOT_NULL, HF_PLAIN),
	HF_COLUMN(customer, support_rep_id, INT4, NULLABLE, HF_PLAIN),
};
static const hf_foreign_key customer_keys[] = {
	HF_FOREIGN_KEY(customer, support_rep_id, employee, employee_id, .on_delete = HF_NO_ACTION),
};
static const hf_index customer_indexes[] = {
	HF_INDEX_ON(HF_C(customer, support_rep_id)),
};
HF_TABLE(customer, .foreign_keys = customer_keys, .n_foreign_keys = HF_COUNT(customer_keys),
	.indexes = customer_indexes, .n_indexes = HF_COUNT(customer_indexes));

static hf_status now(void *member, void *row)
{
	(void)row;
	((hf_timestamp *)member)->us = (int64_t)time(NULL) * 1000000;
	return HF_OK;
}

/* hf_new sets the date; the table has no default for it. */
static const hf_column invoice_columns[] = {
	HF_COLUMN(invoice, invoice_id, INT4, NOT_NULL, HF_IDENTITY_ALWAYS),
	HF_COLUMN(invoice, customer_id, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(invoice, invoice_date, TIMESTAMP, NOT_NULL, .on_insert = now),
	HF_COLUMN(invoice, billing_address, VARCHAR(70), NULLABLE, HF_PLAIN),
	HF_COLUMN(invoice, billing_city, VARCHAR(40), NULLABLE, HF_PLAIN),
	HF_COLUMN(invoice, billing_state, VARCHAR(40), NULLABLE, HF_PLAIN),
	HF_COLUMN(invoice, billing_country, VARCHAR(40), NULLABLE, HF_PLAIN),
	HF_COLUMN(invoice, billing_postal_code, VARCHAR(10), NULLABLE, HF_PLAIN),
	HF_COLUMN(invoice, total, DECIMAL(10, 2), NOT_NULL, HF_PLAIN),
};
static const hf_foreign_key invoice_keys[] = {
	HF_FOREIGN_KEY(invoice, customer_id, customer, customer_id, .on_delete = HF_NO_ACTION),
};
static const hf_index invoice_indexes[] = {
	HF_INDEX_ON(HF_C(invoice, customer_id)),
};
HF_TABLE(invoice, .foreign_keys = invoice_keys, .n_foreign_keys = HF_COUNT(invoice_keys),
	.indexes = invoice_indexes, .n_indexes = HF_COUNT(invoice_indexes));

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
static const hf_index invoice_line_indexes[] = {
	HF_INDEX_ON(HF_C(invoice_line, invoice_id)),
	HF_INDEX_ON(HF_C(invoice_line, track_id)),
};
HF_TABLE(invoice_line, .foreign_keys = invoice_line_keys,
	.n_foreign_keys = HF_COUNT(invoice_line_keys), .indexes = invoice_line_indexes,
	.n_indexes = HF_COUNT(invoice_line_indexes));

/* Read as tables are, and never registered. */
static const hf_column sale_columns[] = {
	HF_COLUMN(sale, artist, TEXT, NULLABLE, HF_PLAIN),
	HF_COLUMN(sale, sold, INT8, NOT_NULL, HF_PLAIN),
	HF_COLUMN(sale, takings, NUMERIC, NOT_NULL, HF_PLAIN),
};
HF_TABLE(sale, .name = "sale");

static const hf_column agent_columns[] = {
	HF_COLUMN(agent, name, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(agent, customers, INT8, NOT_NULL, HF_PLAIN),
	HF_COLUMN(agent, invoices, INT8, NOT_NULL, HF_PLAIN),
	HF_COLUMN(agent, takings, NUMERIC, NULLABLE, HF_PLAIN),
};
HF_TABLE(agent, .name = "agent");

static const hf_column post_columns[] = {
	HF_COLUMN(post, level, INT4, NOT_NULL, HF_PLAIN),
	HF_COLUMN(post, name, TEXT, NOT_NULL, HF_PLAIN),
	HF_COLUMN(post, title, TEXT, NULLABLE, HF_PLAIN),
};
HF_TABLE(post, .name = "post");

/* In any order: they are made in that of their foreign keys. */
const hf_table *const shop_tables[] = { &album_table, &artist_table, &customer_table,
	&employee_table, &genre_table, &invoice_table, &invoice_line_table, &media_type_table,
	&playlist_table, &playlist_track_table, &track_table, NULL };
