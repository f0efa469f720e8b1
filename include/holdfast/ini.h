/* SPDX-License-Identifier: MIT */
/* Engines from an ini file. Not part of holdfast.h, and in a library of its own (-lholdfast-ini),
 * which needs libinih:
 *
 *     [app:main]
 *     sqlalchemy_writer.url = postgresql://primary/shop
 *     sqlalchemy_writer.pool_size = 16
 *     sqlalchemy_reader.url = service=shop-replica
 *
 *     st = hf_engines_open_ini(engines, "shop.ini", "app:main", "sqlalchemy_", &why); */
#ifndef HOLDFAST_INI_H
#define HOLDFAST_INI_H

#include <holdfast/engine.h>

HF__BEGIN

/* Opens the engines that the settings of a section (NULL: those before the first) describe, as
 * hf_engines_configure does with `prefix`, and with its answers; the message has the file and the
 * section in front. Besides, HF_E_MISUSE: the section is not there or is empty, or no setting in it
 * begins with the prefix; the file cannot be read, a line of it is no setting, or is longer than
 * libinih takes (198 bytes as Debian builds it): the message has the file and the line, and nothing
 * of the line's text. libinih tells names of sections apart by 49 bytes, so a longer one than 48 is
 * refused. HF_E_NOMEM.
 *
 * The file's form is libinih's: comments begin with ";" or "#" at the start of a line, or with ";"
 * behind a blank (a "#" there belongs to the value); an indented line goes on with the value before
 * it, with a blank between, as a conninfo string can. Reads the file, and blocks as hf_engines_open
 * does. */
HF_CHECK hf_status hf_engines_open_ini(hf_engines *e, const char *path, const char *section,
	const char *prefix, hf_error **out_error);

HF__END

#endif
