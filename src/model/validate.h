/* SPDX-License-Identifier: MIT */
/* Rows before they are sent, and members behind errors. */
#ifndef HF_MODEL_VALIDATE_H
#define HF_MODEL_VALIDATE_H

#include "model/ddl.h"

/* All that is wrong with the row, in one story; NULL: nothing. `only`: of these columns (NULL:
 * all). */
hf_error *hf__row_check(const hf__plan *p, void *row, const uint32_t *only);

/* A violated constraint's story with the members that it is about, where they are known. Consumes
 * `e`. */
hf_error *hf__error_with_members(const hf__plan *p, hf_error *e);

/* registry.c: the patterns that are not NULL. */
void hf__naming_take(hf__naming *to, const hf_naming *from);

#endif
