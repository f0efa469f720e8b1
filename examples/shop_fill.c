/* SPDX-License-Identifier: MIT */
/* Something to sell, where the tables are empty. What the server makes, the keys, is read back into
 * the structs, so that the next ones can refer to it. */
#include "shop.h"

static hf_status fill_catalogue(hf_session *s)
{
	struct genre rock = { .name = "Rock" };
	struct media_type file = { .name = "MPEG audio file" };
	struct artist artists[] = { { .name = "The Borrowers" }, { .name = "Ada & the Loops" } };
	struct album albums[] = { { .title = "Held Fast" }, { .title = "Halting" } };
	struct track tracks[] = {
		{ .name = "Working Class Hero", .milliseconds = 181000, .unit_price = { "0.99" } },
		{ .name = "100% Idle", .milliseconds = 243500, .unit_price = { "0.99" } },
		{ .name = "Ask Me Later", .milliseconds = 205000, .unit_price = { "1.29" } },
		{ .name = "Work In A Loop", .milliseconds = 3600000, .unit_price = { "1.99" } },
	};
	hf_status st = hf_insert(s, genre, &rock);

	if (st == HF_OK)
		st = hf_insert(s, media_type, &file);
	if (st == HF_OK)
		st = hf_insert_many(s, artist, artists, 2);
	for (int i = 0; i < 2; i++)
		albums[i].artist_id = artists[i].artist_id;
	if (st == HF_OK)
		st = hf_insert_many(s, album, albums, 2);
	for (int i = 0; i < 4; i++) {
		tracks[i].album_id = (hf_int4_opt)HF_SOME(albums[i / 2].album_id);
		tracks[i].genre_id = (hf_int4_opt)HF_SOME(rock.genre_id);
		tracks[i].media_type_id = file.media_type_id;
	}
	return st == HF_OK ? hf_insert_many(s, track, tracks, 4) : st;
}

/* Each reports to the one before. */
static hf_status fill_staff(hf_session *s)
{
	struct employee staff[] = {
		{ .first_name = "Grace", .last_name = "Hull", .title = "General Manager" },
		{ .first_name = "Alan", .last_name = "Tyler", .title = "Sales Manager" },
		{ .first_name = "Edgar", .last_name = "Cole", .title = "Sales Support Agent" },
	};
	hf_status st = HF_OK;

	for (size_t i = 0; i < 3 && st == HF_OK; i++) {
		if (i > 0)
			staff[i].reports_to = (hf_int4_opt)HF_SOME(staff[i - 1].employee_id);
		st = hf_insert(s, employee, &staff[i]);
	}
	return st;
}

hf_status shop_fill(hf_session *s)
{
	struct playlist list = { .name = "Grunge" };
	hf_status st = fill_catalogue(s);

	if (st == HF_OK)
		st = fill_staff(s);
	return st == HF_OK ? hf_insert(s, playlist, &list) : st;
}
