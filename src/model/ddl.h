/* SPDX-License-Identifier: MIT */
/* The SQL that makes and drops what a description tells. All append a statement without its
 * semicolon; nothing is sent. */
#ifndef HF_MODEL_DDL_H
#define HF_MODEL_DDL_H

#include <holdfast/schema.h>

#include "model/plan.h"

/* The patterns of a registry; NULL members: PostgreSQL's own. */
typedef struct hf__naming {
	const char *key, *foreign_key, *unique, *index;
	const char *check; /* NULL: as it is called */
	const char *exclude;
} hf__naming;

extern const hf__naming hf__naming_default;

/* naming.c: the name that a pattern gives, of at most 63 bytes and a NUL. `columns` are positions
 * in p, and joined by "_"; `to` is the table referred to, or a check's name, or NULL. */
void hf__name(char out[64], const char *pattern, const hf__plan *p, const size_t *columns, size_t n,
	const char *to);

/* The same for a foreign key, an index, a check, in a description. */
void hf__foreign_key_name(
	char out[64], const hf__naming *names, const hf__plan *p, const hf_foreign_key *k);
void hf__index_name(char out[64], const hf__naming *names, const hf__plan *p, const hf_index *x);

void hf__check_name(
	char out[64], const hf__naming *names, const hf__plan *p, const hf_constraint *c);

/* Whether it is made as a UNIQUE constraint, which has an index. */
bool hf__index_is_constraint(const hf_index *x);

/* A name that was checked with its description, or made of one, quoted. */
void hf__put_ident(hf__strbuf *b, const char *name);

/* The statement, which is freed; in a block that takes these conditions for well (NULL: none): what
 * has no IF EXISTS, or no IF NOT EXISTS. */
void hf__put_forgiving(hf__strbuf *b, hf__strbuf *statement, const char *conditions);
void hf__put_if_missing(hf__strbuf *b, hf__strbuf *statement, bool if_missing);

/* "CREATE TABLE …", with all but foreign keys and indexes; a view's own SQL. */
void hf__put_create(hf__strbuf *b, const hf__naming *names, const hf__plan *p, bool if_missing);

/* objects.c: "CREATE TYPE …", "CREATE SEQUENCE …", "CREATE DOMAIN …". */
void hf__put_create_object(hf__strbuf *b, const hf__object *o, bool if_missing);

void hf__put_drop_object(hf__strbuf *b, const hf__object *o, bool if_there, bool dependents);

/* The same for one that may be missing, and stays where anything depends on it. */
void hf__put_drop_unused_object(hf__strbuf *b, const hf__object *o);

/* "ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY …"; NULL in *e, or why it cannot be. */
void hf__put_foreign_key(hf__strbuf *b, const hf__naming *names, const hf__plan *p,
	const hf_foreign_key *k, bool if_missing, hf_error **e);

/* "CREATE INDEX …", or "ALTER TABLE … ADD CONSTRAINT … UNIQUE …", or "… EXCLUDE …". */
void hf__put_index(hf__strbuf *b, const hf__naming *names, const hf__plan *p, const hf_index *x,
	bool if_missing);

/* The description's own SQL, which it has. */
void hf__put_drop_own(hf__strbuf *b, const hf__plan *p, bool if_there);

#endif
