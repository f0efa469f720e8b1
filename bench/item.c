/* SPDX-License-Identifier: MIT */
/* peer_item of the insert workloads as a model. */
#include "item.h"

static const hf_column item_columns[] = {
	HF_COLUMN(item, id, INT8, NOT_NULL, HF_SERIAL),
	HF_COLUMN(item, subject, VARCHAR(250), NOT_NULL, HF_PLAIN),
	HF_COLUMN(item, done, BOOL, NOT_NULL, HF_DEFAULT("false")),
	HF_COLUMN(item, created, TIMESTAMPTZ, NOT_NULL, HF_DEFAULT("now()")),
	HF_COLUMN(item, score, FLOAT8, NULLABLE, HF_PLAIN),
};
HF_TABLE(item, .name = "peer_item");
